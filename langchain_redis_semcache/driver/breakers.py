"""A breaker for each part of Redis that can be down by itself, told of as one.

Reads and writes have one each on a single server. On a cluster each shard has, and searches, which
depend on all of them, have one of their own: exact hits and stores of the shards that live go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

from ..bounded.breaker import Breaker, State
from ..entry.engine import meaning
from ..events import BreakerChanged
from ..reporting.reporter import Reporter
from ..transport.shards import SEARCHES, Shards

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 4.0
"""Seconds, give or take a quarter: a long outage costs one timeout in each, and its end is noticed
after no more than that."""

Subject = Literal["redis", "search", "store"]


class SearchIncomplete(Exception):  # noqa: N818 -- its name is what a `Failed` event says
    """Not all shards answered a search: as an outage of searches that is no different from none."""


class Breakers:
    """Stands between the drivers and Redis."""

    def __init__(
        self, reporter: Reporter, shards: Shards, clock: Callable[[], float] = time.monotonic
    ) -> None:
        subjects: tuple[Subject, ...] = ("redis", "search", "store")
        about = (reporter, shards.present, clock)
        self._families = {one: _Family(one, *about) for one in subjects}
        reporter.works = self.works

    def guard(self, where: str, write: bool, glance: bool) -> AbstractContextManager[None]:
        """Writes have a breaker of their own, or reads that work would close it each time."""
        reads = self.at("search" if where == SEARCHES else "redis", where)
        if glance:
            return reads.glance()
        if not write or where == SEARCHES:
            return reads.attempt()
        store = self.at("store", where)
        # Where nothing but writes is going on, one of them has to be the probe.
        return store.attempt() if reads.state == "closed" else _both(reads, store)

    def at(self, subject: Subject, where: str = "") -> Breaker:
        """Return one breaker."""
        return self._families[subject].at(where)

    def check(self, where: str, replies: Sequence[Any]) -> Sequence[Any]:
        """Return the replies, unless they show that a search did not reach all shards."""
        if where == SEARCHES and any(meaning(reply) == "incomplete" for reply in replies):
            raise SearchIncomplete
        return replies

    def works(self, stage: str) -> bool:
        """Tell whether each part that a stage depends on worked when it was asked last."""
        return not any(one.is_failing() for name, one in self._families.items() if name == stage)

    def reset(self) -> None:
        """Forget all failures: by hand, or after a fork."""
        for family in self._families.values():
            family.reset()


class _Family:
    """The breakers of one subject: where not all are closed, it is not."""

    def __init__(
        self,
        subject: Subject,
        reporter: Reporter,
        present: Callable[[], Any],
        clock: Callable[[], float],
    ) -> None:
        self._subject = subject
        self._reporter = reporter
        self._present = present
        self._clock = clock
        self._absent: dict[str, float] = {}
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._told: State = "closed"

    def at(self, where: str) -> Breaker:
        found = self._breakers.get(where)
        return self._added(where) if found is None else found

    def is_failing(self) -> bool:
        self._let_go()
        return any(one.failing for one in list(self._breakers.values()))

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._told = "closed"
        for one in self._breakers.values():
            one.reset()

    def _added(self, where: str) -> Breaker:
        with self._lock:
            found = self._breakers.get(where)
            if found is None:
                found = self._breakers[where] = Breaker(
                    self._changed, failures=1, first=FIRST_PAUSE, longest=LONGEST_PAUSE
                )
        return found

    def _let_go(self) -> None:
        """Forget shards that have left, or failed over to another node: nobody's outage any more.

        A client that looks for the layout anew may know of no node for a moment.
        """
        present, now = self._present(), self._clock()
        with self._lock:
            gone = [name for name in self._breakers if name not in present]
            self._absent = {name: self._absent.get(name, now) for name in gone}
            left = [name for name, since in self._absent.items() if now - since > LONGEST_PAUSE]
            for name in left:
                del self._breakers[name]
        if left:
            self._changed(None)

    def _changed(self, state: State | None) -> None:
        with self._lock:
            states = {one.state for one in self._breakers.values()}
            if state is None or len(self._breakers) > 1:
                state = _worst(states)
                if state == self._told:
                    return
            self._told = state
        self._reporter.emit(BreakerChanged(self._subject, state))


def _worst(states: set[State]) -> State:
    return "open" if "open" in states else "half_open" if "half_open" in states else "closed"


@contextmanager
def _both(reads: Breaker, store: Breaker) -> Iterator[None]:
    with reads.attempt(), store.attempt():
        yield
