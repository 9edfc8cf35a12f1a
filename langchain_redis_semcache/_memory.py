"""The vectors of recent lookups, for the updates that follow: one embedding per miss."""

from __future__ import annotations

import threading
from collections import OrderedDict

DEFAULT_CAPACITY = 512
"""3 MB of 1536-dimensional float32 vectors; more calls than this are hardly in flight at once."""


FAILED = b""
"""Stands for a vector that the embedder did not come up with."""


class VectorMemory:
    """A bounded mapping of questions to packed vectors, safe under threads and tasks."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self.lock = threading.Lock()
        self._capacity = capacity
        self._vectors: OrderedDict[str, bytes] = OrderedDict()

    def get(self, text: str) -> bytes | None:
        with self.lock:
            return self._vectors.get(text)

    def drop(self, text: str) -> None:
        with self.lock:
            self._vectors.pop(text, None)

    def put(self, text: str, vector: bytes) -> None:
        with self.lock:
            self._vectors[text] = vector
            self._vectors.move_to_end(text)
            if len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
