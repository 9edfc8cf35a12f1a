"""What recent prompts meant: repeats are what a cache is for, and every miss is read twice.

Rule of this module: prompts are known by digest, what is kept is bounded in bytes, and gone with
`drop`. It saves 10 µs of an exact hit, or the parsing of a conversation.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from ..question.digest import digest
from ..question.prompt import Question

CAPACITY = 2048
"""Of 0.8 kB each: what is asked again is mostly not among the last few hundred."""
BYTES = 512 * 1024
"""Of questions: most have some hundred characters."""


@dataclass(slots=True)
class Reading:
    """What a prompt, an llm_string and a namespace mean; the same for every call with these."""

    question: Question
    scope: str
    key: str
    model: str
    temperature: float | None
    distinct: bool
    """False where another model may have the same `llm_string`."""
    namespace: str = ""
    """As it is stored beside the answer: readable, or its digest."""
    left_alone: str | None = None
    """Why the call is left to the model, as far as that depends on nothing but these."""


class Readings:
    """A bounded memory of readings, safe under threads and tasks."""

    def __init__(self, capacity: int = CAPACITY, limit: int = BYTES) -> None:
        self._capacity = capacity
        self._limit = limit
        self.drop()

    def drop(self) -> None:
        """Forget all; a forked process may have inherited the lock locked."""
        self.lock = threading.Lock()
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._bytes = 0

    def get(self, *read: str) -> tuple[str, Reading | None]:
        """Return the digest of what was read, and what it meant."""
        key = digest(*read)
        return key, self._kept.get(key)

    def put(self, key: str, reading: Reading) -> None:
        with self.lock:
            if key in self._kept:
                return
            self._kept[key] = reading
            self._bytes += len(reading.question.text)
            while len(self._kept) > self._capacity or self._bytes > self._limit:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.question.text)
