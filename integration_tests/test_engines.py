"""What a cache does on each engine at hand: the embedded one, and those that variables name.

Two clusters are stood in for: real servers, searched as a whole by proxies with either engine's
manners.

    SEMCACHE_TEST_VALKEY=host:port SEMCACHE_TEST_CLUSTER=host:port make integration

Every promise is tried on each, sync and async; what an engine cannot do has to be said by `setup`,
and is skipped with that sentence.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from integration_tests.conftest import Settled
from integration_tests.faults.coordinator import Coordinated, Valkey
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    UNRELATED,
    CountingEmbeddings,
    Way,
    asked,
    healthy,
    soon,
    text_of,
    told,
)
from langchain_redis_semcache import Index, Limits, RedisSemanticCache
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.events import Event, Failed

Make = Callable[..., Any]

ENGINES = [
    *("embedded", "valkey", "cluster by url", "cluster by client"),
    *("like Redis 8", "like valkey-search"),
]
INDEXES = {
    "hnsw": Index(),
    "flat": Index(kind="flat"),
    "float16": Index(vector="float16"),
    "ttl": Index(),
}

NODE_BY_NODE = "this cluster does not search all its nodes: use Redis 8"
"""What `setup` says of Redis Stack's: identical questions are all that it can be tried on."""


def place(variable: str) -> str:
    """Where an engine runs that nobody but the variable knows of."""
    found = os.environ.get(variable)
    if not found:
        pytest.skip(f"{variable}=host:port names no engine to try this on")
    return found


@pytest.fixture(scope="session")
def coordinated() -> Iterator[dict[str, Coordinated]]:
    """Three real nodes that are searched as a whole, with the manners of either engine."""
    with Coordinated(3) as redis8, Valkey(3) as valkey:
        yield {"like Redis 8": redis8, "like valkey-search": valkey}


@pytest.fixture(params=ENGINES)
def connection(request: pytest.FixtureRequest, do: Way) -> Iterator[Callable[[], dict[str, Any]]]:
    """What a cache is to be given to reach an engine, for each cache anew."""
    engine = request.param
    if engine.startswith("like"):
        url = f"redis+cluster://127.0.0.1:{request.getfixturevalue('coordinated')[engine].ports[0]}"
    elif engine == "embedded":
        url = request.getfixturevalue("redis_url")
    elif engine == "valkey":
        url = f"redis://{place('SEMCACHE_TEST_VALKEY')}"
    else:
        url = f"redis+cluster://{place('SEMCACHE_TEST_CLUSTER')}"
    if engine != "cluster by client":
        yield lambda: {"redis_url": url}
        return
    host, _, port = place("SEMCACHE_TEST_CLUSTER").rpartition(":")
    if do.is_async:
        yield lambda: {
            "async_redis_client": lambda: redis.asyncio.RedisCluster(host=host, port=int(port))
        }
        return
    client = redis.RedisCluster(host=host, port=int(port))
    yield lambda: {"redis_client": client}
    client.close()


@pytest.fixture
async def make(connection: Callable[[], dict[str, Any]], events: list[Event], do: Way) -> Any:
    """Makes caches of one name on the engine; what they stored is removed at the end."""
    made: list[RedisSemanticCache] = []
    name = f"test-{uuid.uuid4().hex[:12]}"

    def make(**kwargs: Any) -> RedisSemanticCache:
        defaults: dict[str, Any] = {
            "embeddings": CountingEmbeddings(),
            "name": name,
            "distance_threshold": 0.15,
            "listeners": [events.append],
            "limits": Limits(redis=20, embedding=20),
        }
        made.append(Settled(**{**defaults, **connection(), **kwargs}))
        return made[-1]

    yield make
    await do(made[0].clear)
    for cache in made:
        await (cache.aclose() if do.is_async else do(cache.close))


@pytest.fixture(params=INDEXES)
async def cache(request: pytest.FixtureRequest, make: Make, do: Way) -> RedisSemanticCache:
    """A cache with each kind of index; where the engine lacks it, `setup` says what to write."""
    kwargs = {"ttl": 600} if request.param == "ttl" else {}
    made: RedisSemanticCache = make(index=INDEXES[request.param], **kwargs)
    refusal = ""
    try:
        await do(made.setup)
    except CacheUnavailableError as error:
        refusal = str(error)
    if request.param == "float16" and "write index=Index(vector='float32')" in refusal:
        pytest.skip("this engine knows no float16, and says so")
    if NODE_BY_NODE in refusal:
        pytest.skip(refusal)
    assert not refusal
    return made


async def store(do: Way, cache: RedisSemanticCache, question: str, answer: str) -> None:
    await do(cache.lookup, asked(question), LLM)
    await do(cache.update, asked(question), LLM, told(answer))


async def found(do: Way, cache: RedisSemanticCache, question: str) -> str | None:
    return text_of(await do(cache.lookup, asked(question), LLM))


async def is_found(do: Way, cache: RedisSemanticCache, question: str, answer: str) -> bool:
    """Whether a question is answered so, soon: an engine may index behind the store."""

    async def once() -> bool:
        return await found(do, cache, question) == answer

    return await soon(once)


