"""Races: whatever happens at the same time, every answer is the right one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint, default_answer
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    Parrot,
    Way,
    asked,
    chat_openai,
    healthy,
    indexes_of,
    keys_of,
    openai_embeddings,
    parroted,
    text_of,
    told,
)
from langchain_redis_semcache.embedded import LocalEmbeddings
from langchain_redis_semcache.events import Event

SUBJECTS = ["copper", "violins", "Norway", "cheese", "chess", "rain", "bees", "glaciers"]
SUBJECTS += ["opera", "bridges", "salt", "comets", "tigers", "maps", "tea", "ballet", "steam"]
SUBJECTS += ["pianos", "deserts", "clocks", "Vikings", "honey", "trains", "volcanoes", "silk"]


def many(do: Way) -> int:
    """20 threads, 50 tasks."""
    return 50 if do.is_async else 20


@pytest.fixture(params=["url", "sync-client"])
def racing(request: pytest.FixtureRequest, make_cache: MakeCache, redis_url: str) -> Any:
    if request.param == "url":
        yield make_cache()
        return
    with redis.Redis.from_url(redis_url) as client:
        yield make_cache(redis_client=client)


async def test_the_same_question(
    do: Way, racing: Any, server: redis.Redis, name: str, events: list[Event]
) -> None:
    """All ask the same at once: one entry, one index, right answers, and hits from then on."""
    model = Parrot(cache=racing)
    for round_ in range(2):
        answers = await do.together([(model.invoke, FRANCE)] * many(do))
        assert {answer.text for answer in answers} == {parroted(FRANCE)}
        if round_ == 0:
            first = len(model.calls)
    assert len(model.calls) == first
    assert len(keys_of(server, name)) == len(indexes_of(server, name)) == 1
    assert healthy(events)


async def test_different_questions(do: Way, racing: Any, events: list[Event]) -> None:
    """All ask different things at once, twice: everybody gets their own answer."""
    model = Parrot(cache=racing)
    questions = [f"What should I know about {s}?" for s in SUBJECTS][: many(do)]
    with racing.options(distance_threshold=0.05):
        for _ in range(2):
            answers = await do.together([(model.invoke, question) for question in questions])
            assert [answer.text for answer in answers] == [parroted(q) for q in questions]
    assert sorted(model.calls) == sorted(questions)
    assert healthy(events)


async def test_different_models_and_conversations(
    do: Way, racing: Any, events: list[Event]
) -> None:
    """The same question of many models and in many conversations at once never gets mixed up."""
    models = [Parrot(model=f"model-{i}", cache=racing) for i in range(many(do) // 5)]
    chats = [f"My number is {i}." for i in range(5)]
    for question in (FRANCE, FRANCE_REWORDED):
        calls = [
            (m.invoke, [("human", chat), ("human", question)]) for m in models for chat in chats
        ]
        answers = await do.together(calls)
        assert [answer.text for answer in answers] == [
            parroted(FRANCE, chat, model=m.model) for m in models for chat in chats
        ]
    assert sum(len(model.calls) for model in models) == len(calls)
    assert healthy(events)


async def test_storing_clearing_and_asking(do: Way, racing: Any, events: list[Event]) -> None:
    """Stores, lookups, clears and index creation at the same time: right answers or none."""
    calls: list[tuple[Any, ...]] = []
    for subject in SUBJECTS[:6]:
        calls += [
            (racing.update, asked(f"about {subject}"), LLM, told(subject)),
            (racing.lookup, asked(f"about {subject}"), LLM),
            (racing.lookup, asked(f"Please tell me about {subject}"), LLM),
        ]
    calls += [(racing.clear,), (racing.setup,)]
    for _ in range(3):
        results = await do.together(calls)
        for i, subject in enumerate(SUBJECTS[:6]):
            for answer in results[3 * i + 1 : 3 * i + 3]:
                assert text_of(answer) in (None, subject)
    await do(racing.clear)
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(racing.lookup, asked(question), LLM) is None
    await do(racing.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(racing.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert healthy(events)


async def test_over_http(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """The real clients at the same time, four answers out at a time: everybody gets their own."""
    four = threading.Barrier(4, timeout=20)

    def together(request: dict[str, Any]) -> Any:
        four.wait()
        return default_answer(request)

    endpoint.embed = LocalEmbeddings().embed_query
    endpoint.answer = together
    cache = make_cache(embeddings=openai_embeddings(endpoint), distance_threshold=0.05)
    model = chat_openai(endpoint, cache=cache)
    questions = [f"What should I know about {subject}?" for subject in SUBJECTS[:20]]
    for _ in range(2):
        answers = await do.together([(model.invoke, question) for question in questions])
        assert [a.text for a in answers] == [f"gpt-4o-mini answers: {q}" for q in questions]
    assert sorted(endpoint.questions) == sorted(questions)
    assert sorted(endpoint.embedded) == sorted(questions)
    assert healthy(events)
