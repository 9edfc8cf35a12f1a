"""Which node of a cluster has which keys, as far as it has said so.

What is known may be out of date at any moment: a node that is asked for another one's key says who
has it, and a node that fails makes all of it suspect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from .._effects import Argument, as_text
from .cluster import Watch

REFRESH_SECONDS = 0.5
"""Between two looks at the layout while something is wrong."""


class Topology:
    """The primaries of one cluster; shared by all threads and event loops."""

    def __init__(self, seeds: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.seeds = tuple(seeds)
        self._clock = clock
        self._owners: list[str] = []
        self._primaries: frozenset[str] = frozenset()
        self._failed: dict[str, None] = {}
        self._suspect = True
        self._asked_at = float("-inf")
        self.watch = Watch(clock)

    @property
    def known(self) -> bool:
        return bool(self._owners)

    def owner(self, key: Argument) -> str:
        """Return the node of a key, "" where that is not known."""
        owners = self._owners
        return owners[key_slot(_bytes(key))] if owners else ""

    def primaries(self) -> Collection[str]:
        return self._primaries

    def nodes(self) -> Collection[str]:
        """Return all that may be asked."""
        return {*self._primaries, *self.seeds}

    def is_due(self) -> bool:
        """Tell whether the layout is to be asked for; the one who is told so asks."""
        now = self._clock()
        if not self._suspect or (self.known and now - self._asked_at < REFRESH_SECONDS):
            return False
        self._asked_at = now
        self._suspect = not self.known
        return True

    def candidates(self) -> list[str]:
        """Return whom to ask for the layout, those that failed lately last."""
        nodes = [*sorted(self._primaries), *self.seeds]
        return sorted(dict.fromkeys(nodes), key=lambda node: node in self._failed)

    def failed(self, node: str) -> None:
        """Note that a node did not answer: what it had may be elsewhere by now."""
        self._failed[node] = None
        self._suspect = True

    def moved(self, text: str) -> str:
        """Read "MOVED slot host:port"; return who has the slot now."""
        _, slot, node = text.split(" ")[-3:] if text.startswith("MOVED") else ("", *text.split())
        owners = list(self._owners)
        if owners:
            owners[int(slot)] = node
            self._owners = owners
        self._suspect = True
        return node

    def learn(self, reply: Any, asked: str) -> bool:
        """Take the reply to CLUSTER SLOTS; tell whether it was one."""
        owners = [""] * REDIS_CLUSTER_HASH_SLOTS
        host = asked.rpartition(":")[0]
        try:
            for first, last, (name, port, *_), *_ in reply:
                node = f"{as_text(name) if name else host}:{int(port)}"
                owners[int(first) : int(last) + 1] = [node] * (int(last) - int(first) + 1)
        except (TypeError, ValueError):
            return False
        primaries = frozenset(owners) - {""}
        if not primaries or len(owners) != REDIS_CLUSTER_HASH_SLOTS:
            return False
        self._owners, self._primaries = owners, primaries
        self._failed = {node: None for node in self._failed if node in primaries and node != asked}
        self._suspect = False
        return True


def _bytes(key: Argument) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode()
