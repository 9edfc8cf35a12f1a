"""What a sentinel URL says about sentinels and about the servers they watch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from langchain_redis_semcache.transport.urls import by_url

SECRET = "s3cret"


def connection(url: str) -> Any:
    """The sync connection that a URL leads to, not yet connected."""
    return by_url(url, 0.5)[0]()


def aconnection(url: str) -> Any:
    """The async connection that a URL leads to, not yet connected."""

    async def make() -> Any:
        return by_url(url, 0.5)[1]()

    return asyncio.run(make())


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel"])
def test_sentinel(scheme: str) -> None:
    """A sentinel URL names sentinels, service, database, credentials and options."""
    url = f"{scheme}://me:{SECRET}@one,two:1/main/2?sentinel_username=s&sentinel_password=p"
    for made in (connection(url), aconnection(url)):
        pool: Any = made.connection_pool
        assert pool.service_name == "main"
        sentinels = pool.sentinel_manager.sentinels
        places = [s.connection_pool.connection_kwargs for s in sentinels]
        assert [(p["host"], p["port"]) for p in places] == [("one", 26379), ("two", 1)]
        assert places[0]["username"] == "s"
        assert (made.db, made.username, made.password) == (2, "me", SECRET)
        assert any("SSL" in kind.__name__ for kind in type(made).__mro__) is ("rediss" in scheme)


def test_sentinel_options() -> None:
    """Further options of a sentinel URL go to the data server, numbers as numbers."""
    made = connection("redis+sentinel://one/main?client_name=me&protocol=3")
    assert (made.client_name, made.protocol) == ("me", 3)
