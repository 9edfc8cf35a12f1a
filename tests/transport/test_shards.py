"""Which part of a cluster a request depends on, and that each part has a link of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain_redis_semcache._effects import Argument
from langchain_redis_semcache.transport.jobs import Budget
from langchain_redis_semcache.transport.shards import (
    SEARCHES,
    ShardedLink,
    Shards,
)


class TwoNodes:
    """Keys belong to the node of their first letter."""

    def owner(self, key: Argument) -> str:
        return str(key)[0]

    def primaries(self) -> Collection[str]:
        return ["a", "b"]


def test_a_single_server_is_one_part() -> None:
    """Without a cluster everything depends on the same."""
    shards = Shards()
    assert not shards.many
    assert shards.where([("HMGET", "a")]) == shards.where([("FT.SEARCH", "i")]) == ""
    assert set(shards.present()) == {""}


def test_parts_of_a_cluster() -> None:
    """A command with a key depends on its shard, a script too; a search on all of them."""
    shards = Shards(TwoNodes())
    assert shards.many
    assert shards.where([("HMGET", "a1", "f"), ("FT.AGGREGATE", "i")]) == "a"
    assert shards.where([("EVAL", "lua", 1, "b1")]) == "b"
    assert shards.where([("FT.SEARCH", "i")]) == SEARCHES
    assert {"a", "b", SEARCHES} <= set(shards.present())


def test_a_cluster_found_later() -> None:
    """A client that a function made is known for a cluster's from then on."""
    shards = Shards()
    shards.found(TwoNodes())
    assert shards.many


async def test_links_of_their_own() -> None:
    """Each part has one link, all go on at one pace, and all are closed."""
    made: list[Any] = []

    class Link:
        closed = False
        pace: Any = None

        def __init__(self) -> None:
            self.asked: list[Any] = []
            made.append(self)

        def exchange(self, commands: Any, *_: Any) -> Any:
            self.asked.append(commands)

        async def close(self) -> None:
            self.closed = True

    link = ShardedLink(Link, Shards(TwoNodes()))
    for key in ("a1", "b1", "a2"):
        link.exchange([("HMGET", key)], False, Budget(1))
    link.exchange([("FT.SEARCH", "i")], False, Budget(1))
    assert [len(one.asked) for one in made] == [2, 1, 1]
    assert all(one.pace is link.pace for one in made)
    await link.close()
    assert link.closed
    assert all(one.closed for one in made)
