"""A cluster's links send each node its part, in time, and let go of nodes that have left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from langchain_redis_semcache.transport.cluster import Rota
from langchain_redis_semcache.transport.cluster_links import AsyncClusterLink, ClusterLink
from langchain_redis_semcache.transport.jobs import Budget
from langchain_redis_semcache.transport.replies import ForeignReply
from langchain_redis_semcache.transport.topology import Topology

LAYOUT = [[0, 8191, [b"a", 1]], [8192, 16383, [b"b", 1]]]
A, B = "k2", "k1"


class Node:
    """One node's link, of threads or of a loop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False
        self.forgotten = False
        self.pace: Any = None
        self.timeouts: list[float] = []
        self.ours: list[Any] = []
        self.error: Exception | None = None

    def exchange(
        self, commands: Sequence[Any], atomic: bool, timeout: Any, ours: Any = None
    ) -> Any:
        self.ours.append(ours)
        replies = [LAYOUT if c[0] == "CLUSTER" else self.name for c in commands]
        if not isinstance(timeout, Budget):
            self.timeouts.append(timeout)
            if self.error is not None:
                raise self.error
            return replies
        self.timeouts.append(timeout.left)
        timeout.left -= 0.1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.error is not None:
            answer.set_exception(self.error)
        else:
            answer.set_result(replies)
        return answer

    def close(self) -> Any:
        self.closed = True

        async def closed() -> None:
            """Nothing is open."""

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return None
        return closed()

    def forget(self) -> None:
        self.forgotten = True


class Lab:
    def __init__(self) -> None:
        self.topology = Topology(["seed:1"])
        self.nodes: dict[str, Node] = {}

    def make(self, name: str) -> Any:
        self.nodes[name] = Node(name)
        return self.nodes[name]

    def sync(self) -> ClusterLink:
        return ClusterLink(self.topology, self.make, Rota())

    def on_loop(self) -> AsyncClusterLink:
        return AsyncClusterLink(self.topology, self.make, Rota())


def test_threads() -> None:
    """The layout is asked for once; each command then goes to its node."""
    lab = Lab()
    link = lab.sync()
    assert link.exchange([("HMGET", A), ("HMGET", B)], False, 5) == ["a:1", "b:1"]
    assert link.exchange([("HMGET", B)], False, 5) == ["b:1"]
    assert len(lab.nodes["seed:1"].timeouts) == 1
    assert all(0 < left <= 5 for node in lab.nodes.values() for left in node.timeouts)
    link.forget()
    link.close()
    assert all(node.forgotten and node.closed for node in lab.nodes.values())


async def test_on_a_loop() -> None:
    """The same as tasks, at one pace."""
    lab = Lab()
    link = lab.on_loop()
    assert await link.exchange([("HMGET", A), ("HMGET", B)], False, Budget(5)) == ["a:1", "b:1"]
    budget = Budget(5)
    assert await link.exchange([("HMGET", B)], False, budget) == ["b:1"]
    assert budget.left == 4.9
    assert all(node.pace is link.pace for node in lab.nodes.values())
    await link.close()
    assert link.closed
    assert all(node.closed for node in lab.nodes.values())


async def test_what_several_nodes_took() -> None:
    """Nodes that are asked at the same time take of the time what the slowest took."""
    lab = Lab()
    link = lab.on_loop()
    await link.exchange([("HMGET", A)], False, Budget(5))
    budget = Budget(5)
    await link.exchange([("HMGET", A), ("HMGET", B)], False, budget)
    assert budget.left == pytest.approx(4.9)


async def test_who_judges_replies() -> None:
    """A node's connection is judged by replies that are the whole request's, else all are."""
    lab = Lab()
    link = lab.sync()

    def ours(replies: Sequence[Any]) -> bool:
        return replies[0] == "b:1"

    link.exchange([("HMGET", B)], False, 5, ours)
    assert lab.nodes["b:1"].ours == [ours]
    with pytest.raises(ForeignReply):
        link.exchange([("HMGET", A), ("HMGET", B)], False, 5, ours)
    with pytest.raises(ForeignReply):
        await lab.on_loop().exchange([("HMGET", A), ("HMGET", B)], False, Budget(5), ours)


async def test_failures() -> None:
    """A node that fails fails the request that is its own."""
    lab = Lab()
    link = lab.sync()
    link.exchange([("HMGET", A)], False, 5)
    lab.nodes["a:1"].error = TimeoutError()
    with pytest.raises(TimeoutError):
        link.exchange([("HMGET", A)], False, 5)
    other = lab.on_loop()
    await other.exchange([("HMGET", B)], False, Budget(5))
    await other.exchange([("HMGET", B), ("HMGET", A)], False, Budget(5))
    lab.nodes["a:1"].error = TimeoutError()
    with pytest.raises(TimeoutError):
        await other.exchange([("HMGET", A)], False, Budget(5))
    _, reply = await other.exchange([("HMGET", B), ("HMGET", A)], False, Budget(5))
    assert reply.code == "UNREACHED"


def test_nodes_that_have_left() -> None:
    """Connections to nodes that are no part of the cluster any more are closed."""
    lab = Lab()
    link = lab.sync()
    link.exchange([("HMGET", A), ("HMGET", B)], False, 5)
    assert lab.topology.learn([[0, 16383, [b"c", 1]]], "c:1")
    link.exchange([("HMGET", A)], False, 5)
    assert lab.nodes["a:1"].closed
    assert not lab.nodes["c:1"].closed


async def test_nodes_that_have_left_on_a_loop() -> None:
    """On a loop as well."""
    lab = Lab()
    link = lab.on_loop()
    await link.exchange([("HMGET", A), ("HMGET", B)], False, Budget(5))
    assert lab.topology.learn([[0, 16383, [b"c", 1]]], "c:1")
    await link.exchange([("HMGET", A)], False, Budget(5))
    await asyncio.sleep(0)
    assert lab.nodes["a:1"].closed
    assert not lab.nodes["c:1"].closed