async def test_identical(make: Make, do: Way, events: list[Event]) -> None:
    """Whatever an engine's searches are, identical questions are served, tagged ones removed and
    all cleared."""
    cache = make()
    for number, question in enumerate(UNRELATED):
        with cache.tags("gone" if number % 2 else "kept"):
            await store(do, cache, question, str(number))
    answers = [await found(do, cache, question) for question in UNRELATED]
    assert answers == [str(number) for number in range(len(UNRELATED))]
    assert await do(cache.delete_tagged, "gone") == len(UNRELATED) // 2
    assert await found(do, cache, UNRELATED[0]) == "0"
    assert await found(do, cache, UNRELATED[1]) is None
    await do(cache.clear)
    assert await found(do, cache, UNRELATED[0]) is None
    assert {e.error for e in events if isinstance(e, Failed)} <= {"NotSearchedAcrossNodes"}


async def test_served(cache: RedisSemanticCache, do: Way, events: list[Event]) -> None:
    """Identical and reworded questions are served, other ones are not, and nothing fails."""
    assert await found(do, cache, FRANCE) is None
    await store(do, cache, FRANCE, "Paris")
    assert await found(do, cache, FRANCE) == "Paris"
    assert await is_found(do, cache, FRANCE_REWORDED, "Paris")
    assert await found(do, cache, GERMANY) is None
    assert healthy(events)


async def test_explained(cache: RedisSemanticCache, do: Way) -> None:
    """`explain` says what a lookup would do, with the candidates nearest first."""
    for number, question in enumerate(UNRELATED):
        await store(do, cache, question, str(number))
    assert await is_found(do, cache, FRANCE_REWORDED, "0")
    explained = await do(cache.explain, asked(FRANCE_REWORDED), LLM)
    assert (explained.decision, explained.reason) == ("hit", "semantic")
    explained = await do(cache.explain, asked(GERMANY), LLM)
    distances = [one.distance for one in explained.candidates]
    assert distances == sorted(distances)


async def test_replaced_and_removed(cache: RedisSemanticCache, do: Way) -> None:
    """An answer that is replaced or removed is so under every wording."""
    await store(do, cache, FRANCE, "Lyon")
    assert await is_found(do, cache, FRANCE_REWORDED, "Lyon")
    await store(do, cache, FRANCE, "Paris")
    assert await is_found(do, cache, FRANCE_REWORDED, "Paris")
    explained = await do(cache.explain, asked(FRANCE), LLM)
    assert await do(cache.delete_entry, explained.entry)
    assert await found(do, cache, FRANCE) is None
    assert await found(do, cache, FRANCE_REWORDED) is None


async def test_tags(cache: RedisSemanticCache, do: Way) -> None:
    """All entries of a tag are removed, those stored a moment ago as well, and no others."""
    for number in range(30):
        with cache.tags("gone" if number % 3 else "kept"):
            await store(do, cache, f"question number {number}", str(number))
    assert await do(cache.delete_tagged, "gone") == 20
    left = [n for n in range(30) if await found(do, cache, f"question number {n}") is not None]
    assert left == list(range(0, 30, 3))


async def test_cleared_and_filled_again(
    cache: RedisSemanticCache, make: Make, do: Way, events: list[Event]
) -> None:
    """An index that somebody else dropped is made again by a process that goes on."""
    await store(do, cache, FRANCE, "Paris")
    assert await is_found(do, cache, FRANCE_REWORDED, "Paris")
    await do(make().clear)
    assert await found(do, cache, FRANCE) is None
    assert await found(do, cache, FRANCE_REWORDED) is None
    for question in UNRELATED:
        await store(do, cache, question, "Paris")
    assert await is_found(do, cache, FRANCE_REWORDED, "Paris")
    assert healthy(events)


async def test_tenants(make: Make, do: Way, events: list[Event]) -> None:
    """What one tenant stored no other is served."""
    one, other = make(namespace="one"), make(namespace="other")
    await store(do, one, FRANCE, "Paris")
    assert await found(do, one, FRANCE) == "Paris"
    failed = {e.error for e in events if isinstance(e, Failed)}
    if failed != {"NotSearchedAcrossNodes"}:
        assert await is_found(do, one, FRANCE_REWORDED, "Paris")
    assert await found(do, other, FRANCE) is None
    assert await found(do, other, FRANCE_REWORDED) is None


async def test_examined(cache: RedisSemanticCache, do: Way) -> None:
    """`doctor` finds no problem, and says that the engine answers searches."""
    await store(do, cache, FRANCE, "Paris")
    findings = await do(cache.doctor)
    assert [one for one in findings if one.health == "problem"] == []
    (engine,) = (one for one in findings if one.subject == "engine")
    assert engine.says.startswith("answers searches")


async def test_examined_while_empty(make: Make, do: Way) -> None:
    """With nothing stored, `doctor` says of the engine what `setup` would, and makes no index."""
    cache = make()
    findings = await do(cache.doctor)
    (engine,) = (one for one in findings if one.subject == "engine")
    assert [one for one in findings if one.subject == "index"] == []
    assert [one for one in await do(cache.doctor) if one.subject == "index"] == []
    refusal = ""
    try:
        await do(cache.setup)
    except CacheUnavailableError as error:
        refusal = str(error)
    assert engine.health == ("problem" if refusal else "ok")
    assert engine.says in refusal or engine.says.startswith("answers searches")
