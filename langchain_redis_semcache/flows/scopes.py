"""Which scopes hold an entry that can be found by meaning, as far as this process has seen.

Rule of this module: it only ever says "something is there". What it has forgotten, or never knew,
is asked of the index; nothing is kept in Redis, so that nothing can go stale there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

CAPACITY = 4096


class KnownScopes:
    """A bounded set of scopes, safe under threads and tasks."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.drop()

    def drop(self) -> None:
        """Forget all; a forked process may have inherited the lock locked."""
        self._lock = threading.Lock()
        self._scopes: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, scope: str) -> bool:
        return scope in self._scopes

    def add(self, scope: str) -> None:
        if scope in self._scopes:
            return
        with self._lock:
            self._scopes[scope] = None
            if len(self._scopes) > self._capacity:
                self._scopes.popitem(last=False)
