"""Simultaneous identical questions ask the model once, and nobody waits for what does not come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field, PrivateAttr

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    Way,
    asked,
    eventually,
    healthy,
    in_threads,
    only,
    soon,
    told,
)
from langchain_redis_semcache import RedisSemanticCache, SingleFlight
from langchain_redis_semcache.events import Event, Hit, Stored, Waited
from langchain_redis_semcache.flows.flights import Flight
from langchain_redis_semcache.models import cached

MANY = 64
CUT = AIMessage("Par", response_metadata={"finish_reason": "length"})


class Gated(BaseChatModel):
    """A model that answers when its gates open, and by its script."""

    script: dict[int, Any] = Field(default_factory=dict)
    """By number of the call: an exception to raise, or a message to answer."""
    calls: list[str] = Field(default_factory=list)
    _first: threading.Event = PrivateAttr(default_factory=threading.Event)
    _others: threading.Event = PrivateAttr(default_factory=threading.Event)

    @property
    def _llm_type(self) -> str:
        return "gated"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": "gated"}

    def open_first(self) -> None:
        self._first.set()

    def open(self) -> None:
        self._first.set()
        self._others.set()

    def _is_open(self, number: int) -> bool:
        return (self._first if number == 1 else self._others).is_set()

    def _begin(self, messages: Any) -> int:
        self.calls.append(messages[-1].text)
        return len(self.calls)

    def _end(self, number: int) -> ChatResult:
        answer = self.script.get(number, AIMessage("Paris"))
        if isinstance(answer, BaseException):
            raise answer
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        number = self._begin(messages)
        assert eventually(lambda: self._is_open(number), 20)
        return self._end(number)

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        number = self._begin(messages)
        assert await soon(lambda: _is(self._is_open(number)), 20)
        return self._end(number)

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield _piece("Pa")
        self._generate(messages)
        yield _piece("ris", last=True)

    async def _astream(
        self, messages: Any, *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield _piece("Pa")
        await self._agenerate(messages)
        yield _piece("ris", last=True)


def _piece(text: str, last: bool = False) -> ChatGenerationChunk:
    metadata = {"finish_reason": "stop"} if last else {}
    return ChatGenerationChunk(message=AIMessageChunk(text, response_metadata=metadata))


@pytest.fixture
def flying(make_cache: MakeCache) -> RedisSemanticCache:
    return make_cache(single_flight=SingleFlight(wait=20))


def under_way(cache: RedisSemanticCache) -> list[Flight]:
    assert cache._core.together is not None
    return list(cache._core.together.flights._flights.values())


def followers(cache: RedisSemanticCache) -> int:
    """How many have been told to wait for somebody who is still on the way."""
    return sum(flight.followers for flight in under_way(cache))


When = Callable[[Callable[[], bool], Callable[[], None]], None]


@pytest.fixture
def when() -> Iterator[When]:
    """Does something in a thread as soon as a condition is met."""
    threads: list[threading.Thread] = []

    def start(condition: Callable[[], bool], action: Callable[[], None]) -> None:
        def watch() -> None:
            eventually(condition, 15)
            action()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


async def together(do: Way, model: Runnable[Any, Any], count: int) -> list[Any]:
    """Ask the same at once; what a call raised stands in place of its answer."""
    if do.is_async:
        calls = (model.ainvoke(FRANCE) for _ in range(count))
        return await asyncio.gather(*calls, return_exceptions=True)

    def attempt() -> Any:
        try:
            return model.invoke(FRANCE)
        except RuntimeError as error:
            return error

    return in_threads([(attempt,)] * count)


async def test_one_call_for_all(
    do: Way, flying: RedisSemanticCache, when: When, events: list[Event]
) -> None:
    """64 identical calls at once make one call of the model; all have its answer."""
    model = Gated(cache=flying)
    when(lambda: followers(flying) == MANY - 1, model.open)
    answers = await together(do, model, MANY)
    assert {answer.text for answer in answers} == {"Paris"}
    assert len(model.calls) == len(only(events, Stored)) == 1
    assert [event.landed for event in only(events, Waited)] == [True] * (MANY - 1)
    assert flying.stats.waited == flying.stats.exact_hits == MANY - 1
    assert flying.stats.mean_waiting_seconds > 0
    assert healthy(events)


async def test_tasks_and_threads(flying: RedisSemanticCache, when: When) -> None:
    """Threads wait for a task, and tasks for a thread."""
    model = Gated(cache=flying)
    when(lambda: followers(flying) == 7, model.open)
    threads = asyncio.to_thread(in_threads, [(model.invoke, FRANCE)] * 4)
    await asyncio.gather(threads, *(model.ainvoke(FRANCE) for _ in range(4)))
    assert len(model.calls) == 1


async def test_batch(do: Way, flying: RedisSemanticCache, when: When) -> None:
    """A batch of one question makes one call."""
    model = Gated(cache=flying)
    when(lambda: followers(flying) == 4, model.open)
    answers = await do(model.batch, [FRANCE] * 5)
    assert [answer.text for answer in answers] == ["Paris"] * 5
    assert len(model.calls) == 1


async def test_streams(do: Way, flying: RedisSemanticCache, when: When) -> None:
    """Streams of a wrapped model wait for the first one's whole answer."""
    model = Gated(cache=flying)
    view = cached(model)
    when(lambda: followers(flying) == 3, model.open)

    async def pieces() -> str:
        return "".join([chunk.text async for chunk in view.astream(FRANCE)])

    def read() -> str:
        return "".join(chunk.text for chunk in view.stream(FRANCE))

    if do.is_async:
        texts = await asyncio.gather(*(pieces() for _ in range(4)))
    else:
        texts = in_threads([(read,)] * 4)
    assert texts == ["Paris"] * 4
    assert len(model.calls) == 1


