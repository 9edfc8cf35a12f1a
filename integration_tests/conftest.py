"""One server for all tests, a name of its own for each, and nothing left behind."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.globals import set_llm_cache
from pytest_httpserver import HTTPServer

from integration_tests.openai_endpoint import OpenAIEndpoint
from integration_tests.support import (
    CountingEmbeddings,
    Parrot,
    Way,
    astored,
    indexes_of,
    stored,
)
from langchain_redis_semcache import AwaitedEmbeddings, Limits, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Event

MakeCache = Callable[..., RedisSemanticCache]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The server at REDIS_URL, else an embedded one."""
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    with EmbeddedRedis() as server:
        yield server.url


@pytest.fixture(scope="session")
def server(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client, to see what the cache left there."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


@pytest.fixture
def scratch() -> Iterator[EmbeddedRedis]:
    """A server that the test may flush or stop."""
    with EmbeddedRedis() as own:
        yield own


@pytest.fixture
def name(server: redis.Redis) -> Iterator[str]:
    """A name that nobody else uses; whatever begins with it is removed afterwards."""
    chosen = f"test-{uuid.uuid4().hex[:12]}"
    yield chosen
    for index in indexes_of(server, chosen):
        server.execute_command("FT.DROPINDEX", index)
    if keys := list(server.scan_iter(f"{chosen}*", count=1000)):
        server.unlink(*keys)


@pytest.fixture
def embeddings() -> CountingEmbeddings:
    return CountingEmbeddings()


@pytest.fixture
def events() -> list[Event]:
    """All events of the caches made by `make_cache`."""
    return []


class Settled(RedisSemanticCache):
    """Waits for the vector of what it stores, which comes behind the call."""

    def update(self, *args: Any) -> None:
        super().update(*args)
        stored(self)

    async def aupdate(self, *args: Any) -> None:
        await super().aupdate(*args)
        await astored(self)


@pytest.fixture
def make_cache(
    redis_url: str, name: str, embeddings: CountingEmbeddings, events: list[Event]
) -> Iterator[MakeCache]:
    """Makes caches under the test's name, patient ones since the machine may be slow."""
    made: list[RedisSemanticCache] = []

    def make(**kwargs: Any) -> RedisSemanticCache:
        if not kwargs.keys() & {"redis_url", "redis_client", "async_redis_client"}:
            kwargs["redis_url"] = redis_url
        defaults = {
            "embeddings": AwaitedEmbeddings(embeddings),
            "name": name,
            "distance_threshold": None if "policy" in kwargs else 0.15,
            "listeners": [events.append],
            "limits": Limits(redis=20, embedding=20),
        }
        made.append(Settled(**{**defaults, **kwargs}))
        # Or a slow machine's tests would count a command more, every two seconds.
        made[-1]._core.shared._clock = lambda: 0.0
        return made[-1]

    yield make
    for cache in made:
        cache.close()


class Worker:
    """One process of an application, which answers what it is asked from the cache."""

    def __init__(self, url: str, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "integration_tests.cache_process", url, name],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str) -> str:
        """Return the answer, "" where the cache has none."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


@pytest.fixture
def workers(redis_url: str, name: str) -> Iterator[list[Worker]]:
    """Four processes of an application."""
    with ExitStack() as running:
        started = [Worker(redis_url, name) for _ in range(4)]
        for one in started:
            running.enter_context(one.process)
            running.callback(one.process.terminate)
        yield started


@pytest.fixture
def cache(make_cache: MakeCache) -> RedisSemanticCache:
    """A cache with all defaults."""
    return make_cache()


@pytest.fixture(params=["sync", "async"])
def do(request: pytest.FixtureRequest) -> Way:
    """`await do(cache.lookup, ...)` calls `lookup` or `alookup`."""
    return Way(request.param)


@pytest.fixture
def model() -> Parrot:
    return Parrot()


@pytest.fixture
def switched_on() -> Iterator[Callable[[RedisSemanticCache], RedisSemanticCache]]:
    """Makes a cache LangChain's global one until the end of the test."""

    def switch_on(cache: RedisSemanticCache) -> RedisSemanticCache:
        set_llm_cache(cache)
        return cache

    yield switch_on
    set_llm_cache(None)


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """Stands in for pytest-httpserver's own, which takes one request after the other."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with HTTPServer("127.0.0.1", threaded=True) as running:
        yield running


@pytest.fixture
def endpoint(httpserver: HTTPServer) -> Iterator[OpenAIEndpoint]:
    yield OpenAIEndpoint(httpserver)
    httpserver.check()
