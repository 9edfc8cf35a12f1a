"""Connections at rest: the last used is taken first, and none that may have died meanwhile.

Proxies and NATs forget a flow without telling either end: what is sent on it gets no answer, while
new connections work. So a connection that has rested for too long is not trusted, and one failure
puts all those under suspicion that have not been used since before it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

C = TypeVar("C")

MAX_AGE = 50.0
"""Seconds; the shortest limit that is common between a client and its server is a minute."""


class Idle(Generic[C]):
    """A stack of connections that its users close: what `expired` and `before` hand out as well."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._resting: deque[tuple[float, C]] = deque()  # in the order of their last use

    def __len__(self) -> int:
        return len(self._resting)

    def put(self, connection: C) -> None:
        self._resting.append((self._clock(), connection))

    def take(self) -> C | None:
        try:
            return self._resting.pop()[1]
        except IndexError:
            return None

    def expired(self) -> Iterator[C]:
        """Remove those that have rested for too long."""
        moment = self._clock() - MAX_AGE
        try:
            rests = self._resting[0][0] <= moment
        except IndexError:
            rests = False
        return self.before(moment) if rests else iter(())

    def before(self, moment: float) -> Iterator[C]:
        """Remove those last used before a moment, by the clock."""
        while self._resting:
            try:
                oldest = self._resting.popleft()
            except IndexError:  # another thread was faster
                return
            if oldest[0] > moment:
                self._resting.appendleft(oldest)
                return
            yield oldest[1]