async def test_an_abandoned_stream(flying: RedisSemanticCache) -> None:
    """Who stops reading lets the others go, in the same task that goes on."""
    model = Gated(cache=flying)
    stream = cached(model).astream(FRANCE)
    await anext(stream)
    waiting = asyncio.create_task(model.ainvoke(FRANCE))
    assert await soon(lambda: _is(followers(flying) == 1))
    await stream.aclose()  # type: ignore[attr-defined]  # a generator
    model.open()
    assert (await waiting).text == "Paris"
    assert flying.stats.waited == 1


async def _is(condition: bool) -> bool:
    return condition


async def test_only_identical_questions(do: Way, flying: RedisSemanticCache) -> None:
    """What is asked in other words, or of another model, waits for nobody."""
    await do.together([(flying.lookup, asked(q), LLM) for q in (FRANCE, FRANCE_REWORDED, GERMANY)])
    await do.together([(flying.lookup, asked(FRANCE), "another model")])
    assert flying.stats.waited == 0


async def test_an_answer_found_by_meaning(
    do: Way, flying: RedisSemanticCache, events: list[Event]
) -> None:
    """Where the leader finds a paraphrase's answer, all others find it as well."""
    await do(flying.update, asked(FRANCE), LLM, told("Paris"))
    found = await do.together([(flying.lookup, asked(FRANCE_REWORDED), LLM)] * 8)
    assert [answer[0].text for answer in found] == ["Paris"] * 8
    assert len(only(events, Hit)) == 8
    assert healthy(events)


@pytest.mark.parametrize("ending", [RuntimeError("down"), CUT], ids=["raises", "not-admitted"])
async def test_a_leader_without_an_answer(
    do: Way, flying: RedisSemanticCache, when: When, events: list[Event], ending: Any
) -> None:
    """The model fails, or its answer may not be stored: all others ask at once, for themselves."""
    model = Gated(cache=flying, script={1: ending})
    when(lambda: followers(flying) == 7, model.open_first)
    when(lambda: len(model.calls) == 8, model.open)
    answers = await together(do, model, 8)
    texts = [answer.text for answer in answers if isinstance(answer, AIMessage)]
    assert texts.count("Paris") == 7
    assert len(model.calls) == 8
    assert [event.landed for event in only(events, Waited)] == [False] * 7


async def test_nobody_waits_for_what_did_not_come(
    do: Way, flying: RedisSemanticCache, when: When
) -> None:
    """A question whose answers are not stored is asked by everybody at once for a while."""
    model = Gated(cache=flying, script=dict.fromkeys(range(1, 10), CUT))
    model.open_first()
    await together(do, model, 1)
    when(lambda: len(model.calls) == 5, model.open)
    await together(do, model, 4)
    assert flying.stats.waited == 0


async def test_a_cancelled_leader(flying: RedisSemanticCache, when: When) -> None:
    """A task that is cancelled lets the others go."""
    model = Gated(cache=flying)
    leader = asyncio.create_task(model.ainvoke(FRANCE))
    assert await soon(lambda: _is(len(model.calls) == 1))
    others = [asyncio.create_task(model.ainvoke(FRANCE)) for _ in range(7)]
    assert await soon(lambda: _is(followers(flying) == 7))
    leader.cancel()
    when(lambda: len(model.calls) == 8, model.open)
    answers = await asyncio.gather(*others)
    assert {answer.text for answer in answers} == {"Paris"}


async def test_a_cancelled_follower(flying: RedisSemanticCache) -> None:
    """A follower that is cancelled leaves the others waiting for the leader."""
    model = Gated(cache=flying)
    tasks = [asyncio.create_task(model.ainvoke(FRANCE)) for _ in range(4)]
    assert await soon(lambda: _is(followers(flying) == 3))
    tasks[-1].cancel()
    model.open()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(answer, AIMessage) for answer in answers) == 3
    assert len(model.calls) == 1


@pytest.mark.parametrize("second", ["retry", "fallback"])
async def test_nobody_waits_for_themselves(
    do: Way, flying: RedisSemanticCache, second: str
) -> None:
    """A second attempt of the same call asks the model."""
    model = Gated(cache=flying, script={1: RuntimeError("down")})
    model.open()
    again = model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    chain = again if second == "retry" else model.with_fallbacks([model])
    (answer,) = await together(do, chain, 1)
    assert answer.text == "Paris"
    assert len(model.calls) == 2
    assert flying.stats.waited == 0


async def test_waiting_has_a_budget(do: Way, make_cache: MakeCache, when: When) -> None:
    """Where the leader hangs, the others ask for themselves when their time is over."""
    cache = make_cache(single_flight=SingleFlight(wait=0.2))
    model = Gated(cache=cache)
    when(lambda: len(model.calls) == 4, model.open)
    answers = await together(do, model, 4)
    assert {answer.text for answer in answers} == {"Paris"}
    assert len(model.calls) == 4
    assert cache.stats.waited == 3


async def test_closing(do: Way, flying: RedisSemanticCache, when: When) -> None:
    """Closing the cache lets everybody go."""
    model = Gated(cache=flying)
    when(lambda: followers(flying) == 3, flying.close)
    when(lambda: len(model.calls) == 4, model.open)
    answers = await together(do, model, 4)
    assert {answer.text for answer in answers} == {"Paris"}
    assert len(model.calls) == 4


async def test_blocks_without_flights(do: Way, flying: RedisSemanticCache) -> None:
    """Who stores nothing or looks nothing up neither leads nor waits."""
    for block in (flying.read_only, flying.bypass, flying.refresh):
        with block():
            for _ in range(2):
                await do(flying.lookup, asked(FRANCE), LLM)
    assert under_way(flying) == []
    assert flying.stats.waited == 0
