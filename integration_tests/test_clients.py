"""Clients, protocols, threads and event loops: whatever an application has, the cache works."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
import redis.asyncio

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    Way,
    asked,
    eventually,
    healthy,
    in_threads,
    indexes_of,
    only,
    text_of,
    told,
    verdicts,
)
from langchain_redis_semcache import Index, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.events import Event, Failed

OPTIONS: list[dict[str, Any]] = [
    {},
    {"decode_responses": True},
    {"protocol": 2},
    {"protocol": 3},
    {"protocol": 2, "decode_responses": True},
    {"protocol": 3, "decode_responses": True},
]


async def use(do: Way, cache: RedisSemanticCache) -> None:
    """Everything that talks to Redis, once."""
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    with cache.tags("tag"), cache.options(ttl=60):
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert await do(cache.lookup, asked(GERMANY), LLM) is None
    assert (await do(cache.explain, asked(FRANCE_REWORDED), LLM)).reason == "semantic"
    assert await do(cache.delete_tagged, "tag") == 1
    await do(cache.clear)
    await do(cache.setup)


@pytest.fixture
def sync_client(redis_url: str) -> Iterator[Callable[..., redis.Redis]]:
    with ExitStack() as clients:
        yield lambda **options: clients.enter_context(redis.Redis.from_url(redis_url, **options))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_a_sync_client(
    do: Way, make_cache: MakeCache, sync_client: Any, options: Any, events: list[Event]
) -> None:
    """A sync client alone serves both ways, and stays open when the cache is closed."""
    client = sync_client(**options)
    cache = make_cache(redis_client=client)
    await use(do, cache)
    await do(cache.close)
    assert client.ping()
    assert healthy(events)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_an_async_client(
    make_cache: MakeCache, redis_url: str, options: Any, events: list[Event]
) -> None:
    """An async client alone serves the async way, and stays open when the cache is closed."""
    async with redis.asyncio.Redis.from_url(redis_url, **options) as client:
        cache = make_cache(async_redis_client=client)
        await use(Way("async"), cache)
        await cache.aclose()
        assert await client.ping()
    assert healthy(events)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_both_clients(
    do: Way, make_cache: MakeCache, redis_url: str, sync_client: Any, options: Any
) -> None:
    """With both clients each way uses its own."""
    async with redis.asyncio.Redis.from_url(redis_url, client_name="aio", **options) as client:
        both = make_cache(redis_client=sync_client(**options), async_redis_client=client)
        await use(do, both)
        assert both.stats.failures == {}
        names = [one["name"] for one in await client.client_list()]
        assert "aio" in names


@pytest.mark.parametrize(
    "query", ["", "/0", "?protocol=2", "?protocol=3", "?decode_responses=true"]
)
async def test_urls(
    do: Way, make_cache: MakeCache, redis_url: str, query: str, events: list[Event]
) -> None:
    """A URL may name the database and redis-py's options."""
    await use(do, make_cache(redis_url=redis_url.removesuffix("/0").rstrip("/") + query))
    assert healthy(events)


async def test_another_database(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, events: list[Event]
) -> None:
    """RediSearch serves database 0 only: in another one exact hits work and a failure is told."""
    cache = make_cache(redis_url=f"{scratch.url.removesuffix('/0')}/1")
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    assert {e.stage for e in only(events, Failed)} == {"search"}


