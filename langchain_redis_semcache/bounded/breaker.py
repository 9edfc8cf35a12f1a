"""A circuit breaker: a fault costs one timeout, not one per call.

Closed: every call goes through. Open: none does, until a jittered backoff is over. Half open: one
call is the probe; its end decides. Shared by all threads and tasks of a cache.

One slow call among many good ones is no outage. So a failed `attempt` opens the breaker only if no
other call has succeeded since it began or just before it ended; where one has, failures are held
against successes, and more than one in ten opens it (benchmarks/breaker.py compares the rules).

What fails is the way to the other side. Bad data that came back in time is not a failure here, or
a poisoned entry would keep itself from being overwritten.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from .._signals import raised_by_signal

State = Literal["closed", "open", "half_open"]


class SuspendedError(Exception):
    """The breaker is open: the call was not made."""


class OverloadedError(SuspendedError, TimeoutError):
    """More is under way than can be done: this call's turn did not come in time."""


JUST_BEFORE = 0.1
"""Seconds. What fails within it costs its caller little; an open breaker costs all others."""
TOLERATED = 0.1
"""Failures per success, in the long run."""
BURST = 3.0
"""Failures beyond the tolerated that open it all the same."""


class Breaker:
    """A context manager around each call.

    Opens after `failures` in a row; waits `first` seconds, doubling up to `longest`.
    """

    def __init__(
        self,
        on_change: Callable[[State], None],
        *,
        failures: int,
        first: float,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = threading.Lock()
        self._on_change = on_change
        self._allowed = failures
        self._first = first
        self._longest = longest
        self._clock = clock
        self._state: State = "closed"
        self._failures = 0
        self._backoff = first
        self._retry_at = 0.0
        self._succeeded_at = -math.inf
        self._surplus = 0.0  # of failures beyond the tolerated
        self.failing = False
        """Whether the call that ended last has failed, be it tolerated or not."""

    @property
    def state(self) -> State:
        return self._state

    def allow(self) -> bool:
        """Tell whether a call may go through; in half-open state only one may."""
        if self._state == "closed":
            return True
        with self.lock:
            now = self._clock()
            if self._is_closed():
                return True
            if now < self._retry_at:
                return False
            # A probe whose task was destroyed never reports back: another one follows some day.
            self._retry_at = now + self._longest
            changed = self._state == "open"
            self._state = "half_open"
        if changed:
            self._on_change("half_open")
        return True

    def attempt(self) -> AbstractContextManager[None]:
        """Call as one of many that go on at the same time."""
        return _Attempt(self, self._clock())

    def __enter__(self) -> None:
        if self._state != "closed" and not self.allow():
            raise SuspendedError

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, *__: object
    ) -> None:
        self.ended(error)

    def ended(self, error: BaseException | None, began: float | None = None) -> None:
        """Learn from the end of a call that went through, of an attempt also when it began."""
        if error is None:
            self._succeeded_at = self._clock()
            self.failing = False
            if self._surplus > 0.0:
                self._surplus -= TOLERATED
            if self._state != "closed" or self._failures:
                self.success()
        elif not _says_something(error):
            self.abandon()
        else:
            self.failing = True
            if began is None or self._is_more_than_one_of_many(began):
                self.failure()

    def _is_more_than_one_of_many(self, began: float) -> bool:
        just_before = self._clock() - JUST_BEFORE
        if self._state != "closed" or self._succeeded_at < min(began, just_before):
            return True
        self._surplus += 1.0
        return self._surplus >= BURST

    @contextmanager
    def glance(self) -> Iterator[None]:
        """Call as the next call would be made, and let nothing come of how it ends."""
        if self._state != "closed" and self._clock() < self._retry_at:
            raise SuspendedError
        yield

    def _is_closed(self) -> bool:
        return self._state == "closed"

    def success(self) -> None:
        with self.lock:
            changed = self._state != "closed"
            self._state = "closed"
            self._failures = 0
            self._surplus = 0.0
            self._backoff = self._first
        if changed:
            self._on_change("closed")

    def failure(self) -> None:
        with self.lock:
            self._failures += 1
            probe = self._state == "half_open"
            # Calls that were under way when it opened add nothing.
            if self._state == "open" or not (probe or self._failures >= self._allowed):
                return
            self._state = "open"
            if probe:
                self._backoff = min(self._longest, self._backoff * 2)
            # Jitter: the processes of a fleet must not come back in step.
            self._retry_at = self._clock() + self._backoff * random.uniform(0.75, 1.25)
        self._on_change("open")

    def reset(self) -> None:
        """After a fork: the probe and whoever held the lock are threads of the parent."""
        self.lock = threading.Lock()
        self._state = "closed"
        self._failures = 0
        self._surplus = 0.0
        self._backoff = self._first
        self.failing = False

    def abandon(self) -> None:
        """The call was not made or was cancelled: that says nothing, and the next one may try."""
        with self.lock:
            if self._state != "half_open":
                return
            self._state = "open"
            self._retry_at = self._clock()
        self._on_change("open")


class _Attempt:
    __slots__ = ("_began", "_breaker")

    def __init__(self, breaker: Breaker, began: float) -> None:
        self._breaker = breaker
        self._began = began

    def __enter__(self) -> None:
        self._breaker.__enter__()

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, *__: object
    ) -> None:
        self._breaker.ended(error, self._began)


def _says_something(error: BaseException) -> bool:
    """Tell whether the other side failed, and not the caller was called off."""
    if isinstance(error, SuspendedError) or not isinstance(error, Exception):
        return False
    return raised_by_signal(error) is None
