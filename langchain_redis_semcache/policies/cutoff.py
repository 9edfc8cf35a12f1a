"""How far away, by a cheap measure, do hits lie? Nearly all of them within a distance found here.

Rule of this module: distances of hits in, a cut-off out; beyond it lies a share of them that is
surely smaller than the one allowed, or there is no cut-off yet.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque

from .anytime import is_below

__all__ = ["Cutoff"]

WINDOW = 2000
"""So many of the latest hits count: what is asked changes."""


class Cutoff:
    """Learns from hits, safe under threads and tasks."""

    def __init__(self, share: float, window: int = WINDOW) -> None:
        self._share = share
        self._window = window
        self.drop()

    def drop(self) -> None:
        """Forget all."""
        self.unlock()
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        self._beyond = -1
        """How many of them may lie beyond the cut-off; -1: not even none is known to be few."""
        self.distance: float | None = None
        """What is farther away may be skipped; None: nothing may."""

    def unlock(self) -> None:
        """Take another lock: a forked process may have inherited this one locked."""
        self._lock = threading.Lock()

    def add(self, distance: float) -> None:
        """Note how far away the nearest entry was by the cheap measure where there was a hit."""
        with self._lock:
            self._latest.append(distance)
            insort(self._sorted, distance)
            if len(self._latest) > self._window:
                oldest = self._latest.popleft()
                del self._sorted[bisect_left(self._sorted, oldest)]
            count = len(self._sorted)
            while self._beyond >= 0 and not is_below(self._beyond, count, self._share):
                self._beyond -= 1
            while is_below(self._beyond + 1, count, self._share):
                self._beyond += 1
            self.distance = None if self._beyond < 0 else self._sorted[-1 - self._beyond]
