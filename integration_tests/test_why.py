"""Why did it hit, why does it never hit: what a user holds is enough to find out."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from langchain_core.messages import SystemMessage
from langchain_core.prompts import ChatPromptTemplate

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
    told,
    watched,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Event


class OtherEmbeddings(CountingEmbeddings):
    """As many dimensions, another model."""

    model = "another-256"


async def test_what_is_explained_can_be_removed(
    do: Way, make_cache: MakeCache, model: Parrot
) -> None:
    """The key that `explain` names for a reworded question is the one that has to go."""
    model.cache = cache = make_cache(ttl=3600)
    with cache.tags("faq"):
        await do(model.invoke, FRANCE)
    said = await do(cache.explain, FRANCE_REWORDED, model)
    assert (said.decision, said.reason) == ("hit", "semantic")
    assert said.served is not None
    assert said.served.tags == ("faq",)
    assert 3500 < said.served.ttl <= 3600
    assert said.served.answer in str(said)
    assert await do(cache.delete_entry, said.entry)
    assert (await do(cache.explain, FRANCE_REWORDED, model)).decision == "miss"


async def test_a_message_and_its_event(
    do: Way, cache: RedisSemanticCache, model: Parrot, events: list[Event]
) -> None:
    """What was served says itself why, with nothing else at hand; so does what was stored."""
    model.cache = cache
    fresh = await do(model.invoke, FRANCE)
    served = await do(model.invoke, FRANCE_REWORDED)
    why = await do(cache.explain, served)
    assert (why.decision, why.reason) == ("hit", "semantic")
    assert why.served.question == FRANCE
    assert f"asked then {FRANCE!r}" in str(why)
    again = await do(cache.explain, events[-1])
    assert (again.entry, again.distance) == (why.entry, why.distance)
    first = await do(cache.explain, fresh)
    assert (first.decision, first.entry) == ("stored", why.entry)
    await do(cache.feedback, served, right=False)
    assert (await do(cache.explain, served)).served is None


async def test_a_chain(do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint) -> None:
    """A chain is explained by what it is given."""
    prompt = ChatPromptTemplate([("system", "Be brief."), ("human", "{question}")])
    chain = prompt | chat_openai(endpoint, cache=cache).with_retry()
    await do(chain.invoke, {"question": FRANCE})
    assert (await do(cache.explain, {"question": FRANCE}, chain)).reason == "exact"
    assert (await do(cache.explain, {"question": FRANCE_REWORDED}, chain)).reason == "semantic"


PROMPTS = [f"You are a helpful assistant. The time is 12:0{n}." for n in range(3)]


async def test_nothing_ever_hits(do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint) -> None:
    """The clock in a system prompt is named: in the stats, and with its words by `explain`."""
    cache = make_cache()
    model = chat_openai(endpoint, cache=cache)
    for system in PROMPTS:
        await do(model.invoke, [("system", system), ("human", FRANCE)])
    assert cache.stats.hit_rate == 0
    assert cache.stats.elsewhere == {"system prompt": 2}
    # From a process that has stored nothing.
    said = await do(
        make_cache().explain,
        [("system", "You are a helpful assistant. The time is 12:59."), ("human", FRANCE)],
        model,
    )
    assert len(said.elsewhere) == 3
    text = str(said)
    assert (
        "system prompt: stored with ... 'time is 12:02.', asked with ... 'time is 12:59.'" in text
    )


async def test_what_else_keeps_them_apart(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint
) -> None:
    """Turns, a parameter, the tenant and the embedding model are named as well."""
    await do(chat_openai(endpoint, cache=make_cache(namespace="acme")).invoke, FRANCE)
    cache = make_cache()
    model = chat_openai(endpoint, cache=cache)

    async def differs(given: Any, model: Any, cache: RedisSemanticCache = cache) -> list[str]:
        said = await do(cache.explain, given, model)
        assert said.decision == "miss"
        return [difference.part for difference in said.elsewhere[0].differs]

    assert await differs(FRANCE, model) == ["tenant"]
    turns = [("human", "Hi"), ("ai", "Hello"), ("human", FRANCE)]
    assert await differs(turns, model) == ["earlier turns", "tenant"]
    cooler = model.bind(temperature=0.3)
    assert await differs(FRANCE, cooler) == ["parameter temperature", "tenant"]
    other = make_cache(embeddings=OtherEmbeddings(), namespace="acme")
    assert await differs(FRANCE, model, other) == ["embedding model"]


async def test_hidden(do: Way, make_cache: MakeCache, server: redis.Redis, name: str) -> None:
    """Where namespaces are hidden no word of a system prompt is kept; parts are named still."""
    cache = make_cache(namespaces="hidden", namespace="acme")
    prompt = asked(SystemMessage("A secret instruction."), FRANCE)
    await do(cache.update, prompt, LLM, told("Paris"))
    (key,) = server.scan_iter(f"{name}*")
    fields: Any = server.hgetall(key)
    assert b"secret" not in fields[b"parts"]
    said = await do(cache.explain, asked(SystemMessage("Another one."), FRANCE), LLM)
    assert [one.part for one in said.elsewhere[0].differs] == ["system prompt"]


async def test_no_round_trip_more(do: Way, make_cache: MakeCache, server: redis.Redis) -> None:
    """All of it costs a call nothing: as many round trips as without."""
    cache = make_cache()
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    other = asked(SystemMessage("Be brief."), FRANCE)
    with watched(server) as traffic:
        assert await do(cache.lookup, other, LLM) is None
    assert traffic.round_trips == 1
    assert cache.stats.elsewhere == {"system prompt": 1}


@pytest.mark.parametrize("like", [True, False])
async def test_without_effect(
    do: Way,
    make_cache: MakeCache,
    server: redis.Redis,
    name: str,
    embeddings: CountingEmbeddings,
    like: bool,
) -> None:
    """Nothing is stored, counted or remembered by it, and no ttl begins anew."""
    cache = make_cache(ttl=1000)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (key,) = (key.decode() for key in server.scan_iter(f"{name}*"))
    before, ttl = cache.stats, server.pttl(key)
    with watched(server) as traffic:
        for question in (FRANCE, FRANCE_REWORDED, "Something else?"):
            await do(cache.explain, question, like=key) if like else await do(
                cache.explain, asked(question), LLM
            )
    assert cache.stats == before
    assert server.pttl(key) <= ttl
    assert not traffic.commands.keys() - {"hmget", "ft.search", "ft.aggregate", "pttl", "scan"}


async def test_in_a_large_database(do: Way, scratch: EmbeddedRedis, make_cache: MakeCache) -> None:
    """Among 50,000 keys of others the very question is found elsewhere."""
    with redis.Redis.from_url(scratch.url) as server:
        for start in range(0, 50_000, 5000):
            server.mset({f"other:{n}": "x" for n in range(start, start + 5000)})
    cache = make_cache(redis_url=scratch.url)
    await do(cache.update, asked(SystemMessage("Be brief."), FRANCE), LLM, told("Paris"))
    began = time.perf_counter()
    said = await do(cache.explain, asked(FRANCE), LLM)
    print(f"{time.perf_counter() - began:.2f} s")
    assert len(said.elsewhere) == 1
