"""Failing open, first cut: without Redis or embedder answers arrive as if there were no cache."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import partial
from typing import Any

import pytest

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    CountingEmbeddings,
    Parrot,
    Way,
    asked,
    chat_openai,
    denied,
    only,
    openai_embeddings,
    parroted,
    soon,
    text_of,
    told,
    verdicts,
)
from langchain_redis_semcache import CacheUnavailableError, Limits, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Event, Failed

NOWHERE = "redis://user:secret@127.0.0.1:1/0"


class Moody(CountingEmbeddings):
    """Embeds, or does what `mood` says."""

    mood: Any = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = super().embed_documents(texts)
        return vectors if self.mood is None else [self.mood() for _ in texts]


def fail() -> Any:
    raise RuntimeError("secret prompt in a message")


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


async def answers_arrive(do: Way, model: Parrot) -> None:
    for question in (FRANCE, FRANCE, GERMANY):
        assert (await do(model.invoke, question)).text == parroted(question)


async def test_redis_is_down(
    do: Way, make_cache: MakeCache, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """Every answer arrives, with one warning in all, and every failure as an event."""
    model = Parrot(cache=make_cache(redis_url=NOWHERE))
    await answers_arrive(do, model)
    assert model.calls == [FRANCE, FRANCE, GERMANY]
    assert len(warnings_in(caplog)) == 1
    assert "secret" not in caplog.text
    failures = only(events, Failed)
    assert {e.operation for e in failures} == {"lookup", "update"}
    assert len(failures) >= 6
    assert "secret" not in repr(events)
    assert verdicts(events) == ["redis_unavailable"] * 3


async def test_administration_says_that_redis_is_down(do: Way, make_cache: MakeCache) -> None:
    """What was asked for explicitly raises; `explain` answers."""
    cache = make_cache(redis_url=NOWHERE)
    for call in (
        (cache.clear,),
        (cache.setup,),
        (cache.delete_tagged, "a"),
        (cache.delete_entry, f"{cache.name}::x"),
    ):
        with pytest.raises(CacheUnavailableError):
            await do(*call)
    assert (await do(cache.explain, asked(FRANCE), LLM)).reason == "redis_unavailable"


async def test_redis_goes_and_comes_back(
    do: Way, make_cache: MakeCache, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """When Redis dies calls go on, and when it is back so is the cache, each said once."""
    caplog.set_level("INFO", "langchain_redis_semcache")
    with EmbeddedRedis() as server:
        url = server.url
        cache = make_cache(redis_url=url, limits=Limits(redis=2))
        model = Parrot(cache=cache)
        await answers_arrive(do, model)
        assert model.calls == [FRANCE, GERMANY]
    await answers_arrive(do, model)
    assert model.calls == [FRANCE, GERMANY, FRANCE, FRANCE, GERMANY]
    assert len(warnings_in(caplog)) == 1
    with EmbeddedRedis(port=int(url.rsplit(":", 1)[1].split("/")[0])):

        async def served_again() -> bool:
            await do(model.invoke, FRANCE)
            return cache.stats.exact_hits > 1

        assert await soon(served_again)
        assert text_of(await do(cache.lookup, asked(FRANCE), "other")) is None
        served = await do(model.invoke, FRANCE_REWORDED)
        assert served.text == parroted(FRANCE)
    messages = [r.getMessage() for r in caplog.records if r.levelno >= logging.INFO]
    assert len(messages) == 2
    assert "works again" in messages[1]


@pytest.mark.parametrize(
    "mood",
    [
        fail,
        lambda: [],
        lambda: None,
        lambda: "vector",
        lambda: [0.0] * 256,
        lambda: [float("nan")] * 256,
        lambda: [float("inf")] * 256,
        lambda: ["a"] * 256,
        lambda: [[0.1]] * 256,
    ],
    ids=["raises", "empty", "none", "text", "zero", "nan", "inf", "strings", "nested"],
)
async def test_the_embedder_fails(
    do: Way,
    make_cache: MakeCache,
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
    mood: Any,
) -> None:
    """Whatever the embedder does answers arrive, repeats are still hits, one warning is given."""
    embedder = Moody()
    embedder.mood = mood
    cache = make_cache(embeddings=embedder)
    model = Parrot(cache=cache)
    await answers_arrive(do, model)
    assert model.calls == [FRANCE, GERMANY]
    assert len(warnings_in(caplog)) == 1
    assert "secret" not in caplog.text + repr(events)
    assert {e.stage for e in only(events, Failed)} == {"embedding"}
    assert verdicts(events) == ["embedding_failed", "exact", "embedding_failed"]


async def test_the_embedder_recovers(do: Way, make_cache: MakeCache) -> None:
    """What was stored without a vector gets one when it is stored again."""
    embedder = Moody()
    cache = make_cache(embeddings=embedder)
    embedder.mood = fail
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    embedder.mood = None
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"


async def test_another_number_of_dimensions(do: Way, make_cache: MakeCache) -> None:
    """Vectors of a new length begin an index of their own; nothing is refused or mixed."""
    embedder = Moody()
    cache = make_cache(embeddings=embedder)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    embedder.mood = lambda: [0.5] * 64
    cache = make_cache(embeddings=embedder)
    assert await do(cache.lookup, asked(GERMANY), LLM) is None
    await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    assert text_of(await do(cache.lookup, asked(GERMANY + "!"), LLM)) == "Berlin"
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert cache.stats.failures == {}


async def test_the_embedding_service_is_down(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """While the embedding endpoint answers 500 or resets, the chat endpoint's answers arrive."""
    cache = make_cache(embeddings=openai_embeddings(endpoint))
    model = chat_openai(endpoint, cache=cache)
    for break_it in (partial(endpoint.fail, 500), endpoint.reset):
        break_it(on="embeddings")
        for question in (FRANCE, FRANCE):
            assert (await do(model.invoke, question)).text == f"gpt-4o-mini answers: {question}"
        await do(cache.clear)
    assert len(endpoint.chats) == 2
    assert verdicts(events) == ["embedding_failed", "exact"] * 2


