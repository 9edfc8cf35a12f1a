"""A server is named by host and port or by its path, never with a credential."""

from __future__ import annotations

from typing import Any

import pytest
import redis
import redis.asyncio
from redis.sentinel import Sentinel

from langchain_redis_semcache.transport.place import Place, place_of
from langchain_redis_semcache.transport.urls import by_url

SENTINEL: Any = Sentinel


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:secret@cache.internal:6380/0", "cache.internal:6380"),
        ("rediss://:secret@[::1]:6379", "::1:6379"),
        ("unix://user:secret@/run/redis.sock", "/run/redis.sock"),
        ("redis+sentinel://user:secret@a:1,b:2/mymaster/0", "the master of mymaster"),
    ],
)
def test_by_url(url: str, name: str) -> None:
    """Both kinds of connections of a URL lead to one place."""
    connect, _ = by_url(url, 1.0)
    assert place_of(connect()) == Place(name, ("secret",))


@pytest.mark.parametrize("kind", [redis.Redis, redis.asyncio.Redis])
def test_clients(kind: Any) -> None:
    """A client that was passed is named by its own options."""
    assert place_of(kind(host="h", port=7, password="secret")) == Place("h:7", ("secret",))
    assert place_of(kind(unix_socket_path="/s")).name == "/s"


def test_others() -> None:
    """Where nothing says where it leads, that is what is said."""
    master = SENTINEL([("a", 1)]).master_for("mymaster")
    assert place_of(master).name == "the master of mymaster"
    assert place_of(object()).name == place_of(None).name == "the client that was passed"
