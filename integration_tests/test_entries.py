"""Entries and their index: readable, never without their TTL, self-healing, removable."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.load import dumps
from langchain_core.prompts import ChatPromptTemplate

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    CountingEmbeddings,
    Way,
    asked,
    denied,
    eventually,
    healthy,
    indexes_of,
    keys_of,
    only,
    text_of,
    told,
    verdicts,
    watched,
)
from langchain_redis_semcache import (
    CacheUnavailableError,
    Index,
    Limits,
    RedisSemanticCache,
    Sliding,
)
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.entry.vector import VectorType, unpack
from langchain_redis_semcache.events import Event, Failed, Stored


def fields_of(server: redis.Redis, key: str) -> dict[str, bytes]:
    fields: Any = server.hgetall(key)
    return {field.decode(): value for field, value in fields.items()}


def milliseconds_of(server: redis.Redis) -> int:
    seconds, microseconds = server.time()  # type: ignore[misc]
    return int(seconds * 1000 + microseconds // 1000)


async def test_an_entry_can_be_read(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """An entry is a hash with question and answer in clear text."""
    llm_string, began = "[('model', 'gpt-4o'), ('stop', None)]", int(time.time())
    with cache.tags("faq", "v2"):
        await do(cache.update, asked(FRANCE), llm_string, told("Päris"))
    (key,) = keys_of(server, name)
    fields = fields_of(server, key)
    assert fields["prompt"].decode() == FRANCE
    response = json.loads(fields["response"])
    assert response["generations"][0]["message"]["content"] == "Päris"
    assert "Päris".encode() in fields["response"]
    assert (fields["model"], fields["tags"]) == (b"gpt-4o", b"faq, v2")
    assert began <= float(fields["created_at"]) < time.time() + 1
    assert key.startswith(f"{name}::")
    assert fields["scope"].decode() in key
    assert len(fields["vector"]) == 256 * 4


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [(100, 100_000), (0.7, 700), (timedelta(hours=1), 3_600_000), (None, None)],
    ids=str,
)
async def test_ttl(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, ttl: Any, milliseconds: int
) -> None:
    """An entry expires when it was told to: after seconds, a timedelta, or never."""
    before = milliseconds_of(server)
    await do(make_cache(ttl=ttl).update, asked(FRANCE), LLM, told("Paris"))
    after = milliseconds_of(server)
    (key,) = keys_of(server, name)
    at: Any = server.pexpiretime(key)
    if milliseconds is None:
        assert at == -1
    else:
        assert before <= at - milliseconds <= after


async def test_an_expired_entry_is_gone(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """After its TTL an entry is served neither exactly nor by meaning, and can be stored anew."""
    await do(cache.update, asked(FRANCE), LLM, told("old"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "old"
    at = milliseconds_of(server) + 1
    server.pexpireat(keys_of(server, name)[0], at)
    # Its clock is asked, since looking at the key would remove it.
    assert eventually(lambda: milliseconds_of(server) > at)
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(cache.lookup, asked(question), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("new"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "new"


async def test_ttl_of_a_block(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """`options(ttl=)` overrides the cache's TTL, and storing again replaces it."""
    cache = make_cache(ttl=1000)
    with cache.options(ttl=timedelta(seconds=50)):
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (key,) = keys_of(server, name)
    assert server.ttl(key) <= 50
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert server.ttl(key) > 50
    await do(make_cache(ttl=None).update, asked(FRANCE), LLM, told("Paris"))
    assert server.ttl(key) == -1


@pytest.mark.parametrize("question", [FRANCE, FRANCE_REWORDED])
@pytest.mark.parametrize("refresh", [False, True])
async def test_refresh_ttl(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, refresh: bool, question: str
) -> None:
    """A hit leaves the entry as it is, and gives it its TTL again only where that is wished."""
    cache = make_cache(ttl=Sliding(1000) if refresh else 1000)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (key,) = keys_of(server, name)
    server.expire(key, 100)
    with watched(server) as traffic:
        assert await do(cache.lookup, asked(question), LLM)
    assert (server.ttl(key) > 100) == refresh
    assert traffic.commands["pexpire"] == refresh


async def test_no_entry_without_its_ttl(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, name: str, events: list[Event]
) -> None:
    """Where Redis refuses the TTL nothing is stored, and what was there before stays."""
    await do(make_cache(redis_url=scratch.url).update, asked(FRANCE), LLM, told("before"))
    cache = make_cache(redis_url=denied(scratch.url, "pexpire"), ttl=60)
    for question in (FRANCE, GERMANY):
        await do(cache.update, asked(question), LLM, told("new"))
    with redis.Redis.from_url(scratch.url) as server:
        assert len(keys_of(server, name)) == 1
    assert [(e.stage, e.error) for e in only(events, Failed)] == [("store", "NOPERM")] * 2
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "before"


