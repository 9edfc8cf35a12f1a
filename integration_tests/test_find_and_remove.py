"""A wrong answer known by some of its words is found and is gone under every wording."""

from __future__ import annotations

from typing import Any

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    Way,
    asked,
    soon,
    text_of,
    told,
)
from langchain_redis_semcache import DistancePolicy, Entry, Index, RedisSemanticCache, Verified


async def listed(do: Way, cache: RedisSemanticCache, **wanted: Any) -> list[Entry]:
    if do.is_async:
        return [entry async for entry in cache.aentries(**wanted)]
    return list(cache.entries(**wanted))


async def test_found_by_each_filter(do: Way, make_cache: MakeCache) -> None:
    """Words, tag, model, namespace and age each find what they describe, and all of it."""
    acme = make_cache(namespace="acme", ttl=60)
    other = make_cache(index=Index(vector="float16"))
    with acme.tags("faq", "v2"):
        await do(acme.update, asked(FRANCE), "[('model', 'm1')]", told("Paris, for sure"))
    await do(other.update, asked(GERMANY), "[('model', 'm2')]", told("Berlin"))
    for cache in (acme, other):
        assert len(await listed(do, cache)) == 2
        for wanted in (
            {"text": "SURE paris"},
            {"tag": "v2"},
            {"model": "m1"},
            {"namespace": "acme"},
        ):
            (one,) = await listed(do, cache, **wanted)
            assert (one.question, one.answer) == (FRANCE, "Paris, for sure")
        assert await listed(do, cache, older=3600) == []
        assert len(await listed(do, cache, limit=1)) == 1
    assert (one.model, one.namespace, one.tags) == ("m1", "acme", ("faq", "v2"))
    assert one.ttl is not None
    assert 0 < one.ttl <= 60
    shown = await do(other.get, one.key)
    assert (shown.key, shown.answer) == (one.key, one.answer)


async def test_many(do: Way, cache: RedisSemanticCache) -> None:
    """More entries than one batch are each found once, and go with one call."""
    with cache.tags("old"):
        for number in range(3):
            await do(cache.update, asked(f"What is {number} + 1?"), LLM, told(str(number)))
    many = [(cache.update, asked(f"topic {n}"), f"m{n}", told("x")) for n in range(600)]
    for start in range(0, len(many), 100):
        await do.together(many[start : start + 100])
    assert len({one.key for one in await listed(do, cache)}) == 603
    assert len(await do(cache.remove, text="topic", dry_run=True)) == 600
    assert len(await do(cache.remove, text="topic")) == 600
    assert len(await listed(do, cache)) == 3


async def test_gone_under_every_wording(do: Way, make_cache: MakeCache) -> None:
    """What was removed is served no more, neither to its own words nor to an alias's."""

    def agree(*_: str) -> bool:
        return True

    policy = Verified(DistancePolicy(0.001), agree, between=(0.0, 0.5))
    cache = make_cache(policy=policy)
    await do(cache.update, asked(FRANCE), LLM, told("Lyon"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Lyon"

    async def remembered() -> bool:
        return len(await listed(do, cache)) == 2

    assert await soon(remembered)
    gone = await do(cache.remove, text="lyon")
    assert {one.question for one in gone} == {FRANCE, FRANCE_REWORDED}
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(cache.lookup, asked(question), LLM) is None
    assert await do(cache.remove, gone[0].key) == []
