"""Connections of our own to the nodes of a cluster: each node has the link of a single server.

So deadlines, idle connections and gathering per tick are those of `sync` and `on_loop`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from .._effects import Command
from .._signals import let_through
from .cluster import Rota
from .jobs import Budget
from .on_loop import AsyncLink
from .pace import Pace
from .redirects import Outcome, Told, talk
from .replies import Ours, check
from .sync import SyncLink
from .topology import Topology


class ClusterLink:
    """The nodes' links for threads."""

    def __init__(self, topology: Topology, make: Callable[[str], SyncLink], rota: Rota) -> None:
        self._topology = topology
        self._make = make
        self._rota = rota
        self._links: dict[str, SyncLink] = {}

    def exchange(
        self, commands: Sequence[Command], atomic: bool, timeout: float, ours: Ours = None
    ) -> Sequence[Any]:
        until = time.monotonic() + timeout
        steps = talk(self._topology, self._rota, commands, atomic)
        try:
            told = next(steps)
            while True:
                told = steps.send([self._outcome(one, until, ours) for one in told])
        except StopIteration as stop:
            return check(stop.value, ours)

    def close(self) -> None:
        for link in list(self._links.values()):
            link.close()

    def forget(self) -> None:
        """After a fork the layout still holds, the connections do not."""
        for link in list(self._links.values()):
            link.forget()

    def _outcome(self, told: Told, until: float, ours: Ours) -> Outcome:
        left = (until - time.monotonic()) * told.share
        try:
            link = self._links.get(told.node)
            if link is None:
                link = self._links.setdefault(told.node, self._make(told.node))
                for gone in _leave(self._links, self._topology):
                    gone.close()
            own = ours if told.whole else None
            return link.exchange(told.commands, told.atomic, left, own)
        except Exception as error:
            let_through(error)
            return error


class AsyncClusterLink:
    """The nodes' links on one event loop."""

    def __init__(self, topology: Topology, make: Callable[[str], AsyncLink], rota: Rota) -> None:
        self._topology = topology
        self._make = make
        self._rota = rota
        self._loop = asyncio.get_running_loop()
        self._links: dict[str, AsyncLink] = {}
        self.closed = False
        self.pace = Pace()

    def exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours = None
    ) -> asyncio.Future[Sequence[Any]]:
        return self._loop.create_task(self._exchange(commands, atomic, budget, ours))

    async def close(self) -> None:
        self.closed = True
        for link in list(self._links.values()):
            await link.close()

    async def _exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours
    ) -> Sequence[Any]:
        steps = talk(self._topology, self._rota, commands, atomic)
        try:
            told = next(steps)
            while True:
                told = steps.send(await self._outcomes(told, budget, ours))
        except StopIteration as stop:
            return check(stop.value, ours)

    async def _outcomes(
        self, told: Sequence[Told], budget: Budget, ours: Ours
    ) -> Sequence[Outcome]:
        if len(told) == 1 and told[0].share == 1.0:
            try:
                return [await self._sent(told[0], budget, ours)]
            except Exception as error:
                return [error]
        budgets = [Budget(budget.left * one.share, budget.begun) for one in told]
        outcomes = await asyncio.gather(
            *(self._sent(one, own, ours) for one, own in zip(told, budgets, strict=True)),
            return_exceptions=True,
        )
        spent = max(budget.left * o.share - b.left for o, b in zip(told, budgets, strict=True))
        budget.left, budget.begun = budget.left - spent, True
        return outcomes

    def _sent(self, told: Told, budget: Budget, ours: Ours) -> asyncio.Future[Sequence[Any]]:
        link = self._links.get(told.node)
        if link is None:
            link = self._links[told.node] = self._make(told.node)
            link.pace = self.pace
            for gone in _leave(self._links, self._topology):
                closing = self._loop.create_task(gone.close())
                closing.add_done_callback(lambda task: task.exception())
        return link.exchange(told.commands, told.atomic, budget, ours if told.whole else None)


def _leave(links: dict[str, Any], topology: Topology) -> list[Any]:
    """Take out the links to nodes that are no part of the cluster any more."""
    nodes = topology.nodes()
    if len(links) <= len(nodes):
        return []
    gone = [links.pop(node, None) for node in list(links) if node not in nodes]
    return [link for link in gone if link is not None]
