"""Simultaneous lookups of one question: the first asks the model, the others wait for its answer.

Rule of this module: waiting is tried once per lookup; whatever comes of it, the lookup goes on as
it would have done alone.
"""

from __future__ import annotations

import time

from .._checks import seconds
from .._effects import Await, Caller, Flow
from ..configuration import SingleFlight
from ..events import Hit, Miss, Waited
from .calls import Asked, Calls, Result
from .exact import ExactLookup
from .flights import Flight, Flights, Ticket
from .leases import Leases
from .options import CallOptions
from .serve import OTHER_DOCUMENTS

_UNANSWERED = ("no_candidate", "unreadable_entry", OTHER_DOCUMENTS)
"""Misses of an exact lookup that the next store mends."""


class Together:
    """What a lookup does about identical ones, where that is wished."""

    def __init__(self, calls: Calls, exact: ExactLookup, settings: SingleFlight) -> None:
        self.flights = Flights(settings)
        self._calls = calls
        self._exact = exact
        self.leases: Leases | None = None
        if settings.lease is not None:
            lifetime = seconds("lease", settings.lease, "e.g. SingleFlight(lease=2)")
            self.leases = Leases(calls, exact, self.flights, lifetime)

    def begin(self, options: CallOptions) -> Flow[Ticket | None]:
        """Take a ticket, before Redis is asked.

        Who stores nothing has nothing that others could wait for, and does not wait itself.
        """
        if not (options.lookup and options.update and options.remember):
            return None
        caller = options.caller or (yield Caller())
        return None if caller is None else self.flights.ticket(caller)

    def look(self, asked: Asked, ticket: Ticket, result: Result | None) -> Flow[Result | None]:
        """Lead, or wait for the one who does and look again; `result` is what was found so far."""
        if result is not None and not _is_unanswered(result):
            return result
        turn = self.flights.board(asked.key, ticket)
        if isinstance(turn, Flight):
            turn = yield from self._wait(turn)
        elif not turn and self.leases is not None and self.flights.led_by(ticket.caller):
            asked.riding = self.leases.claim(asked.key)
        return (yield from self._exact.look(asked)) if turn else result

    def _wait(self, flight: Flight) -> Flow[bool]:
        started = time.perf_counter()
        landed: bool | None = None
        try:
            landed = yield Await(flight, self.flights.patience)
        finally:
            spent = time.perf_counter() - started
            self._calls.reporter.emit(Waited(bool(landed), spent, flight.key))
        if landed is None:
            self.flights.give_up_on(flight)  # it hangs, or its end went unnoticed
        return bool(landed)

    def end(self, ticket: Ticket, result: Result) -> Flow[Result]:
        """Release the others where nobody is going to ask the model; else look at other processes.

        A lease that was taken along with a search that found something expires by itself: others
        find the same.
        """
        if isinstance(result.event, Hit):
            self.flights.needless(ticket.caller)
            return result
        flight = self.flights.led_by(ticket.caller)
        if self.leases is None or flight is None or result.asked is None:
            return result
        return (yield from self.leases.settle(result.asked, flight, result))

    def reset(self) -> None:
        """Forget everything: this is another process."""
        self.flights.reset()
        if self.leases is not None:
            self.leases.reset()

    def hand_over(self) -> Flow[None]:
        """Say that the answer is being stored behind the call."""
        self.flights.hand_over((yield Caller()))

    def led(self, options: CallOptions) -> Flow[Flight | None]:
        """Return what this caller leads since its last lookup."""
        return self.flights.led_by(options.caller or (yield Caller()))


def _is_unanswered(result: Result) -> bool:
    return isinstance(result.event, Miss) and result.event.reason in _UNANSWERED