async def test_a_slow_sync_embedder_is_left_behind(
    do: Way, make_cache: MakeCache, events: list[Event]
) -> None:
    """An embedder beyond its deadline is not waited for, and the next call is served again."""
    release, ended = threading.Event(), []
    embedder = Moody()

    def wait() -> Any:
        ended.append(release.wait())
        return [1.0] * 256

    embedder.mood = wait
    # Without a native async method, as most embedding classes are.
    embedder.aembed_documents = None  # type: ignore[assignment, method-assign]
    cache = make_cache(embeddings=_SyncOnly(embedder), limits=Limits(embedding=0.2))
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    assert ended == []
    assert verdicts(events) == ["embedding_failed"]
    release.set()
    embedder.mood = None
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    served = await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    assert text_of(served) == "Paris", events


class _SyncOnly(CountingEmbeddings.__mro__[2]):  # type: ignore[misc]  # langchain's Embeddings
    """LangChain's default `aembed_query` around a sync embedder."""

    def __init__(self, inner: Moody) -> None:
        self._inner = inner

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._inner.embed_documents(texts)


async def test_a_cancelled_call_leaves_the_cache_usable(
    make_cache: MakeCache, events: list[Event]
) -> None:
    """A task that is cancelled in the middle of a lookup breaks nothing for the next ones."""
    cache = make_cache()
    await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
    for turns in (1, 3, 10, 100):
        tasks = [
            asyncio.create_task(cache.alookup(asked(f"{FRANCE_REWORDED} {i}"), LLM))
            for i in range(10)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert text_of(await cache.alookup(asked(FRANCE), LLM)) == "Paris"
    assert only(events, Failed) == []


async def test_a_server_without_search(
    do: Way,
    make_cache: MakeCache,
    scratch: EmbeddedRedis,
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where FT.SEARCH is not permitted exact hits go on, with one warning."""
    url = denied(scratch.url, "ft.search", "ft.create", "ft._list")
    cache: RedisSemanticCache = make_cache(redis_url=url)
    model = Parrot(cache=cache)
    await answers_arrive(do, model)
    assert model.calls == [FRANCE, GERMANY]
    assert {(e.stage, e.error) for e in only(events, Failed)} == {("search", "NOPERM")}
    assert len(warnings_in(caplog)) == 1
    with cache.tags("tag"):
        await do(model.invoke, "Why is the sky blue?")
    assert await do(cache.delete_tagged, "tag") == 1
    await do(cache.clear)
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
