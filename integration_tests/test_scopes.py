"""Scopes: nobody is served what was answered to somebody else, and everybody finds their own."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import Any

import pytest
import redis
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    CountingEmbeddings,
    Parrot,
    Way,
    asked,
    chat_openai,
    healthy,
    indexes_of,
    keys_of,
    parroted,
    text_of,
    told,
    verdicts,
)
from langchain_redis_semcache import DistancePolicy, Index, Parameters, RedisSemanticCache
from langchain_redis_semcache.events import Event

TENANT: ContextVar[str] = ContextVar("tenant")


class OtherEmbeddings(CountingEmbeddings):
    """As many dimensions, another model."""

    model = "another-256"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [vector[::-1] for vector in super().embed_documents(texts)]


async def test_two_models_asking_the_same(
    do: Way, cache: RedisSemanticCache, events: list[Event]
) -> None:
    """Two models asking the same question keep an entry each, and both hit afterwards."""
    models = [Parrot(model=name, cache=cache) for name in ("one", "two")]
    for question in (FRANCE, FRANCE, FRANCE_REWORDED):
        for model in models:
            answer = await do(model.invoke, question)
            assert answer.text == parroted(FRANCE, model=model.model)
    assert [model.calls for model in models] == [[FRANCE], [FRANCE]]
    assert verdicts(events)[2:] == ["exact", "exact", "semantic", "semantic"]


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({"temperature": 0.9}, False),
        ({"model": "gpt-4o"}, False),
        ({"stop_sequences": ["END"]}, False),
        ({"max_completion_tokens": 100}, False),
        ({"timeout": 9}, True),
        ({"max_retries": 1}, True),
        ({"name": "Bob"}, True),
        ({"streaming": False}, True),
        ({"tags": ["a"], "metadata": {"user": "b"}}, True),
        ({"verbose": True}, True),
    ],
    ids=str,
)
async def test_parameters_of_a_chat_model(
    do: Way,
    cache: RedisSemanticCache,
    endpoint: OpenAIEndpoint,
    change: dict[str, Any],
    shared: bool,
) -> None:
    """What is asked of the model splits the cache, how the call is carried out does not."""
    for settings in ({}, change):
        await do(chat_openai(endpoint, cache=cache, **settings).invoke, FRANCE)
    assert len(endpoint.chats) == (1 if shared else 2)


@pytest.mark.parametrize(
    "bound",
    [
        {"stop": ["END"]},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    ],
    ids=str,
)
async def test_parameters_of_a_call(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, bound: dict[str, Any]
) -> None:
    """Stop words, tools and response format of a single call split the cache."""
    model = chat_openai(endpoint, cache=cache)
    for _ in range(2):
        await do(model.invoke, FRANCE)
        await do(model.bind(**bound).invoke, FRANCE)
    assert len(endpoint.chats) == 2


async def test_two_tenants(do: Way, make_cache: MakeCache) -> None:
    """Two namespaces never see each other's entries, and each finds its own."""
    caches = {tenant: make_cache(namespace=tenant) for tenant in ("", "acme", "acme2", "ac:me")}
    for tenant, cache in caches.items():
        for question in (FRANCE, FRANCE_REWORDED):
            assert await do(cache.lookup, asked(question), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told(f"for {tenant}"))
    for question in (FRANCE, FRANCE_REWORDED):
        for tenant, cache in caches.items():
            assert text_of(await do(cache.lookup, asked(question), LLM)) == f"for {tenant}"


async def test_namespace_is_read_at_each_call(do: Way, make_cache: MakeCache) -> None:
    """A callable namespace reads a ContextVar of the calling thread or task."""
    model = Parrot(cache=make_cache(namespace=TENANT.get))

    async def as_tenant(tenant: str, question: str) -> Any:
        TENANT.set(tenant)
        return await do(model.invoke, question)

    for question in (FRANCE, FRANCE, FRANCE_REWORDED):
        await asyncio.gather(*(as_tenant(tenant, question) for tenant in ("acme", "globex")))
    assert model.calls == [FRANCE, FRANCE]


def tenant_of_the_run() -> str:
    config = var_child_runnable_config.get() or {}
    return str(config.get("configurable", {}).get("tenant", ""))