async def test_a_unix_socket(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """unix:// works."""
    with EmbeddedRedis(unix_socket=True) as server:
        cache = make_cache(redis_url=server.url)
        await use(do, cache)
        await do(cache.close)
    assert healthy(events)


async def test_the_environment_names_the_server(
    do: Way,
    make_cache: MakeCache,
    scratch: EmbeddedRedis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """$REDIS_URL is used where no URL is given, and an argument beats it."""
    monkeypatch.setenv("REDIS_URL", scratch.url)
    await do(make_cache(redis_url=None).update, asked(FRANCE), LLM, told("Paris"))
    assert await do(make_cache(redis_url=redis_url).lookup, asked(FRANCE), LLM) is None
    assert await do(make_cache(redis_url=scratch.url).lookup, asked(FRANCE), LLM)


async def test_a_sync_call_with_an_async_client_only(make_cache: MakeCache, redis_url: str) -> None:
    """Sync calls cannot use an async client: they miss, and the async way goes on at once."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        cache = make_cache(async_redis_client=client)
        await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
        assert cache.lookup(asked(FRANCE), LLM) is None
        cache.update(asked(FRANCE), LLM, told("never"))
        assert text_of(await cache.alookup(asked(FRANCE), LLM)) == "Paris"


async def test_an_async_client_beside_a_url(make_cache: MakeCache, redis_url: str) -> None:
    """With a URL beside it the sync way works as well."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        cache = make_cache(redis_url=redis_url, async_redis_client=client)
        await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
        assert text_of(cache.lookup(asked(FRANCE), LLM)) == "Paris"


def test_the_wrong_kind_of_client(make_cache: MakeCache) -> None:
    """An async client as `redis_client` is refused with a word about where it belongs."""
    with pytest.raises(ValueError, match="async_redis_client="):
        make_cache(redis_client=redis.asyncio.Redis())


@pytest.mark.parametrize("given", ["url", "sync", "async"])
async def test_a_command_that_cannot_be_written(
    make_cache: MakeCache,
    redis_url: str,
    sync_client: Any,
    name: str,
    given: str,
    events: list[Event],
) -> None:
    """Half a character in a key is that call's failure: not its neighbours', not Redis's."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        cache = {
            "url": lambda: make_cache(),
            "sync": lambda: make_cache(redis_client=sync_client()),
            "async": lambda: make_cache(async_redis_client=client),
        }[given]()
        await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
        events.clear()
        lookups = (cache.alookup(asked(FRANCE), LLM) for _ in range(3))
        refused, *found = await asyncio.gather(
            cache.adelete_entry(f"{name}::\ud800"), *lookups, return_exceptions=True
        )
        assert isinstance(refused, CacheUnavailableError)
        assert "UnicodeEncodeError" in str(refused)
        assert [text_of(answer) for answer in found] == ["Paris"] * 3
        if given != "async":
            with pytest.raises(CacheUnavailableError, match="UnicodeEncodeError"):
                cache.delete_entry(f"{name}::\ud800")
        assert cache.stats.breakers["redis"] == "closed"
        assert healthy(events)


async def ask_and_store(cache: RedisSemanticCache) -> list[str | None]:
    answers = [await cache.alookup(asked(q), LLM) for q in (FRANCE, FRANCE_REWORDED)]
    await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
    return [text_of(answer) for answer in answers]


@pytest.mark.parametrize("given", ["url", "sync", "async"])
def test_two_loops_one_after_the_other(
    make_cache: MakeCache, redis_url: str, sync_client: Any, given: str, events: list[Event]
) -> None:
    """One cache works in one `asyncio.run` after the other."""
    client = redis.asyncio.Redis.from_url(redis_url)
    cache = {
        "url": lambda: make_cache(),
        "sync": lambda: make_cache(redis_client=sync_client()),
        "async": lambda: make_cache(async_redis_client=client),
    }[given]()

    async def first() -> list[str | None]:
        async with client:  # the application closes its client in the loop that used it
            return await ask_and_store(cache)

    assert asyncio.run(first()) == [None, None]
    for _ in range(2):
        assert asyncio.run(ask_and_store(cache)) == ["Paris", "Paris"]
    assert healthy(events)


class Counted(redis.asyncio.Redis):
    """Counts what it is asked, as a client with tracing does."""

    asked = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        Counted.asked += 1
        return await super().execute_command(*args, **options)


class CountedSync(redis.Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        Counted.asked += 1
        return super().execute_command(*args, **options)


async def test_a_client_with_its_own_way(
    do: Way, make_cache: MakeCache, redis_url: str, events: list[Event]
) -> None:
    """A subclass that overrides `execute_command` is asked each read, also those of one tick."""
    Counted.asked = 0
    client: Any = (Counted if do.is_async else CountedSync).from_url(redis_url)
    cache = make_cache(**{f"{'async_' * do.is_async}redis_client": client})
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    before = Counted.asked
    found = await asyncio.gather(*(do(cache.lookup, asked(FRANCE), LLM) for _ in range(5)))
    assert [text_of(answer) for answer in found] == ["Paris"] * 5
    assert Counted.asked == before + 5
    await client.aclose() if do.is_async else client.close()
    assert healthy(events)


def test_a_factory(
    make_cache: MakeCache, server: redis.Redis, redis_url: str, name: str, events: list[Event]
) -> None:
    """A function makes each loop's client, which is closed when the loop is."""
    made: list[Any] = []

    def make() -> Any:
        made.append(Counted.from_url(redis_url, client_name=name))
        return made[-1]

    cache = make_cache(async_redis_client=make)
    assert asyncio.run(ask_and_store(cache)) == [None, None]
    assert asyncio.run(ask_and_store(cache)) == ["Paris", "Paris"]
    assert len(made) == 2
    assert eventually(lambda: name not in [one["name"] for one in server.client_list()])
    assert healthy(events)


def test_a_client_of_another_loop(
    make_cache: MakeCache, redis_url: str, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """Where a passed client cannot be used calls miss, and its own loop's calls go on."""
    home = asyncio.new_event_loop()
    client = Counted.from_url(redis_url)
    cache = make_cache(async_redis_client=client)
    home.run_until_complete(ask_and_store(cache))
    events.clear()
    for _ in range(2):
        assert asyncio.run(ask_and_store(cache)) == [None, None]
    assert {(e.stage, e.error) for e in only(events, Failed)} == {
        ("redis", "ClientOfAnotherLoop"),
        ("store", "ClientOfAnotherLoop"),
    }
    (warning,) = (r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    assert "async_redis_client=lambda:" in warning
    assert home.run_until_complete(ask_and_store(cache)) == ["Paris", "Paris"]
    home.run_until_complete(client.aclose())
    home.run_until_complete(home.shutdown_asyncgens())
    home.close()


@pytest.mark.parametrize("given", ["url", "sync"])
def test_loops_in_threads(
    make_cache: MakeCache, sync_client: Any, given: str, events: list[Event]
) -> None:
    """Event loops in several threads share one cache, at the same time."""
    cache = make_cache(redis_client=sync_client()) if given == "sync" else make_cache()
    cache.update(asked(FRANCE), LLM, told("Paris"))
    meeting = threading.Barrier(4, timeout=20)

    async def look() -> list[Any]:
        meeting.wait()
        calls = (cache.alookup(asked(q), LLM) for q in [FRANCE, FRANCE_REWORDED] * 10)
        return await asyncio.gather(*calls)

    for answers in in_threads([(lambda: asyncio.run(look()),)] * 4):
        assert {text_of(answer) for answer in answers} == {"Paris"}
    assert healthy(events)


async def test_sync_and_async_mixed(make_cache: MakeCache, events: list[Event]) -> None:
    """What one way stored the other finds, in the loop's thread and beside it."""
    cache = make_cache()
    cache.update(asked(FRANCE), LLM, told("Paris"))
    await cache.aupdate(asked(GERMANY), LLM, told("Berlin"))

    async def both(number: int) -> None:
        assert text_of(await cache.alookup(asked(FRANCE_REWORDED), LLM)) == "Paris"
        assert text_of(cache.lookup(asked(GERMANY), LLM)) == "Berlin"
        found = await asyncio.to_thread(cache.lookup, asked(FRANCE), LLM)
        assert text_of(found) == "Paris"

    await asyncio.gather(*(both(number) for number in range(10)))
    assert healthy(events)


async def test_closing(
    do: Way, make_cache: MakeCache, server: redis.Redis, redis_url: str, name: str
) -> None:
    """Closing leaves no connection of ours at the server, by method and by `with`."""

    def ours() -> int:
        return sum(one["name"] == name for one in server.client_list())

    url = f"{redis_url}{'&' if '?' in redis_url else '?'}client_name={name}"
    cache = make_cache(redis_url=url)
    await do(cache.lookup, asked(FRANCE), LLM)
    assert ours() >= 1
    await do(cache.close)
    await do(cache.close)
    if do.is_async:
        async with make_cache(redis_url=url) as other:
            await other.alookup(asked(FRANCE), LLM)
    else:
        with make_cache(redis_url=url) as other:
            other.lookup(asked(FRANCE), LLM)
    await asyncio.sleep(0)  # an asyncio transport closes its socket in the next tick
    assert eventually(lambda: ours() == 0)


async def test_use_after_closing(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """A closed cache still answers: closing is about connections, not about the object."""
    cache = make_cache()
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.close)
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert verdicts(events) == ["exact"]


async def test_an_index_made_by_somebody_else(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """With `Index(create=False)` none is created, which `setup` says; one that exists is used."""
    cache = make_cache(index=Index(create=False))
    with pytest.raises(CacheUnavailableError, match="no index"):
        await do(cache.setup)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert indexes_of(server, name) == []
    await do(make_cache().setup)
    await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    assert text_of(await do(cache.lookup, asked("What's Germany's capital?"), LLM)) == "Berlin"
    assert healthy(events)
