"""What long texts came to, so that they are read once: known by digest, no text is kept.

Rule of this module: it is a memory of this process that no `clear` reaches, so that nothing a user
wrote may be in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .digest import digest

T = TypeVar("T")

CAPACITY = 256
"""Models, system prompts and conversations that are busy at a time are fewer."""


class Remembered(Generic[T]):
    """Results of reading texts, a bounded number of them."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: dict[str, T] = {}

    def of(self, read: Callable[[], T], *texts: str) -> T:
        """Return what these texts came to; `read` says so where that is not known."""
        key = digest(*texts)
        try:
            return self._kept[key]
        except KeyError:
            result = read()
        # All at once: no lock, and no order that threads could disturb.
        if len(self._kept) >= self._capacity:
            self._kept.clear()
        self._kept[key] = result
        return result
