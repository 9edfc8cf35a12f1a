"""Where a key is, as far as a client can say."""

from __future__ import annotations

import redis.asyncio

from langchain_redis_semcache.transport.layout import ClientLayout, key_of


def test_a_client_that_knows_nothing_yet() -> None:
    """Before it has connected, a cluster's client says of no key where it is."""
    layout = ClientLayout(redis.asyncio.RedisCluster("nowhere"))
    assert layout.owner("key") == ""
    assert list(layout.primaries()) == []


def test_keys_of_commands() -> None:
    """A script's key stands behind its text and the number of keys."""
    assert key_of(("HMGET", "k", "f")) == "k"
    assert key_of(("EVAL", "lua", 1, "k", "x")) == "k"
