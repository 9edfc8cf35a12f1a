"""Which process is having a question answered: a lease in Redis, renewed until it is over.

Rule of this module: a lease only saves calls of the model. Where it cannot be had, is lost or
expires early, the model is asked once too often and nothing else happens, so there is no fencing:
a late answer is as right as the first one.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import suppress

from .._effects import (
    Await,
    Command,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
    as_text,
)
from ..events import Bypassed, Hit, Waited
from .calls import Asked, Calls, Result
from .exact import ExactLookup
from .flights import Flight, Flights

FAILED = "-"
"""In place of a token: its answer did not come, and nobody is to wait for a while."""
FIRST_POLL, LONGEST_POLL = 0.02, 0.2
"""Seconds between two looks at the entry, give or take a half."""
ROUND_TRIP = 0.5
"""Seconds for renewing all leases of this process."""


class Leases:
    """The leases of one cache in this process."""

    def __init__(self, calls: Calls, exact: ExactLookup, flights: Flights, lifetime: float) -> None:
        self._calls = calls
        self._exact = exact
        self._flights = flights
        self._lifetime = lifetime
        self.reset()

    def reset(self) -> None:
        """Forget everything; after a fork the leases are the parent's, and so is its name."""
        self._lock = threading.Lock()
        self._token = uuid.uuid4().hex
        self._held: dict[str, tuple[Flight, float]] = {}
        """With the time until which anybody might wait for it."""
        self._keeping = False
        self._wake = Flight("", None)

    def claim(self, key: str) -> list[Command]:
        """Return the commands that take the lease where it is free, and tell whose it is."""
        lease, milliseconds = _lease(key), int(self._lifetime * 1000)
        return [("SET", lease, self._token, "NX", "PX", milliseconds), ("GET", lease)]

    def settle(self, asked: Asked, flight: Flight, result: Result) -> Flow[Result]:
        """Lead for all processes, or wait for the answer of the one that does."""
        started = time.perf_counter()
        until = time.monotonic() + self._flights.patience
        delay, waited, landed = FIRST_POLL, False, False
        try:
            asked.riding = ()
            if asked.rode is None:  # nothing was sent since the flight began
                asked.rode = yield from self._calls.send(asked, self.claim(asked.key))
            while (holder := self._holder(asked)) not in (self._token, None):
                left = until - time.monotonic()
                if holder == FAILED or left <= 0:
                    self._flights.give_up_on(flight)
                    return result
                waited = True
                pause = min(left, delay * random.uniform(0.5, 1.5))
                if (yield Await(flight, pause)) is not None:
                    return result  # the cache is being closed
                delay = min(LONGEST_POLL, delay * 1.5)
                asked.riding = self.claim(asked.key)
                found = yield from self._exact.look(asked)
                if found is not None and isinstance(found.event, Bypassed):
                    return found  # switched off meanwhile
                if found is not None and isinstance(found.event, Hit):
                    landed = True
                    self._flights.stored(asked.key)
                    if self._holder(asked) == self._token:  # it was free already
                        yield from self._hold(flight)
                    return found
        except RedisUnavailableError as error:
            self._calls.failed("lookup", "redis", error)
            self._flights.give_up_on(flight)
            return result
        finally:
            if waited:
                spent = time.perf_counter() - started
                self._calls.reporter.emit(Waited(landed, spent, asked.key))
        if holder is not None:
            yield from self._hold(flight)
        return result

    def _holder(self, asked: Asked) -> str | None:
        """Say whose the lease is; None where there are no leases to be had."""
        reply = asked.rode[-1] if asked.rode else None
        return None if reply is None or isinstance(reply, ErrorReply) else as_text(reply)

    def _hold(self, flight: Flight) -> Flow[None]:
        with self._lock:
            self._held[flight.key] = flight, time.monotonic() + self._flights.patience
            begins, self._keeping = not self._keeping, True
        flight.then(self._ended)
        if begins and not (yield Later(self._keep())):
            self._keeping = False

    def _ended(self, _: object) -> None:
        with self._lock:
            wake, self._wake = self._wake, Flight("", None)
        wake.end(True)

    def _keep(self) -> Flow[None]:
        """Renew the leases of all flights of this process, and give back those that are over."""
        try:
            while True:
                wake = self._wake
                commands = self._due()
                if commands:
                    with suppress(RedisUnavailableError):  # others go on when it has expired
                        yield Send(commands, write=True, timeout=ROUND_TRIP)
                if self._is_idle():
                    return
                yield Await(wake, self._lifetime / 3)
        except GeneratorExit:  # the loop that it ran on has ended
            self._keeping = False
            raise

    def _is_idle(self) -> bool:
        with self._lock:
            if not self._held:
                self._keeping = False
            return not self._held

    def _due(self) -> list[Command]:
        commands: list[Command] = []
        milliseconds = int(self._lifetime * 1000)
        with self._lock:
            held, now = list(self._held.items()), time.monotonic()
        for _, (flight, until) in held:
            if now > until:  # it hangs, or its end went unnoticed
                self._flights.give_up_on(flight)
        with self._lock:
            for key, (flight, _) in held:
                lease = _lease(key)
                if not flight.wait(0):
                    commands.append(("SET", lease, self._token, "XX", "PX", milliseconds))
                    continue
                if self._held[key][0] is flight:
                    del self._held[key]
                if flight.result():
                    commands.append(("UNLINK", lease))
                else:
                    commands.append(("SET", lease, FAILED, "PX", int(self._flights.pause * 1000)))
        return commands


def _lease(key: str) -> str:
    return f"{key}:lease"
