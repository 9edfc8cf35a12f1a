"""Clients that are passed in: which are taken, and what becomes of them on other loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel

from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.transport.clients import ClientOfAnotherLoop, NotAnAsyncClient
from langchain_redis_semcache.transport.connect import Links, open_links
from langchain_redis_semcache.transport.jobs import Budget

SECRET = "s3cret"


async def _coroutine() -> redis.asyncio.Redis:
    return redis.asyncio.Redis()


@pytest.mark.parametrize(
    ("sync", "async_", "message"),
    [
        (redis.asyncio.Redis(), None, "async_redis_client="),
        (redis.asyncio.RedisCluster("nowhere"), None, "async_redis_client="),
        (None, redis.Redis(), "redis_client="),
        ("redis://host", None, "redis_url="),
        (None, "redis://host", "redis_url="),
        (redis.Redis, None, "client objects"),
        (lambda: redis.Redis(), None, "client objects"),
        (None, _coroutine, "a plain function"),
    ],
    ids=range(8),
)
def test_wrong_client(sync: Any, async_: Any, message: str) -> None:
    """A client of the wrong kind is refused at once, with the argument that takes it."""
    with pytest.raises(ConfigurationError, match=message):
        open_links(None, sync, async_, Workers(), 0.5)


def passed(async_client: Any) -> Links:
    return open_links(None, None, async_client, Workers(), 0.5)


async def channel_of(links: Links) -> Any:
    link: Any = links.on_running_loop()
    await links.aclose()
    assert links.on_running_loop() is not link
    return link._channel


def test_own_loop_and_others() -> None:
    """The passed client serves the loop that used it first, one like it each other loop."""
    client = redis.asyncio.Redis(host="nowhere.invalid", password=SECRET)
    links = passed(client)
    first, second = (asyncio.run(channel_of(links)) for _ in range(2))
    assert first._client is client
    assert second._client is not client
    assert second._client.connection_pool.connection_kwargs["password"] == SECRET
    assert (first._owned, second._owned) == (False, True)


def test_size_of_a_pool() -> None:
    """A pool's limits are those of the pool on another loop as well."""
    kinds = (redis.asyncio.ConnectionPool, redis.asyncio.BlockingConnectionPool)
    for kind, more in zip(kinds, ({}, {"timeout": 7}), strict=True):
        links = passed(redis.asyncio.Redis(connection_pool=kind(max_connections=3, **more)))
        pool = [asyncio.run(channel_of(links)) for _ in range(2)][1]._client.connection_pool
        assert type(pool) is kind
        assert pool.max_connections == 3
        assert getattr(pool, "timeout", None) == more.get("timeout")


class Traced(redis.asyncio.Redis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


def by_sentinel() -> Any:
    return Sentinel([("nowhere.invalid", 26379)]).master_for("mymaster")


@pytest.mark.parametrize(
    "make", [by_sentinel, Traced, lambda: redis.asyncio.RedisCluster("nowhere")], ids=range(3)
)
def test_what_cannot_be_carried_over(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A client that is more than its options is refused on other loops; what to do is said once."""

    async def ask() -> None:
        await links.on_running_loop().exchange([("PING",)], False, Budget(1))

    async def first() -> Any:
        return links.on_running_loop()

    links = passed(make())
    asyncio.run(first())
    for _ in range(2):
        with pytest.raises(ClientOfAnotherLoop):
            asyncio.run(ask())
    (record,) = caplog.records
    assert "async_redis_client=lambda:" in record.getMessage()


def test_factory() -> None:
    """A function that makes clients is called once on each loop, and closes them with the loop."""
    made: list[Any] = []

    def make() -> Any:
        made.append(redis.asyncio.Redis())
        return made[-1]

    async def clients() -> list[Any]:
        return [links.on_running_loop()._channel for _ in range(3)]  # type: ignore[attr-defined]

    links = passed(make)
    for run in range(2):
        used = asyncio.run(clients())
        assert {one._client for one in used} == {made[run]}
        assert used[0]._owned
    assert len(made) == 2


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: 1 / 0, ZeroDivisionError),
        (lambda: redis.Redis(), NotAnAsyncClient),
        (lambda: _coroutine(), NotAnAsyncClient),
        (lambda: None, NotAnAsyncClient),
    ],
    ids=range(4),
)
def test_factory_that_fails(make: Callable[[], Any], error: type[Exception]) -> None:
    """A function that raises or returns something else is a failed call, and asked again."""

    async def twice() -> None:
        for _ in range(2):
            asked: Awaitable[Any] = links.on_running_loop().exchange([("PING",)], False, Budget(1))
            with pytest.raises(error):
                await asked

    links = passed(make)
    asyncio.run(twice())
