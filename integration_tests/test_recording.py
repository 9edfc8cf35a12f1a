"""What is served is recorded behind the call, and goes with the answers."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    Way,
    asked,
    denied,
    keys_of,
    only,
    soon,
    text_of,
    told,
    watched,
)
from langchain_redis_semcache import RecordedHit, Recording, RedisSemanticCache, Sliding
from langchain_redis_semcache.events import Event, Failed

LLM = "[('model', 'm')]"
ALL = Recording(share=1.0)


async def hits(do: Way, cache: RedisSemanticCache, **wanted: Any) -> list[RecordedHit]:
    if do.is_async:
        return [one async for one in cache.arecorded(**wanted)]
    return list(cache.recorded(**wanted))


async def served(do: Way, cache: RedisSemanticCache) -> None:
    """Store two answers, and serve one of them twice."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    await do(cache.update, asked(GERMANY), LLM, told("Berlin."))
    for question in (FRANCE, FRANCE_REWORDED):
        assert text_of(await do(cache.lookup, asked(question), LLM)) == "Paris."

    async def both() -> bool:
        return len(await hits(do, cache)) == 2

    assert await soon(both)


@pytest.mark.parametrize("options", [{}, {"signing_key": "0123456789abcdef", "ttl": Sliding(60)}])
async def test_recorded(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, options: dict[str, Any]
) -> None:
    """Hits of both kinds are found with all that a reviewer needs, by any process of the name."""
    cache = make_cache(recording=ALL, **options)
    await served(do, cache)
    first, second = sorted(await hits(do, make_cache(**options)), key=lambda hit: hit.kind)
    assert (first.kind, first.asked, first.distance) == ("exact", FRANCE, 0.0)
    assert (second.kind, second.asked, second.stored) == ("semantic", FRANCE_REWORDED, FRANCE)
    assert (second.answer, second.model) == ("Paris.", "m")
    assert 0 < second.distance < 0.15
    assert (await do(cache.get, second.entry)).question == FRANCE
    assert len(await hits(do, cache, limit=1)) == 1
    assert (server.pttl(f"{name}::recorded") > 0) is bool(options)


async def test_gone_with_its_entry(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """An entry that is removed is gone from what was recorded, and clear() leaves nothing."""
    cache = make_cache(recording=ALL)
    await served(do, cache)
    await do(cache.remove, text="paris")
    assert await hits(do, cache) == []
    assert server.xlen(f"{name}::recorded") == 0
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    await do(cache.lookup, asked(FRANCE), LLM)

    async def one() -> bool:
        return server.xlen(f"{name}::recorded") == 1

    assert await soon(one)
    await do(cache.update, asked(FRANCE), LLM, told("Paris!"))
    assert await hits(do, cache) == []  # overwritten
    await do(cache.clear)
    assert f"{name}::recorded" not in keys_of(server, name)


async def test_behind_the_call(do: Way, make_cache: MakeCache, server: redis.Redis) -> None:
    """No round trip is added to a call."""
    cache = make_cache(recording=ALL)
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    await do(cache.lookup, asked(FRANCE), LLM)
    before = cache.stats.round_trips
    await do(cache.lookup, asked(FRANCE), LLM)
    assert cache.stats.round_trips == before + 1
    with watched(server) as traffic:
        await do(cache.lookup, asked(FRANCE), LLM)

        async def both() -> bool:
            return len(await hits(do, cache)) == 3

        assert await soon(both)
    assert traffic.commands["xadd"] >= 1


async def test_not_allowed(
    do: Way, make_cache: MakeCache, redis_url: str, events: list[Event]
) -> None:
    """Where the stream may not be written hits are served, and an event says what is missing."""
    cache = make_cache(recording=ALL, redis_url=denied(redis_url, "xadd"))
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    assert await do(cache.lookup, asked(FRANCE), LLM) is not None

    async def said() -> bool:
        return Failed("lookup", "recording", "NOPERM") in events

    assert await soon(said)
    assert len(only(events, Failed)) == 1


async def test_redact(do: Way, make_cache: MakeCache, server: redis.Redis, name: str) -> None:
    """What the application takes out is not in Redis, whether it does so by await or not."""

    async def redact(text: str) -> str:
        return text.replace("Paris", "***")

    for function in (redact, lambda text: text.replace("Paris", "***")):
        cache = make_cache(recording=Recording(share=1, redact=function))
        await served(do, cache)
        assert {hit.answer for hit in await hits(do, cache)} == {"***."}
        assert b"Paris" not in str(server.xrange(f"{name}::recorded")).encode()
        await do(cache.clear)