async def test_namespace_from_the_config_of_a_run(do: Way, make_cache: MakeCache) -> None:
    """Inside of a chain the namespace can come from the run's `configurable`."""
    if do.is_async and sys.version_info < (3, 11):
        pytest.skip("LangChain cannot hand the config to async children on Python 3.10")
    model = Parrot(cache=make_cache(namespace=tenant_of_the_run))
    chain = RunnableLambda(str) | model
    for _ in range(2):
        for tenant in ("acme", "globex"):
            await do(chain.invoke, FRANCE, {"configurable": {"tenant": tenant}})
    assert model.calls == [FRANCE, FRANCE]


async def test_a_failing_namespace_sees_nothing(do: Way, make_cache: MakeCache) -> None:
    """Without its tenant a call is neither served nor stored."""
    await do(make_cache().update, asked(FRANCE), LLM, told("nobody's"))
    for namespace in (lambda: 1 / 0, lambda: None, lambda: 7):
        cache = make_cache(namespace=namespace)
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told("whose?"))
        assert cache.stats.failures == {"namespace": 2}
        assert cache.stats.stored == 0


@pytest.mark.parametrize(
    "neighbour", ["{}2", "{}:tenant1", "{}.x", "{}-x", "{}:{}"], ids=lambda pattern: pattern
)
async def test_names_that_begin_alike(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, neighbour: str
) -> None:
    """`app` and `app2`, `chat` and `chat:tenant1` never see or clear each other."""
    names = (name, neighbour.format(name, name))
    first, second = (make_cache(name=each) for each in names)
    await do(first.update, asked(FRANCE), LLM, told("first"))
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(second.lookup, asked(question), LLM) is None
    await do(second.update, asked(FRANCE), LLM, told("second"))
    for cache, other, text in ((first, second, "first"), (second, first, "second")):
        for question in (FRANCE, FRANCE_REWORDED):
            assert text_of(await do(cache.lookup, asked(question), LLM)) == text
            assert text_of(await do(make_cache(name=cache.name).lookup, asked(question), LLM))
        await do(other.clear)
        assert len(keys_of(server, f"{cache.name}::")) == 1
        assert len(indexes_of(server, f"{cache.name}::")) == 1
        assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == text
        await do(other.update, asked(FRANCE), LLM, told("first" if text == "second" else "second"))


