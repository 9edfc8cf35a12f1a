"""Looking in: `explain` agrees with what a lookup does, and stats and events add up."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import redis
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import Answer, OpenAIEndpoint, ToolCall
from integration_tests.support import (
    AUDIO,
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    PICTURE,
    CountingEmbeddings,
    Parrot,
    Way,
    asked,
    chat_openai,
    keys_of,
    only,
    told,
    verdicts,
    watched,
    weather,
)
from langchain_redis_semcache import RedisSemanticCache, Sliding
from langchain_redis_semcache.events import Bypassed, Embedded, Event, Hit, Miss, Stored


class Capital(BaseModel):
    """A capital."""

    city: str


@pytest.mark.parametrize(
    ("question", "decision", "reason"),
    [
        (FRANCE, "hit", "exact"),
        (FRANCE_REWORDED, "hit", "semantic"),
        (GERMANY, "miss", "distance"),
        ("What isn't the capital of France?", "miss", "guard"),
        ("", "miss", "exact_only"),
        ("x" * 2000, "miss", "exact_only"),
    ],
)
async def test_explain_and_lookup_agree(
    do: Way,
    cache: RedisSemanticCache,
    events: list[Event],
    question: str,
    decision: str,
    reason: str,
) -> None:
    """Question by question `explain` names the reason that the event of the lookup has."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    said = await do(cache.explain, asked(question), LLM)
    answer = await do(cache.lookup, asked(question), LLM)
    assert (said.decision, said.reason) == (decision, reason)
    assert verdicts(events) == [reason]
    assert (answer is not None) == (decision == "hit")
    event = events[-1]
    assert isinstance(event, Hit | Miss)
    if said.candidates:
        assert (event.entry, event.distance) == (
            said.candidates[0].entry,
            said.candidates[0].distance,
        )
        assert said.candidates[0].question == FRANCE
    if decision == "hit":
        assert event.entry == said.entry
    assert said.question == question
    assert said.threshold == 0.15


async def test_what_an_explanation_says(do: Way, cache: RedisSemanticCache) -> None:
    """It names question, scope, key, threshold and candidates, and reads well as text."""
    llm_string = "[('model', 'gpt-4o'), ('stop', None)]"
    empty = await do(cache.explain, asked(FRANCE), llm_string)
    assert (empty.decision, empty.reason, empty.candidates) == ("miss", "no_candidate", ())
    await do(cache.update, asked(FRANCE), llm_string, told("Paris"))
    said = await do(cache.explain, asked(FRANCE_REWORDED), llm_string)
    assert said.model == "gpt-4o"
    (near,) = said.candidates
    assert near.accepted
    assert near.entry == said.entry == (await do(cache.explain, asked(FRANCE), llm_string)).key
    assert said.scope
    assert said.scope in near.entry
    text = str(said)
    for part in ("hit: semantic", FRANCE, FRANCE_REWORDED, "gpt-4o", said.scope, "0.15", "0.13"):
        assert part in text
    with pytest.raises(dataclasses.FrozenInstanceError):
        said.reason = "other"  # type: ignore[misc]
    pending = await do(cache.explain, asked(FRANCE, AIMessage("The capital is")), llm_string)
    assert pending.exact_only == "last_message_ai"
    assert "last_message_ai" in str(pending)