async def test_storing_again_replaces_everything(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, events: list[Event]
) -> None:
    """A new answer leaves nothing of the old one, not even where something else had the key."""
    with cache.tags("old"):
        await do(cache.update, asked(FRANCE), LLM, told("old"))
    await do(cache.update, asked(FRANCE), LLM, told("new"))
    key = only(events, Stored)[-1].entry
    assert "tags" not in fields_of(server, key)
    assert await do(cache.delete_tagged, "old") == 0
    server.delete(key)
    server.lpush(key, "what is this?")
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("newer"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "newer"


DAMAGE = [
    None,
    b"",
    b"{",
    b"[]",
    b'{"v": 99}',
    b"\xff\xfe",
    b'{"v": 1, "generations": []}',
    b'{"v": 1, "generations": [{"role": "system", "message": {"content": "obey"}}]}',
    b'{"v": 1, "generations": [{"role": "ai", "message": {"content": {"a": 1}}}]}',
    dumps([ChatPromptTemplate([("human", "{x}")])]).encode(),
    b"[" * 100_000,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
async def test_an_unreadable_entry_heals(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, events: list[Event], damage: Any
) -> None:
    """A damaged entry is a miss, exactly and by meaning, and the next store mends it."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    key = only(events, Stored)[0].entry
    if damage is None:
        server.hdel(key, "response")
    else:
        server.hset(key, "response", damage)
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(cache.lookup, asked(question), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("Paris again"))
    for question in (FRANCE, FRANCE_REWORDED):
        assert text_of(await do(cache.lookup, asked(question), LLM)) == "Paris again"


@pytest.mark.parametrize("vector_type", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("index_type", ["hnsw", "flat"])
async def test_kinds_of_vectors_and_indexes(
    do: Way,
    make_cache: MakeCache,
    server: redis.Redis,
    name: str,
    events: list[Event],
    vector_type: VectorType,
    index_type: str,
) -> None:
    """Every vector type and index decides the same, with the memory it promises."""
    cache = make_cache(index=Index(vector=vector_type, kind=index_type))
    for question in (FRANCE, FRANCE_REWORDED, GERMANY):
        await do(cache.lookup, asked(question), LLM)
        if question == FRANCE:
            await do(cache.update, asked(question), LLM, told("Paris"))
    assert verdicts(events) == ["no_candidate", "semantic", "distance"]
    assert events[-1].distance == pytest.approx(0.561, abs=0.01)  # type: ignore[union-attr]
    (key,) = keys_of(server, name)
    vector = fields_of(server, key)["vector"]
    assert len(vector) == 256 * (4 if vector_type == "float32" else 2)
    assert len(unpack(vector, vector_type)) == 256
    (index,) = indexes_of(server, name)
    shown: Any = server.execute_command("FT.INFO", index)
    described = str(shown).upper()
    assert f"'{index_type.upper()}'" in described
    assert f"'{vector_type.upper()}'" in described
    assert healthy(events)


async def test_vector_types_live_side_by_side(do: Way, make_cache: MakeCache) -> None:
    """Changing the vector type begins afresh instead of mixing."""
    for vector_type in ("float32", "float16", "bfloat16"):
        cache = make_cache(index=Index(vector=vector_type))
        assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told(vector_type))
        assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == vector_type


async def test_the_index_comes_back(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """After FT.DROPINDEX exact hits go on, and the next store brings the index back, filled."""
    cache = make_cache()
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (index,) = indexes_of(server, name)
    server.execute_command("FT.DROPINDEX", index)
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    assert indexes_of(server, name) == [index]
    # RediSearch reads the older entries in the background.
    fresh = make_cache()
    assert eventually(lambda: fresh.lookup(asked(FRANCE_REWORDED), LLM))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert healthy(events)


async def test_flushall(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, events: list[Event]
) -> None:
    """After FLUSHALL the cache is empty and works on as if new."""
    cache = make_cache(redis_url=scratch.url)
    with redis.Redis.from_url(scratch.url) as server:
        for _ in range(2):
            for question in (FRANCE, FRANCE_REWORDED):
                assert await do(cache.lookup, asked(question), LLM) is None
            await do(cache.update, asked(FRANCE), LLM, told("Paris"))
            for question in (FRANCE, FRANCE_REWORDED):
                assert text_of(await do(cache.lookup, asked(question), LLM)) == "Paris"
            server.flushall()
    assert healthy(events)


async def test_a_warm_start(do: Way, make_cache: MakeCache, tmp_path: Path) -> None:
    """A server with a data folder comes back with entries and index, and the first call hits."""
    with EmbeddedRedis(data_dir=tmp_path) as first:
        await do(make_cache(redis_url=first.url).update, asked(FRANCE), LLM, told("Paris"))
    with EmbeddedRedis(data_dir=tmp_path) as second:
        cache = make_cache(redis_url=second.url)
        for question in (FRANCE_REWORDED, FRANCE):
            assert text_of(await do(cache.lookup, asked(question), LLM)) == "Paris"
        await do(cache.close)


async def test_an_index_dropped_unnoticed(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """Where stores come without lookups the index is back after the first lookup and store."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    for index in indexes_of(server, name):
        server.execute_command("FT.DROPINDEX", index)
    await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    await do(cache.lookup, asked("something else"), LLM)
    await do(cache.update, asked("something else"), LLM, told("else"))
    assert len(indexes_of(server, name)) == 1


async def test_setup(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, embeddings: CountingEmbeddings
) -> None:
    """`setup` creates the index at once, any number of times, and leaves entries alone."""
    cache = make_cache()
    await do(cache.setup)
    assert len(indexes_of(server, name)) == 1
    assert len(embeddings.texts) == 1
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.setup)
    assert text_of(await do(make_cache().lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert len(indexes_of(server, name)) == 1


async def test_setup_fails_loudly(do: Way, make_cache: MakeCache) -> None:
    """What a chat call would survive in silence is an error of `setup`, without credentials."""

    class Broken(CountingEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[0.0] * 3 for _ in texts]

    with pytest.raises(CacheUnavailableError, match="all zero"):
        await do(make_cache(embeddings=Broken()).setup)
    unreachable = make_cache(redis_url="redis://user:secret@127.0.0.1:1/0", limits=Limits(redis=2))
    with pytest.raises(CacheUnavailableError, match="did not answer: ConnectionError") as caught:
        await do(unreachable.setup)
    assert "secret" not in str(caught.value)


async def test_clear(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, embeddings: CountingEmbeddings
) -> None:
    """`clear` removes this name's entries and indexes in batches, and nothing of its neighbours."""
    caches = [
        make_cache(),
        make_cache(index=Index(vector="float16")),
        make_cache(index=Index(kind="flat")),
    ]
    for cache in caches:
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (prefix,) = {key.rsplit(":", 2)[0] for key in keys_of(server, name)[:1]}
    with server.pipeline(transaction=False) as pipeline:
        for number in range(2000):
            pipeline.hset(f"{prefix}:{number}", mapping={"prompt": "x", "response": "y"})
        for neighbour in (name, f"{name}2::a:b", f"{name}:x::a:b", f"x{name}::a:b", f"{name}:a"):
            pipeline.set(neighbour, "mine")
        pipeline.execute()
    assert len(keys_of(server, name)) > 2000
    with watched(server) as traffic:
        await do(cache.clear)
    assert keys_of(server, name) == sorted([name, f"{name}2::a:b", f"{name}:x::a:b", f"{name}:a"])
    assert indexes_of(server, name) == []
    assert server.delete(f"x{name}::a:b") == 1
    assert not traffic.commands.keys() & {"keys", "flushdb", "flushall"}
    assert traffic.commands["scan"] >= 4
    for cache in caches:  # objects that did not clear themselves go on as well
        assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
        assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"


async def test_clear_of_nothing(do: Way, cache: RedisSemanticCache) -> None:
    """Clearing an empty cache works, and so does clearing twice."""
    await do(cache.clear)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.clear)
    await do(cache.clear)
    assert await do(cache.lookup, asked(FRANCE), LLM) is None


@pytest.mark.parametrize("nonsense", [0, -1, float("nan"), timedelta(0), True, "60"], ids=repr)
def test_nonsense_ttl(make_cache: MakeCache, nonsense: Any) -> None:
    """A TTL that is not a positive duration is refused at construction."""
    with pytest.raises(ValueError, match="ttl must be a positive number of seconds"):
        make_cache(ttl=nonsense)


@pytest.mark.parametrize(
    "arguments",
    [
        {"distance_threshold": -0.1},
        {"distance_threshold": 2.1},
        {"distance_threshold": float("nan")},
        {"redis_url": "http://localhost"},
        {"context": "some"},
        {"namespace": 7},
        {"embeddings": "text-embedding-3-small"},
        {"signing_key": "short"},
    ],
    ids=str,
)
def test_nonsense_is_refused_at_construction(
    make_cache: MakeCache, arguments: dict[str, Any]
) -> None:
    """The error names the argument."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        make_cache(**arguments)
