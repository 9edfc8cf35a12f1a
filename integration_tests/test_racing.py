"""Models that start while the question is embedded, with the real cache and over HTTP."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import BROKEN, Answer, OpenAIEndpoint
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    CountingEmbeddings,
    chat_openai,
    healthy,
    only,
    soon,
    verdicts,
)
from langchain_redis_semcache import AwaitedEmbeddings, RedisSemanticCache, SingleFlight
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Event, Stored
from langchain_redis_semcache.models import cached
from tests.models.lab import atotal

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


class Slow(CountingEmbeddings):
    """Embeds when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.go.set()

    async def aembed_query(self, text: str) -> list[float]:
        await self.go.wait()
        return await super().aembed_query(text)


@pytest.fixture
def embeddings() -> Slow:
    return Slow()


@pytest.fixture
def slow(make_cache: MakeCache, embeddings: Slow) -> RedisSemanticCache:
    return make_cache(embeddings=AwaitedEmbeddings(embeddings))


@pytest.fixture(params=["ainvoke", "astream", "astream_events"])
def ask(request: pytest.FixtureRequest) -> Any:
    async def ask(model: Any, question: str) -> str:
        if request.param == "ainvoke":
            return str((await model.ainvoke(question)).text)
        if request.param == "astream":
            return str((await atotal(model.astream(question))).text)
        told = [event async for event in model.astream_events(question, version="v2")]
        return str(told[-1]["data"]["output"].text)

    return ask


async def asked(endpoint: OpenAIEndpoint, count: int) -> bool:
    async def all_there() -> bool:
        return len(endpoint.chats) >= count

    return await soon(all_there)


async def stored(events: list[Event], count: int) -> bool:
    async def all_there() -> bool:
        return len(only(events, Stored)) >= count

    return await soon(all_there)


async def test_a_miss(
    slow: Any, embeddings: Slow, endpoint: OpenAIEndpoint, events: list[Event], ask: Any
) -> None:
    """The provider is asked while the question is embedded; the answer is stored, once."""
    model = cached(chat_openai(endpoint, cache=slow), racing=True)
    await ask(model, GERMANY)
    assert await stored(events, 1)
    await slow.aclose()
    embeddings.go.clear()
    asking = asyncio.create_task(ask(model, FRANCE))
    assert await asked(endpoint, 2)
    assert verdicts(events) == ["no_candidate"]
    embeddings.go.set()
    assert FRANCE in await asking
    assert await stored(events, 2)
    assert FRANCE in await ask(model, FRANCE)
    assert verdicts(events) == ["no_candidate", "distance", "exact"]
    assert len(endpoint.chats) == 2
    assert len(only(events, Stored)) == 2
    assert healthy(events)


async def test_a_reworded_question(
    slow: Any, embeddings: Slow, endpoint: OpenAIEndpoint, events: list[Event], ask: Any
) -> None:
    """It is served, the provider's answer being left; an identical one does not even ask."""
    model = cached(chat_openai(endpoint, cache=slow), racing=True)
    first = await ask(model, FRANCE)
    assert await stored(events, 1)
    assert await ask(model, FRANCE) == first
    assert len(endpoint.chats) == 1
    embeddings.go.clear()
    asking = asyncio.create_task(ask(model, FRANCE_REWORDED))
    assert await asked(endpoint, 2)
    embeddings.go.set()
    assert await asking == first
    assert verdicts(events) == ["no_candidate", "exact", "semantic"]
    assert len(only(events, Stored)) == 1
    assert healthy(events)


async def test_a_provider_that_fails(
    slow: Any, embeddings: Slow, endpoint: OpenAIEndpoint, events: list[Event], ask: Any
) -> None:
    """Its error is the caller's on a miss, and nobody's on a hit."""
    model = cached(chat_openai(endpoint, cache=slow), racing=True)
    first = await ask(model, FRANCE)
    assert await stored(events, 1)
    endpoint.fail(500, on="chat")
    embeddings.go.clear()
    asking = asyncio.create_task(ask(model, FRANCE_REWORDED))
    assert await asked(endpoint, 2)
    embeddings.go.set()
    assert await asking == first
    with pytest.raises(Exception, match="500"):
        await ask(model, GERMANY)
    assert len(only(events, Stored)) == 1


async def test_a_stream_that_breaks(
    slow: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """What was begun during the lookup is stored only if it came to its end."""
    model = cached(chat_openai(endpoint, cache=slow), racing=True)
    await model.ainvoke(GERMANY)
    assert await stored(events, 1)
    endpoint.answer = lambda request: Answer("Paris is the capital", break_after=3)
    with pytest.raises(BROKEN):
        await atotal(model.astream(FRANCE))
    assert len(only(events, Stored)) == 1


async def test_single_flight(
    make_cache: MakeCache, embeddings: Slow, endpoint: OpenAIEndpoint, events: list[Event], ask: Any
) -> None:
    """Identical questions at once ask the provider once, whoever leads races or not."""
    cache = make_cache(embeddings=AwaitedEmbeddings(embeddings), single_flight=SingleFlight())
    model = cached(chat_openai(endpoint, cache=cache), racing=True)
    await ask(model, GERMANY)
    assert await stored(events, 1)
    answers = await asyncio.gather(*(ask(model, FRANCE) for _ in range(16)))
    assert len(set(answers)) == 1
    assert len(endpoint.chats) == 2
    assert cache.stats.waited == 15


async def test_nobody_waits_for_the_store(
    scratch: EmbeddedRedis, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """The answer is there while Redis still refuses to write, and is stored once it does not."""
    cache = make_cache(redis_url=scratch.url)
    model = cached(chat_openai(endpoint, cache=cache), racing=True)
    with redis.Redis.from_url(scratch.url) as server:
        server.client_pause(60_000, all=False)
        said = (await model.ainvoke(FRANCE)).text
        assert not only(events, Stored)
        server.client_unpause()
    assert await stored(events, 1)
    assert (await model.ainvoke(FRANCE)).text == said
    assert len(endpoint.chats) == 1


async def test_the_tenant(
    make_cache: MakeCache, embeddings: Slow, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Namespace and tags are those of the call, in the lookup that races and in the store."""
    cache = make_cache(embeddings=AwaitedEmbeddings(embeddings), namespace=TENANT.get)
    model = cached(chat_openai(endpoint, cache=cache), racing=True)
    for tenant in ("alice", "bob"):
        TENANT.set(tenant)
        await model.ainvoke(GERMANY)
        with cache.tags(tenant):
            stream = model.astream(FRANCE)
        TENANT.set("nobody")
        await atotal(stream)
    assert await stored(events, 4)
    assert len(endpoint.chats) == 4
    assert await cache.adelete_tagged("alice") == 1
    TENANT.set("bob")
    await model.ainvoke(FRANCE)
    assert verdicts(events)[-1] == "exact"