@pytest.mark.parametrize(
    "given",
    [
        FRANCE,
        [HumanMessage(FRANCE)],
        [HumanMessage(FRANCE, id="7", name="Anna")],
        [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello", id="8"), FRANCE],
        [("system", "Be brief."), ("human", FRANCE)],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": FRANCE}],
        [HumanMessage([{"type": "text", "text": FRANCE}, PICTURE])],
        [HumanMessage([{"type": "text", "text": FRANCE}, AUDIO])],
        ChatPromptTemplate([("system", "Be brief."), ("human", "{q}")]).invoke({"q": FRANCE}),
    ],
    ids=[
        *("str", "message", "id-and-name", "conversation", "tuples", "dicts"),
        *("picture", "audio", "prompt-value"),
    ],
)
async def test_explain_takes_what_a_model_takes(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, given: Any
) -> None:
    """Given what `invoke` is given, `explain` finds the entry that `invoke` made."""
    model = chat_openai(endpoint, cache=cache)
    before = await do(cache.explain, given, model)
    await do(model.invoke, given)
    after = await do(cache.explain, given, model)
    assert (before.decision, after.decision, after.reason) == ("miss", "hit", "exact")
    assert before.key == after.entry == after.key
    assert before.entry is None
    assert after.question == FRANCE
    assert after.model == "gpt-4o-mini"


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
async def test_explain_with_structured_output(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, method: Any
) -> None:
    """The model inside of `with_structured_output` finds what the whole chain stored."""
    endpoint.answer = lambda request: (
        Answer(tool_calls=[ToolCall("Capital", {"city": "Paris"})])
        if request.get("tools")
        else '{"city": "Paris"}'
    )
    chain: Any = chat_openai(endpoint, cache=cache).with_structured_output(Capital, method=method)
    question = f"{FRANCE} Answer in JSON."
    assert await do(chain.invoke, question) == Capital(city="Paris")
    for model in (chain, chain.first, chain.with_retry()):
        said = await do(cache.explain, question, model)
        assert (said.decision, said.reason) == ("hit", "exact")


@pytest.mark.parametrize("bind", ["tools", "stop", "both", "temperature", "parrot"])
async def test_explain_with_bound_models(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, bind: str
) -> None:
    """Bound tools, stop words and parameters are part of the question, as they are of the call."""
    plain = chat_openai(endpoint, cache=cache)
    model: Any = {
        "tools": lambda: plain.bind_tools([weather]),
        "stop": lambda: plain.bind(stop=["END"]),
        "both": lambda: plain.bind_tools([weather]).bind(stop=["END"]).with_config(tags=["a"]),
        "temperature": lambda: plain.bind(temperature=0.3),
        "parrot": lambda: Parrot(cache=cache).bind_tools([weather]),
    }[bind]()
    await do(model.invoke, FRANCE)
    assert (await do(cache.explain, FRANCE, model)).reason == "exact"
    other = await do(cache.explain, FRANCE, plain)
    assert other.reason == "no_candidate"
    if bind == "tools":
        assert "tools      weather: an answer that calls one" in str(
            await do(cache.explain, FRANCE, model)
        )
        assert "tools: stored with weather, asked with none" in str(other)


async def test_explain_for_a_completion_model(do: Way, cache: RedisSemanticCache) -> None:
    """Completion models are explained by the text they are given."""
    model = FakeListLLM(responses=["Paris"], cache=cache)
    await do(model.invoke, FRANCE)
    assert (await do(cache.explain, FRANCE, model)).reason == "exact"
    assert (await do(cache.explain, FRANCE_REWORDED, model)).reason == "semantic"
    bound = model.bind(stop=["END"])
    assert (await do(cache.explain, FRANCE, bound)).reason == "no_candidate"
    await do(bound.invoke, FRANCE)
    assert (await do(cache.explain, FRANCE, bound)).reason == "exact"


async def test_explain_of_what_is_no_model(do: Way, cache: RedisSemanticCache) -> None:
    """Anything else than a model or an llm_string is an error that says so."""
    with pytest.raises(TypeError, match="chat or completion model"):
        await do(cache.explain, FRANCE, 7)
    with pytest.raises(TypeError, match="what is asked and a model, or an answer"):
        await do(cache.explain, 7)


async def test_explain_inside_of_blocks(do: Way, cache: RedisSemanticCache) -> None:
    """`explain` obeys the block that it is called in, as a lookup does."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    with cache.options(distance_threshold=0.01):
        said = await do(cache.explain, asked(FRANCE_REWORDED), LLM)
        assert (said.decision, said.reason, said.threshold) == ("miss", "distance", 0.01)
    with cache.bypass():
        said = await do(cache.explain, asked(FRANCE), LLM)
        assert (said.decision, said.reason) == ("bypassed", "bypass")


async def test_explain_shows_all_candidates(do: Way, make_cache: MakeCache) -> None:
    """Candidates come nearest first, each with its verdict and the guard that objected."""
    cache = make_cache(distance_threshold=0.8)
    for question in (FRANCE, GERMANY, "What isn't the capital of France?"):
        await do(cache.update, asked(question), LLM, told(question))
    said = await do(cache.explain, asked("Which is the capital of France?"), LLM)
    distances = [near.distance for near in said.candidates]
    assert distances == sorted(distances)
    assert said.candidates[-1].accepted == (said.decision == "hit")
    more = await do(cache.explain, asked("What is the capital of Spain?"), LLM)
    assert (more.decision, more.reason) == ("miss", "guard")
    assert len(more.candidates) == 3
    assert {near.reason for near in more.candidates} == {"guard"}
    assert all(near.guard for near in more.candidates)


async def test_explain_leaves_no_trace(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """`explain` stores nothing, counts nothing, tells no listener and renews no TTL."""
    cache = make_cache(ttl=Sliding(1000), mark_hits=True)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (key,) = keys_of(server, name)
    server.hset(key, "response", "{broken")
    server.expire(key, 100)
    events.clear()
    before = cache.stats
    with watched(server) as traffic:
        for question in (FRANCE, FRANCE_REWORDED, GERMANY):
            assert (await do(cache.explain, asked(question), LLM)).decision == "miss"
    assert cache.stats == before
    assert events == []
    assert not traffic.commands.keys() - {"hmget", "ft.search", "scan"}
    assert server.ttl(key) <= 100
    assert keys_of(server, name) == [key]


async def test_stats(do: Way, make_cache: MakeCache, embeddings: CountingEmbeddings) -> None:
    """Lookups, hits by kind, misses by reason, vetoes, stores, embeddings and times are counted."""
    cache = make_cache()
    assert cache.stats.lookups == cache.stats.hit_rate == 0
    model = Parrot(cache=cache)
    negated = "What isn't the capital of France?"
    for question in (FRANCE, FRANCE_REWORDED, FRANCE, GERMANY, negated):
        await do(model.invoke, question)
    await do(cache.update, asked("nothing"), LLM, told(""))
    stats = cache.stats
    assert (stats.lookups, stats.exact_hits, stats.semantic_hits, stats.hits) == (5, 1, 1, 2)
    assert stats.misses == {"no_candidate": 1, "distance": 1, "guard": 1}
    assert stats.vetoes == {"negation": 1}
    assert (stats.stored, stats.bypassed, stats.failures) == (3, {"empty_answer": 1}, {})
    assert stats.hit_rate == 0.4
    assert stats.embeddings == len(embeddings.texts) == 4
    assert stats.mean_embedding_seconds > 0
    assert stats.mean_redis_seconds > 0
    assert set(stats.breakers.values()) == {"closed"}
    assert make_cache().stats.lookups == 0


async def test_listeners(do: Way, make_cache: MakeCache) -> None:
    """Every listener gets every event, frozen; one that raises stops nobody."""
    first: list[Event] = []
    second: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("listener")

    cache = make_cache(listeners=[first.append, broken, second.append])
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.update, asked(FRANCE), LLM, told(""))
    await do(cache.lookup, asked(FRANCE), LLM)
    await do(cache.lookup, asked(GERMANY), LLM)
    assert first == second
    kinds = [type(event).__name__ for event in first]
    # Behind the first store, and for the miss: when is a matter of threads.
    assert kinds.count("Embedded") == 2
    assert [kind for kind in kinds if kind != "Embedded"] == ["Stored", "Bypassed", "Hit", "Miss"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        only(first, Stored)[0].entry = "x"
    assert only(first, Bypassed)[0].operation == "update"


async def test_events_keep_secrets(
    do: Way, make_cache: MakeCache, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither events nor logs hold a word of question, answer or credential."""
    caplog.set_level("DEBUG", "langchain_redis_semcache")
    cache = make_cache(namespace="tenant-secret")
    question, answer = "secret-question about France", "secret-answer"
    await do(cache.update, asked(question), LLM, told(answer))
    for text in (question, f"please, {question}", GERMANY):
        await do(cache.lookup, asked(text), LLM)
    assert len(verdicts(events)) == 3
    assert "secret" not in repr(events) + caplog.text


class Failing(CountingEmbeddings):
    """Fails when it is told to."""

    fails = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.fails:
            raise RuntimeError
        return super().embed_documents(texts)


async def test_an_embedder_that_fails_in_explain_is_no_matter_to_later_calls(
    do: Way, make_cache: MakeCache, events: list[Event]
) -> None:
    """However often it fails there, the next answer is stored with its vector."""
    embeddings = Failing()
    cache = make_cache(embeddings=embeddings)
    embeddings.fails = True
    for _ in range(5):
        assert (await do(cache.explain, asked(FRANCE), LLM)).reason == "embedding_failed"
    embeddings.fails = False
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert (await do(cache.explain, asked(FRANCE_REWORDED), LLM)).reason == "semantic"
    assert not [event for event in events if not isinstance(event, Stored | Embedded)]


async def test_a_redis_that_cannot_be_reached_in_explain_suspends_nothing(
    do: Way, make_cache: MakeCache, events: list[Event]
) -> None:
    """The next lookup finds out for itself."""
    cache = make_cache(redis_url="redis://127.0.0.1:1")
    assert (await do(cache.explain, asked(FRANCE), LLM)).reason == "redis_unavailable"
    assert cache.stats.breakers["redis"] == "closed"
    assert not events
