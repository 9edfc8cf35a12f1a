"""The vectors of recent lookups, for the updates that follow: one embedding per miss."""

from __future__ import annotations

import threading
from collections import OrderedDict

DEFAULT_CAPACITY = 512
"""3 MB of 1536-dimensional float32 vectors; more calls than this are hardly in flight at once."""


FAILED = b""
"""Stands for a vector that the embedder did not come up with."""


class VectorMemory:
    """A bounded mapping of text digests to packed vectors, safe under threads and tasks."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self.drop_all()

    def drop_all(self) -> None:
        """Forget all; a forked process may have inherited the lock locked."""
        self.lock = threading.Lock()
        self._vectors: OrderedDict[str, bytes] = OrderedDict()

    def get(self, text_digest: str) -> bytes | None:
        with self.lock:
            return self._vectors.get(text_digest)

    def drop(self, text_digest: str) -> None:
        with self.lock:
            self._vectors.pop(text_digest, None)

    def put(self, text_digest: str, vector: bytes) -> None:
        with self.lock:
            self._vectors[text_digest] = vector
            self._vectors.move_to_end(text_digest)
            if len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