async def test_another_embedding_model_begins_afresh(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """Vectors of two models of one dimension are never compared, and both caches work."""
    one, other = make_cache(), make_cache(embeddings=OtherEmbeddings())
    await do(one.update, asked(FRANCE), LLM, told("one"))
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(other.lookup, asked(question), LLM) is None
    await do(other.update, asked(FRANCE), LLM, told("other"))
    assert text_of(await do(one.lookup, asked(FRANCE_REWORDED), LLM)) == "one"
    assert text_of(await do(other.lookup, asked(FRANCE_REWORDED), LLM)) == "other"
    await do(other.clear)
    assert keys_of(server, name) == indexes_of(server, name) == []


@pytest.mark.parametrize("index_type", ["hnsw", "flat"])
async def test_many_tenants_ask_the_same(
    do: Way, make_cache: MakeCache, events: list[Event], index_type: str
) -> None:
    """Hundreds of others' nearer entries never hide a tenant's own one."""
    cache = make_cache(namespace=TENANT.get, index=Index(kind=index_type))
    tenants = [f"tenant-{i}" for i in range(250)]

    async def as_tenant(tenant: str, call: Any, question: str, *rest: Any) -> Any:
        TENANT.set(tenant)
        return await do(call, asked(question), LLM, *rest)

    # Half of them stored what the others ask: at distance 0, where their own is at 0.13.
    for i, tenant in enumerate(tenants):
        question = FRANCE_REWORDED if i % 50 == 0 else FRANCE
        await as_tenant(tenant, cache.update, question, told(f"for {tenant}"))
    for tenant in tenants[::25]:
        for question in (FRANCE, FRANCE_REWORDED):
            assert text_of(await as_tenant(tenant, cache.lookup, question)) == f"for {tenant}"
    assert await as_tenant("stranger", cache.lookup, FRANCE_REWORDED) is None
    assert cache.stats.embeddings == 2
    assert sorted(verdicts(events)) == ["exact"] * 10 + ["no_candidate"] + ["semantic"] * 10
    assert healthy(events)


async def test_a_wide_threshold_among_many_tenants(do: Way, make_cache: MakeCache) -> None:
    """Where everybody's entries are within the threshold a far one of the own scope is found."""
    cache = make_cache(namespace=TENANT.get, policy=DistancePolicy(1.8, {}))
    for number in range(100):
        TENANT.set(f"tenant-{number}")
        await do(cache.update, asked(FRANCE), LLM, told(f"for {number}"))
    for number in (0, 50, 99):
        TENANT.set(f"tenant-{number}")
        served = await do(cache.lookup, asked("How do I reverse a string in Python?"), LLM)
        assert text_of(served) == f"for {number}"


STRANGE = ["*", "a*", "}", "{x}", "|", "a|b", "@scope:{*}", '"', "'", "\\", ":", "::", " ", "\n"]
STRANGE += ["\0", "-", "~", "=>[KNN 9 @vector $v]", "ü", "🦜", "\ud800", "x" * 3000, "?", "[a]"]


async def test_strange_namespaces(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """No character of a namespace reaches a key or a query: each is itself and nothing else."""
    caches = [make_cache(namespace=namespace) for namespace in ["", *STRANGE]]
    for number, cache in enumerate(caches):
        assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told(str(number)))
    for number, cache in enumerate(caches):
        assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == str(number)
    assert healthy(events)


async def test_strange_tags(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """No character of a tag widens what is deleted."""
    for number, tag in enumerate([*STRANGE, "plain", "a,b"]):
        with cache.tags(tag):
            await do(cache.update, asked(f"about {number}"), LLM, told("answer"))
    left = len(keys_of(server, name))
    for tag in ("none", "b", ".*", "p*", "a,b|plain"):
        assert await do(cache.delete_tagged, tag) == 0
    for tag in STRANGE:
        assert await do(cache.delete_tagged, tag) == 1
        left -= 1
        assert len(keys_of(server, name)) == left
    assert await do(cache.delete_tagged, "plain", "a,b") == 2
    assert healthy(events)


BAD_NAMES = ["", ":a", "a::b", "a::", "a*", "a b", "{a}", "a?", "[a]", "ä", "a\n", "x" * 129]


@pytest.mark.parametrize(
    ("argument", "bad"),
    [("name", "a:"), *((argument, bad) for argument in ("name", "prefix") for bad in BAD_NAMES)],
)
def test_names_that_could_reach_further_are_refused(
    make_cache: MakeCache, bad: str, argument: str
) -> None:
    """A name that could match other keys is an error at construction, which says what to write."""
    with pytest.raises(ValueError, match=r"name and prefix must .* e\.g\. name='support-bot'"):
        make_cache(**{argument: bad})


async def test_users_share_answers(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """Who asks, by which request and for which of the provider's caches: one answer for all."""
    model = chat_openai(endpoint, cache=cache)
    for n in (1, 2):
        asking = model.bind(
            user=f"user {n}",
            prompt_cache_key=f"key {n}",
            safety_identifier=f"id {n}",
            store=n == 1,
            extra_headers={"X-Request-ID": f"{n}"},
        )
        await do(asking.invoke, FRANCE)
    await do(model.invoke, FRANCE)
    assert len(endpoint.chats) == 1
    await do(model.bind(extra_headers={"x-portkey-config": "other"}).invoke, FRANCE)
    assert len(endpoint.chats) == 2


async def test_declared_parameters_do_not_mix(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint
) -> None:
    """What is declared irrelevant is shared, and only with caches that declare the same."""
    declared = Parameters(irrelevant=["extra_body.trace"])
    for parameters, calls in ((None, 2), (declared, 1), (declared, 0)):
        before = len(endpoint.chats)
        cache = make_cache(parameters=parameters)
        for trace in (1, 2):
            model = chat_openai(endpoint, cache=cache, extra_body={"trace": trace})
            await do(model.invoke, FRANCE)
        assert len(endpoint.chats) == before + calls
