"""Which part of Redis a request depends on: of a cluster one shard, or all of them for a search.

What the parts are called is for telling them apart, never for a log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from .._effects import Command
from .cluster import KEYLESS
from .jobs import Budget
from .layout import Layout, key_of
from .on_loop import AsyncLink
from .pace import Pace
from .replies import Ours

SEARCHES = "searches"
"""The part that all shards are together."""


class Shards:
    """The parts of what a cache is connected to; a single server is one, without a name."""

    def __init__(self, layout: Layout | None = None) -> None:
        self._layout = layout

    @property
    def many(self) -> bool:
        """Whether it is a cluster: searches depend on all nodes, anything else on one."""
        return self._layout is not None

    def found(self, layout: Layout) -> None:
        """Note that a client which was made later is one of a cluster."""
        self._layout = layout

    def where(self, commands: Sequence[Command]) -> str:
        """Return the part that the first of some commands depends on."""
        if self._layout is None:
            return ""
        return SEARCHES if commands[0][0] in KEYLESS else self._layout.owner(key_of(commands[0]))

    def present(self) -> Collection[str]:
        """Return all parts that there are."""
        return ("",) if self._layout is None else {"", SEARCHES, *self._layout.primaries()}


class ShardedLink:
    """A link per part of a cluster, so that a shard that is dead holds up no other's jobs."""

    def __init__(self, make: Callable[[], AsyncLink], shards: Shards) -> None:
        self._make = make
        self._shards = shards
        self._links: dict[str, AsyncLink] = {}
        self.closed = False
        self.pace = Pace()

    def exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours = None
    ) -> Any:
        where = self._shards.where(commands)
        link = self._links.get(where)
        if link is None:
            link = self._links[where] = self._make()
            link.pace = self.pace
        return link.exchange(commands, atomic, budget, ours)

    async def close(self) -> None:
        self.closed = True
        for link in self._links.values():
            await link.close()
