"""The prefilter with a real Redis: two indexes beside each other, processes that share entries."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    UNRELATED,
    CountingEmbeddings,
    Way,
    asked,
    astored,
    healthy,
    indexes_of,
    keys_of,
    only,
    stored,
    text_of,
    told,
    verdicts,
    watched,
)
from langchain_redis_semcache import AwaitedEmbeddings, Prefilter, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Event, Prefiltered

FAR = "Which wine goes with fish?"


class Cheap(CountingEmbeddings):
    """The cheap embedder: the same measure, so that the test knows what is near."""


@pytest.fixture
def cheap() -> Cheap:
    return Cheap()


@pytest.fixture
def filtered(make_cache: MakeCache, cheap: Cheap) -> RedisSemanticCache:
    return make_cache(prefilter=AwaitedEmbeddings(cheap))


def knows(cache: RedisSemanticCache, distance: float) -> None:
    """Have the cache know that its hits lie within this distance."""
    assert cache._core.prefilter is not None
    for _ in range(300):
        cache._core.prefilter.cutoff.add(distance)


async def settled(cache: RedisSemanticCache) -> None:
    stored(cache)
    await astored(cache)


async def test_skipped(
    do: Way,
    filtered: Any,
    embeddings: CountingEmbeddings,
    server: redis.Redis,
    events: list[Event],
) -> None:
    """A question that nothing is near costs two round trips and no embedding before the model."""
    knows(filtered, 0.3)
    await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    before = list(embeddings.texts)
    with watched(server) as traffic:
        assert await do(filtered.lookup, asked(FAR), LLM) is None
    assert traffic.round_trips == 2
    assert embeddings.texts == before
    assert text_of(await do(filtered.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert verdicts(events) == ["prefiltered", "semantic"]
    await do(filtered.update, asked(FAR), LLM, told("White"))
    await settled(filtered)
    assert embeddings.texts.count(FAR) == 1
    assert [event.lost for event in only(events, Prefiltered)] == [False]
    assert text_of(await do(filtered.lookup, asked("Which wine goes with a fish?"), LLM)) == "White"
    assert healthy(events)


async def test_lost(do: Way, filtered: Any, events: list[Event]) -> None:
    """A hit that was skipped is noticed behind the call."""
    knows(filtered, 0.001)
    await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(filtered.lookup, asked(FRANCE_REWORDED), LLM) is None
    await do(filtered.update, asked(FRANCE_REWORDED), LLM, told("Paris"))
    await settled(filtered)
    assert [event.lost for event in only(events, Prefiltered)] == [True]
    assert filtered.stats.prefiltered == {"lost": 1}
    assert healthy(events)


async def test_other_processes(
    do: Way, filtered: Any, make_cache: MakeCache, events: list[Event]
) -> None:
    """Entries are shared with caches that have no prefilter, or another one, in both directions."""
    plain = make_cache()
    other = make_cache(prefilter=Prefilter(OtherCheap(), lost=0.1))
    for number, cache in enumerate((filtered, plain, other)):
        question = UNRELATED[number]
        await do(cache.update, asked(question), LLM, told(question))
        for reader in (filtered, plain, other):
            found = await do(reader.lookup, asked(f"{question} Please."), LLM)
            assert text_of(found) == question
    assert healthy(events)


class OtherCheap(Cheap):
    """Another cheap model, by its name."""


async def test_other_scopes(do: Way, filtered: Any, events: list[Event]) -> None:
    """What is near in another scope is far away in this one."""
    knows(filtered, 0.3)
    await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    await do(filtered.update, asked(FAR), "another model", told("White"))
    assert await do(filtered.lookup, asked(FRANCE_REWORDED), "another model") is None
    assert verdicts(events) == ["prefiltered"]


async def test_removal(
    do: Way, filtered: Any, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """Tags and `clear` reach what a prefilter has stored; `clear` takes both indexes."""
    await do(filtered.setup)
    assert len(indexes_of(server, name)) == 2
    with filtered.tags("faq"):
        await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    await do(filtered.update, asked(FAR), LLM, told("White"))
    assert await do(filtered.delete_tagged, "faq") == 1
    assert len(keys_of(server, f"{name}::")) == 1
    assert "problem" not in {finding.health for finding in await do(filtered.doctor)}
    await do(filtered.clear)
    assert indexes_of(server, name) == []
    await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(filtered.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert len(indexes_of(server, name)) == 2
    assert healthy(events)


async def test_flushed(
    do: Way, scratch: EmbeddedRedis, make_cache: MakeCache, cheap: Cheap, events: list[Event]
) -> None:
    """After a FLUSHALL both indexes come back with what is stored next."""
    cache = make_cache(redis_url=scratch.url, prefilter=cheap)
    knows(cache, 0.3)
    with redis.Redis.from_url(scratch.url) as server:
        for turn in range(2):
            await do(cache.update, asked(FRANCE), LLM, told("Paris"))
            await do(cache.update, asked(FAR), LLM, told("White"))
            found = await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
            assert text_of(found) == "Paris", turn
            server.flushall()
            assert await do(cache.lookup, asked("Who was Caesar?"), LLM) is None


async def test_explain(do: Way, filtered: Any) -> None:
    """`explain` says that the prefilter would end the lookup."""
    knows(filtered, 0.3)
    await do(filtered.update, asked(FRANCE), LLM, told("Paris"))
    explanation = await do(filtered.explain, asked(FAR), LLM)
    assert (explanation.decision, explanation.reason) == ("miss", "prefiltered")


async def test_float16(do: Way, make_cache: MakeCache, cheap: Cheap) -> None:
    """The cheap vectors are of the index's type."""
    from langchain_redis_semcache import Index

    cache = make_cache(prefilter=cheap, index=Index(vector="float16", kind="flat"))
    knows(cache, 0.3)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert await do(cache.lookup, asked(FAR), LLM) is None
    assert cache.stats.misses == {"prefiltered": 1}
