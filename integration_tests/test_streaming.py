"""Streams of the real OpenAI client over HTTP, with a real Redis: served, stored, or neither."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent
from pytest_httpserver import HTTPServer

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import BROKEN, Answer, OpenAIEndpoint, ToolCall, calls_tool
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    Way,
    chat_openai,
    healthy,
    only,
    verdicts,
    weather,
)
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Bypassed, Event, Hit, Miss, Stored
from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import WAYS, as_ask, total

NOBODY: Any = SimpleNamespace(base_url="http://127.0.0.1:1/v1")
TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")
NAMES = f"gpt-4o-mini answers: {FRANCE}"


async def read(do: Way, model: Any, question: Any = FRANCE) -> Any:
    """Stream to the end and return what the chunks add up to."""
    if do.is_async:
        return total([chunk async for chunk in model.astream(question)])
    return total(list(model.stream(question)))


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Let the loop run until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def stored(events: list[Event], count: int = 1) -> None:
    await until(lambda: len(only(events, Stored)) >= count)


# -- every way to ask ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["cached", "everywhere"])
@pytest.mark.parametrize("way", WAYS)
async def test_once(
    way: str, how: str, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Cold: one lookup, one update, one model call. Warm: one lookup and nothing else."""
    ask, model = as_ask(way), chat_openai(endpoint, cache=cache)

    async def asked() -> tuple[int, ...]:
        await ask(model)
        if not only(events, Hit):
            await stored(events)
        counts = [len(only(events, Hit | Miss)), len(only(events, Stored)), len(endpoint.chats)]  # type: ignore[arg-type]
        assert healthy(events)
        events.clear()
        endpoint.chats.clear()
        return tuple(counts)

    if how == "cached":
        model = cached(model)
        assert [await asked(), await asked()] == [(1, 1, 1), (1, 0, 0)]
    else:
        with enable_streaming():
            assert [await asked(), await asked()] == [(1, 1, 1), (1, 0, 0)]


