"""Who is having which question answered just now, in this process.

Rule of this module: nobody waits for what is over. A caller leads at most one flight: whoever asks
again has left the one before. All who wait are released at once, and a question whose answer did
not come is asked by everybody for themselves, for a while.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from .._checks import seconds
from ..bounded.threads import Job
from ..configuration import SingleFlight

MOST = 1024
"""Keys of which the past is remembered."""


class Flight(Job[bool]):
    """A question on its way through the model; its result is whether the answer was stored."""

    def __init__(self, key: str, caller: Any) -> None:
        super().__init__(lambda: landed[0])
        landed = self._landed = [False]
        self.key = key
        self.caller = caller
        self.followers = 0
        """How many have been told to wait, whether they still do or not."""

    @override
    def give_up(self) -> None:
        """Change nothing: who waits no longer leaves the others waiting."""

    def end(self, landed: bool) -> None:
        self._landed[0] = landed
        self.carry_out()


class Ticket:
    """One lookup on its way to a flight: who asks, and how many had landed when it began."""

    __slots__ = ("caller", "landings")

    def __init__(self, caller: Any, landings: int) -> None:
        self.caller = caller
        self.landings = landings


class Flights:
    """The flights of one cache."""

    def __init__(self, settings: SingleFlight, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = seconds("wait", settings.wait, "e.g. SingleFlight(wait=15)")
        self.pause = seconds("pause", settings.pause, "e.g. SingleFlight(pause=60)")
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget everything; after a fork nobody is on the way, and the lock may be held."""
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._leads: dict[Any, Flight] = {}
        self._alone: dict[str, float] = {}
        """Until when a question is not worth waiting for."""
        self._landed: dict[str, int] = {}
        self._landings = 0
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()

    def ticket(self, caller: Any) -> Ticket:
        """Begin a lookup, before Redis is asked."""
        if caller in self._leads:
            self.left(caller)
        return Ticket(caller, self._landings)

    def board(self, key: str, ticket: Ticket) -> Flight | bool:
        """Say what to do about a question without an answer.

        Returns the flight to wait for; or True: the answer has come since the ticket was taken,
        so look again; or False: ask the model, for the others too where this caller leads.
        """
        with self._lock:
            until = self._alone.get(key)
            if until is not None and self._clock() < until:
                return False
            flight = self._flights.get(key)
            if flight is not None:
                flight.followers += 1
                return flight
            if self._landed.get(key, 0) > ticket.landings:
                return True
            self._flights[key] = self._leads[ticket.caller] = Flight(key, ticket.caller)
        self._watch(ticket.caller)
        return False

    def _watch(self, caller: Any) -> None:
        """Notice where a task ends, however it does; a thread says so itself."""
        notice = getattr(caller, "add_done_callback", None)
        if notice is not None and caller not in self._watched:
            self._watched.add(caller)
            notice(self.left)

    def stored(self, key: str) -> None:
        """There is an answer to this question."""
        with self._lock:
            self._landings += 1
            self._landed.pop(key, None)
            _put(self._landed, key, self._landings)
            self._alone.pop(key, None)
            flight = self._take(key)
        if flight is not None:
            flight.end(True)

    def failed(self, key: str) -> None:
        """There will be no answer to this question."""
        flight = self._flights.get(key)
        if flight is not None:
            self.give_up_on(flight)

    def left(self, caller: Any) -> None:
        """Whatever this caller led has come to nothing."""
        flight = self._leads.get(caller)
        if flight is not None:
            self.give_up_on(flight)

    def give_up_on(self, flight: Flight) -> None:
        """End a flight, and have nobody wait for the next ones of its question for a while."""
        with self._lock:
            if self._flights.get(flight.key) is not flight:
                return
            self._take(flight.key)
            self._alone.pop(flight.key, None)
            _put(self._alone, flight.key, self._clock() + self.pause)
        flight.end(False)

    def needless(self, caller: Any) -> None:
        """This caller's question has been answered by another one's entry."""
        flight = self._leads.get(caller)
        if flight is None:
            return
        with self._lock:
            if self._flights.get(flight.key) is not flight:
                return
            self._take(flight.key)
        flight.end(False)

    def led_by(self, caller: Any) -> Flight | None:
        return self._leads.get(caller)

    def hand_over(self, caller: Any) -> None:
        """What this caller led is being stored behind the call: it may go."""
        with self._lock:
            self._leads.pop(caller, None)

    def release(self) -> None:
        """Let everybody go: the cache is being closed."""
        with self._lock:
            flights = list(self._flights.values())
            self._flights.clear()
            self._leads.clear()
        for flight in flights:
            flight.end(False)

    def _take(self, key: str) -> Flight | None:
        flight = self._flights.pop(key, None)
        if flight is not None and self._leads.get(flight.caller) is flight:
            del self._leads[flight.caller]
        return flight


def _put(past: dict[str, Any], key: str, value: Any) -> None:
    past[key] = value
    if len(past) > MOST:
        del past[next(iter(past))]