async def test_shared_with_invoke(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """A streamed answer is served to `invoke` of the plain model, reworded too, and the reverse."""
    plain = chat_openai(endpoint, cache=cache)
    model = cached(plain)
    assert (await read(do, model)).text == NAMES
    await stored(events)
    assert (await do(plain.invoke, FRANCE_REWORDED)).text == NAMES
    await do(plain.invoke, GERMANY)
    assert (await read(do, model, GERMANY)).text.endswith(GERMANY)
    assert (await read(do, model, FRANCE_REWORDED)).text == NAMES
    assert verdicts(events) == ["no_candidate", "semantic", "distance", "exact", "semantic"]
    assert endpoint.questions == [FRANCE, GERMANY]


async def test_init_chat_model(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """What `init_chat_model` makes is served as well, and so is what a configurable one makes."""
    settings: Any = {"base_url": endpoint.base_url, "api_key": "test", "cache": cache}
    await read(do, cached(init_chat_model("openai:gpt-4o-mini", **settings)))
    await stored(events)
    configurable = init_chat_model(
        "openai:gpt-4o-mini", configurable_fields=("temperature",), **settings
    )
    with enable_streaming():
        assert (await read(do, configurable)).text == NAMES
    assert verdicts(events) == ["no_candidate", "exact"]


async def test_fallbacks(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """The answer of a fallback is the fallback's, and served where the first model fails again."""
    first = cached(chat_openai(NOBODY, cache=cache, model="broken"))
    model = first.with_fallbacks([cached(chat_openai(endpoint, cache=cache))])
    assert (await read(do, model)).text == NAMES
    await stored(events)
    assert (await read(do, model)).text == NAMES
    assert (await do(model.invoke, FRANCE)).text == NAMES
    assert len(endpoint.chats) == 1
    assert len(only(events, Stored)) == 1


async def test_a_rate_limiter(do: Way, cache: Any, endpoint: OpenAIEndpoint, events: Any) -> None:
    """Five hits take what five hits take, though the limiter lets one call a minute through."""
    limiter = InMemoryRateLimiter(requests_per_second=1 / 60, max_bucket_size=1)
    limiter.available_tokens = 1.0
    model = cached(chat_openai(endpoint, cache=cache, rate_limiter=limiter))
    first = await asyncio.wait_for(read(do, model), 30)
    await stored(events)
    for _ in range(5):
        assert (await asyncio.wait_for(read(do, model), 30)).text == first.text
    assert len(only(events, Hit)) == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["cached", "everywhere"])
async def test_a_librarys_own_node(
    how: str, do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """The node of LangGraph's prebuilt agent, which invokes, streams chunks on a hit as well."""
    model = chat_openai(endpoint, cache=cache)
    agent: Any = create_react_agent(cached(model) if how == "cached" else model, [])
    question = {"messages": [HumanMessage(FRANCE)]}

    async def told() -> str:
        if do.is_async:
            parts = [part async for part in agent.astream(question, stream_mode="messages")]
        else:
            parts = list(agent.stream(question, stream_mode="messages"))
        return "".join(m.text for m, _ in parts if isinstance(m, AIMessageChunk))

    with enable_streaming() if how == "everywhere" else nullcontext():
        assert await told() == NAMES
        await stored(events)
        assert await told() == NAMES
    assert len(endpoint.chats) == 1
    assert verdicts(events) == ["no_candidate", "exact"]


# -- what a hit is ------------------------------------------------------------------------------


async def test_a_hit_is_the_answer(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Text, blocks, usage and metadata of a hit are those of the live stream; its id is new."""
    model = cached(chat_openai(endpoint, cache=cache, stream_usage=True))
    live = await read(do, model)
    await stored(events)
    hit = await read(do, model)
    assert verdicts(events) == ["no_candidate", "exact"]
    assert hit.content_blocks == live.content_blocks
    assert hit.usage_metadata == {**live.usage_metadata, "total_cost": 0}
    marks = [one.response_metadata.pop("semcache") for one in (live, hit)]
    assert [mark["kind"] for mark in marks] == ["stored", "exact"]
    assert marks[0]["entry"] == marks[1]["entry"]
    assert hit.response_metadata == live.response_metadata
    assert hit.id != live.id


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_tool_calls(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event], version: str
) -> None:
    """Calls of tools come out of the cache as out of the model, for this question only."""
    endpoint.answer = lambda request: Answer(tool_calls=[ToolCall("weather", {"city": "Paris"})])
    model = cached(chat_openai(endpoint, cache=cache, output_version=version)).bind_tools([weather])
    live = await read(do, model)
    await stored(events)
    hit = await read(do, model)
    assert verdicts(events) == ["no_candidate", "exact"]
    assert hit.tool_calls == live.tool_calls
    assert hit.tool_calls[0]["args"] == {"city": "Paris"}
    await read(do, model, FRANCE_REWORDED)
    assert len(endpoint.chats) == 2


async def test_an_agent(do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]) -> None:
    """An agent that streams its messages does so on a hit too, and its thread keeps every turn."""
    if do.is_async and sys.version_info < (3, 11):
        pytest.skip("before Python 3.11 no listener of a graph reaches its async model")
    endpoint.answer = calls_tool("weather", {"city": "Paris"})
    model = cached(chat_openai(endpoint, cache=cache))
    agent: Any = create_agent(model, [weather], checkpointer=InMemorySaver())
    told = []
    for thread in ("1", "2"):
        config: Any = {"configurable": {"thread_id": thread}}
        question = {"messages": [HumanMessage("Umbrella in Paris?")]}
        if do.is_async:
            stream = agent.astream(question, config, stream_mode="messages")
            messages = [message async for message, _ in stream]
        else:
            messages = [m for m, _ in agent.stream(question, config, stream_mode="messages")]
        told.append("".join(m.text for m in messages if isinstance(m, AIMessageChunk)))
        assert len(agent.get_state(config).values["messages"]) == 4
    assert (
        told[0] == told[1] == "gpt-4o-mini answers: Umbrella in Paris? (tool said: sunny in Paris)"
    )
    assert len(endpoint.chats) == 2
    assert len(only(events, Hit)) == 2


# -- what is stored -----------------------------------------------------------------------------

INCOMPLETE = {
    "cut by a limit": (Answer("Paris is", finish_reason="length"), "finish_reason_length"),
    "filtered": (Answer("Paris", finish_reason="content_filter"), "finish_reason_content_filter"),
    "refused": (Answer(refusal="I would rather not"), "empty_answer"),
}


@pytest.mark.parametrize("case", INCOMPLETE)
async def test_incomplete(
    case: str, do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """An answer that was cut, filtered or refused reaches the consumer and is not stored."""
    answer, reason = INCOMPLETE[case]
    endpoint.answer = lambda request: answer
    model = cached(chat_openai(endpoint, cache=cache))
    for _ in range(2):
        await read(do, model)
    await until(lambda: len(only(events, Bypassed)) == 2)
    assert {event.reason for event in only(events, Bypassed)} == {reason}
    assert len(endpoint.chats) == 2
    assert not only(events, Stored)


async def test_cut_by_a_proxy(
    do: Way,
    cache: Any,
    httpserver: HTTPServer,
    endpoint: OpenAIEndpoint,
    events: list[Event],
) -> None:
    """A stream that just ends, in good order and without a reason, is not stored."""
    piece = {"index": 0, "delta": {"role": "assistant", "content": "Paris is the"}}
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    body = f"data: {json.dumps({**event, 'choices': [piece]})}\n\n"
    httpserver.expect_request("/cut/chat/completions").respond_with_data(
        body, content_type="text/event-stream"
    )
    endpoint.base_url = httpserver.url_for("/cut")
    model = cached(chat_openai(endpoint, cache=cache))
    for _ in range(2):
        assert (await read(do, model)).text == "Paris is the"
    assert [event.reason for event in only(events, Bypassed)] == ["no_finish_reason"] * 2
    assert verdicts(events) == ["no_candidate"] * 2


async def test_a_broken_connection(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """A connection that breaks half-way raises to the consumer; nothing is stored."""
    endpoint.answer = lambda request: Answer("Paris is the capital", break_after=3)
    model = cached(chat_openai(endpoint, cache=cache))
    for _ in range(2):
        with pytest.raises(BROKEN):
            await read(do, model)
    assert verdicts(events) == ["no_candidate"] * 2
    assert not only(events, Stored | Bypassed)  # type: ignore[arg-type]


async def test_an_error(do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]) -> None:
    """An error of the provider is raised to the consumer, and the next stream asks again."""
    model = cached(chat_openai(endpoint, cache=cache))
    endpoint.fail(500, on="chat")
    for _ in range(2):
        with pytest.raises(Exception, match="500"):
            await read(do, model)
    assert verdicts(events) == ["no_candidate"] * 2
    assert not only(events, Stored)


async def test_nobody_waits_for_the_store(
    do: Way,
    scratch: EmbeddedRedis,
    make_cache: MakeCache,
    endpoint: OpenAIEndpoint,
    events: list[Event],
) -> None:
    """The consumer has the last chunk while Redis still refuses to write; closing waits for it."""
    cache = make_cache(redis_url=scratch.url)
    model = cached(chat_openai(endpoint, cache=cache))
    with redis.Redis.from_url(scratch.url) as server:
        server.client_pause(60_000, all=False)
        assert (await read(do, model)).text == NAMES
        assert not only(events, Stored)
        server.client_unpause()
    if do.is_async:
        await cache.aclose()
    else:
        cache.close()
    assert len(only(events, Stored)) == 1


async def test_without_redis(do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint) -> None:
    """Where Redis is not reached, streams come from the model."""
    cache = make_cache(redis_url="redis://127.0.0.1:1")
    model = cached(chat_openai(endpoint, cache=cache))
    assert (await read(do, model)).text == NAMES


# -- whose it is --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cached", "everywhere"])
async def test_the_tenant_of_the_call(
    how: str, do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """A stream that is read after its tenant has gone is looked up and stored as that tenant's."""
    plain = chat_openai(endpoint, cache=make_cache(namespace=TENANT.get))
    undo = enable_streaming() if how == "everywhere" else None
    model = plain if undo else cached(plain)
    endpoint.answer = lambda request: f"answer number {len(endpoint.chats)}"

    async def streamed_as(tenant: str) -> str:
        token = TENANT.set(tenant)
        stream = model.astream(FRANCE) if do.is_async else model.stream(FRANCE)
        TENANT.reset(token)
        if do.is_async:
            return str(total([chunk async for chunk in stream]).text)
        return str(total(list(stream)).text)

    assert await streamed_as("alice") == "answer number 1"
    await stored(events)
    assert await streamed_as("bob") == "answer number 2"
    await stored(events, 2)
    assert (await read(do, model)).text == "answer number 3"  # nobody's
    assert await streamed_as("alice") == "answer number 1"
    assert await streamed_as("bob") == "answer number 2"
    if undo:
        undo()


async def test_events_of_the_call(
    make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """`astream_events` keeps the tenant of its call as well."""
    model = cached(chat_openai(endpoint, cache=make_cache(namespace=TENANT.get)))
    for version in ("v2", "v3"):
        token = TENANT.set(version)
        stream: Any = model.astream_events(FRANCE, version=version)  # type: ignore[call-overload]
        TENANT.reset(token)
        if version == "v3":
            await (await stream).output
        else:
            assert [event async for event in stream]
    await stored(events, 2)
    assert verdicts(events) == ["no_candidate"] * 2
    for tenant in ("v2", "v3"):
        TENANT.set(tenant)
        await model.ainvoke(FRANCE)
    assert verdicts(events)[2:] == ["exact"] * 2


async def test_the_options_of_the_call(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Tags and `bypass` are those in force when the stream was asked for."""
    model = cached(chat_openai(endpoint, cache=cache))

    def ask() -> Any:
        return model.astream(FRANCE) if do.is_async else model.stream(FRANCE)

    async def consume(stream: Any) -> None:
        assert [chunk async for chunk in stream] if do.is_async else list(stream)

    with cache.bypass():
        bypassed = ask()
    await consume(bypassed)
    with cache.tags("faq"):
        tagged = ask()
    await consume(tagged)
    await stored(events)
    assert verdicts(events) == ["no_candidate"]
    assert await do(cache.delete_tagged, "faq") == 1


async def test_a_chain_is_lazy(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """A chain that is read after its tenant has gone is nobody's, where the namespace says so."""
    tenant: ContextVar[str] = ContextVar("tenant without a default")
    model = cached(chat_openai(endpoint, cache=make_cache(namespace=tenant.get)))
    chain = ChatPromptTemplate.from_messages([("human", "{q}")]) | model

    async def ask(inside: bool) -> str:
        token = tenant.set("alice")
        stream: Any = (chain.astream if do.is_async else chain.stream)({"q": FRANCE})
        if not inside:
            tenant.reset(token)
        chunks = [chunk async for chunk in stream] if do.is_async else list(stream)
        if inside:
            tenant.reset(token)
        return str(total(chunks).text)

    assert await ask(inside=False) == NAMES
    assert verdicts(events) == ["namespace_failed"]
    assert await ask(inside=True) == NAMES
    await stored(events)
    assert await ask(inside=True) == await ask(inside=False) == NAMES
    assert verdicts(events)[1:] == ["no_candidate", "exact", "namespace_failed"]
    assert len(only(events, Stored)) == 1


async def test_tasks_of_two_tenants(
    make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Tasks of several tenants that stream at once are served and stored each their own."""
    model = cached(chat_openai(endpoint, cache=make_cache(namespace=TENANT.get)))
    prompt = ChatPromptTemplate.from_messages([("human", "{q}")])
    endpoint.answer = lambda request: f"number {len(endpoint.chats)}"

    async def ask(tenant: str) -> str:
        TENANT.set(tenant)
        return "".join([chunk.text async for chunk in (prompt | model).astream({"q": FRANCE})])

    tenants = [f"tenant {n}" for n in range(8)]
    first = await asyncio.gather(*map(ask, tenants))
    await stored(events, len(tenants))
    assert len(set(first)) == len(tenants)
    assert await asyncio.gather(*map(ask, tenants)) == first


def test_a_message_not_chunk(cache: Any, endpoint: OpenAIEndpoint) -> None:
    """Entries hold messages, not chunks: `invoke` serves what a stream left as an AIMessage."""
    model = chat_openai(endpoint, cache=cache)
    total(list(cached(model).stream(FRANCE)))
    cache.close()
    assert type(model.invoke(FRANCE)) is AIMessage


def test_the_example() -> None:
    """examples/streaming.py runs without a key, and what it repeats comes from the cache."""
    script = Path(__file__).parent.parent / "examples" / "streaming.py"
    environment = {**os.environ, "PYTHONPATH": str(script.parent.parent)}
    ran = subprocess.run(
        [sys.executable, script],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert ["CACHE" in lines[name] for name in ("asked", "a graph")] == [False, False]
    assert all("CACHE" in lines[name] for name in ("word by word", "in a chain", "again"))
    assert all(line.count("|") > 1 for line in lines.values())
