"""What a stream is to its consumer, to callbacks and to the rate limiter, hit or miss."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.rate_limiters import BaseRateLimiter
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import (
    QUESTION,
    STATE,
    TEXT,
    Both,
    Counted,
    Sync,
    Whole,
    graph,
    look_up,
    total,
)


class Broken(Both):
    """Ends in some other way than a finished stream does."""

    how: str = "error"
    closed: Any = Field(default_factory=list, exclude=True)

    def chunks(self, messages: Any, tools: Any) -> list[ChatGenerationChunk]:
        chunks = super().chunks(messages, tools)
        if self.how == "no finish reason":
            for chunk in chunks:
                chunk.generation_info = None
        return chunks

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        try:
            yield from super()._stream(*args, **kwargs)
            if self.how == "error":
                raise ConnectionResetError
        finally:
            self.closed.append("sync")

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
            if self.how == "error":
                raise ConnectionResetError
            if self.how == "hang":
                await asyncio.Event().wait()
        finally:
            self.closed.append("async")


class Recorder(BaseCallbackHandler):
    """Writes down what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tokens: list[str] = []
        self.ended: Any = None

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("start")

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)
        self.told += ["token"] * (self.told[-1] != "token")

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ended = response.generations[0][0].message
        self.told.append("end")

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.told.append("error")


class Limiter(BaseRateLimiter):
    """Counts who waits for it."""

    def __init__(self) -> None:
        self.waits = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.waits += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire()


async def read(model: Any, way: str, **kwargs: Any) -> list[Any]:
    if way == "sync":
        return list(model.stream(QUESTION, **kwargs))
    return [chunk async for chunk in model.astream(QUESTION, **kwargs)]


both_ways = pytest.mark.parametrize("way", ["sync", "async"])


# -- hits ---------------------------------------------------------------------------------------


@both_ways
async def test_a_hit(way: str, made: Any) -> None:
    """A hit adds up to what was streamed live, under an id of its own, told in the same order."""
    model = cached(made(Both))
    heard = [Recorder(), Recorder()]
    live, hit = [
        total(await read(model, way, config={"callbacks": [recorder]})) for recorder in heard
    ]
    assert hit.text == live.text == TEXT
    assert hit.response_metadata == live.response_metadata
    assert hit.usage_metadata == {**live.usage_metadata, "total_cost": 0}
    assert hit.content_blocks == live.content_blocks
    assert hit.id.startswith("lc_run--")
    assert hit.id != live.id
    for recorder in heard:
        assert recorder.told == ["start", "token", "end"]
        assert "".join(recorder.tokens) == recorder.ended.text == TEXT


@both_ways
async def test_pieces(way: str, made: Any) -> None:
    """A hit comes in at most four pieces, or word by word, or cut by a function of one's own."""
    model = made(Both)
    await read(cached(model), way)
    counts = [
        len(await read(cached(model, replay=replay), way))
        for replay in ("few", "words", lambda text: [text])
    ]
    assert counts[0] <= 4
    assert counts[1] == len(TEXT.split())
    assert counts[2] == 1


@both_ways
async def test_the_rate_limiter(way: str, made: Any) -> None:
    """Only a miss waits for the rate limiter, once, whichever way the model is asked."""
    limiter = Limiter()
    model = cached(made(Both, rate_limiter=limiter))
    for _ in range(3):
        await read(model, way)
        model.invoke(QUESTION)
        await model.ainvoke(QUESTION)
    assert limiter.waits == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tasks hand on no callbacks by themselves")
async def test_events_of_a_node_that_invokes(made: Any) -> None:
    """Where a node invokes, a hit is told in chunks as well: a UI that shows them is not blank."""
    for kind in (Both, Sync):
        compiled = graph(cached(made(kind)), "ainvoke")
        for _ in range(2):
            events = [event async for event in compiled.astream_events(STATE, version="v2")]
            texts = [
                e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"
            ]
            assert "".join(texts) == TEXT


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_messages_of_a_graph(how: str, made: Any) -> None:
    """`stream_mode="messages"` gives chunks on a hit, each text once."""
    compiled = graph(cached(made(Both)), how)
    for _ in range(2):
        messages = [m for m, _ in compiled.stream(STATE, stream_mode="messages")]
        assert all(isinstance(message, AIMessageChunk) for message in messages)
        assert "".join(message.text for message in messages) == TEXT


def test_everywhere_messages(made: Any, counted: Counted) -> None:
    """`enable_streaming` does the same for models that nobody wrapped."""
    compiled = graph(made(Both), "invoke")
    with enable_streaming():
        for _ in range(2):
            messages = [m for m, _ in compiled.stream(STATE, stream_mode="messages")]
            assert all(isinstance(message, AIMessageChunk) for message in messages)
    assert counted.take() == (2, 1, 1)


def test_asking_twice_in_one_thread(made: Any) -> None:
    """A repeated question in one LangGraph thread leaves four messages."""
    builder = graph(cached(made(Both)), "stream").builder
    compiled = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for turn in (1, 2):
        state = compiled.invoke({"messages": [HumanMessage(QUESTION)]}, config)
        assert len(state["messages"]) == 2 * turn


async def test_several_prompts(made: Any, counted: Counted) -> None:
    """The prompts of one `generate` are served each its own answer, found or made."""
    model = cached(made(Both))
    await read(model, "sync")
    counted.take()
    batches = [[HumanMessage(text)] for text in (QUESTION, "Another?", QUESTION)]
    for result in (model.generate(batches), await model.agenerate(batches)):
        texts = [generations[0].text for generations in result.generations]
        assert texts == [TEXT, TEXT.replace(QUESTION, "Another?"), TEXT]
    assert counted.take() == (6, 1, 1)


def test_several_answers(made: Any, cache: Any) -> None:
    """A stored call with several answers is served whole by `invoke` and left alone by `stream`."""
    model = cached(made(Both))
    result = model.generate([[HumanMessage(QUESTION)]])
    (key,) = cache.entries
    cache.entries[key] = [result.generations[0][0], result.generations[0][0]]
    again = model.generate([[HumanMessage(QUESTION)]])
    assert len(again.generations[0]) == 2
    assert total(model.stream(QUESTION)).text == TEXT
    assert cache.counted.calls == 2


# -- streams that do not come to their end ------------------------------------------------------


@both_ways
@pytest.mark.parametrize("wrap", ["cached", "everywhere"])
async def test_an_error(way: str, wrap: str, made: Any, counted: Counted) -> None:
    """An answer that ends in an error reaches the consumer, the error too, and is not stored."""
    model = made(Broken)
    switch = enable_streaming() if wrap == "everywhere" else None
    model = cached(model) if switch is None else model
    recorder = Recorder()
    with pytest.raises(ConnectionResetError):
        await read(model, way, config={"callbacks": [recorder]})
    assert recorder.told == ["start", "token", "error"]
    assert counted.take() == (1, 0, 1)
    if switch is not None:
        switch()


@both_ways
async def test_no_finish_reason(way: str, made: Any, counted: Counted) -> None:
    """A stream that ends without a reason, cut by a proxy, looks whole and is not stored."""
    model = cached(made(Broken, how="no finish reason"))
    assert total(await read(model, way)).text == TEXT
    assert counted.take() == (1, 0, 1)


class Unspeakable:
    """Something bound to a model that cannot be written down, as an `llm_string` does."""

    def __repr__(self) -> str:
        raise RuntimeError("not now")


@both_ways
async def test_what_cannot_be_put_into_words(way: str, made: Any, counted: Counted) -> None:
    """A stream that LangChain gives without a cache comes with one too, which is not asked."""
    model = cached(made(Both))
    for _ in range(2):
        assert total(await read(model, way, grammar=Unspeakable())).text == TEXT
        assert counted.take() == (0, 0, 1)


def test_a_closed_generator(made: Any, counted: Counted) -> None:
    """A consumer that goes away ends the model's stream at once, and nothing is stored."""
    model = cached(made(Broken, how="fine"))
    stream = model.stream(QUESTION)
    next(stream)
    stream.close()
    assert model.closed == ["sync"]
    assert counted.take() == (1, 0, 1)


def test_an_abandoned_generator(made: Any, counted: Counted) -> None:
    """A generator that is dropped half-way is as good as closed."""
    model = cached(made(Broken, how="fine"))
    for _ in model.stream(QUESTION):
        break
    assert model.closed == ["sync"]
    assert counted.take() == (1, 0, 1)


async def test_a_closed_async_generator(made: Any, counted: Counted) -> None:
    """The same for async generators, whose model's stream is closed by the event loop."""
    model = cached(made(Broken, how="fine"))
    stream = model.astream(QUESTION)
    await anext(stream)
    await stream.aclose()
    del stream
    for _ in range(100):  # turns of the loop
        await asyncio.sleep(0)
    assert model.closed == ["async"]
    assert counted.take() == (1, 0, 1)


async def test_a_cancelled_task(made: Any, counted: Counted) -> None:
    """A task that is cancelled while the model still writes stores nothing, all text or not."""
    model = cached(made(Broken, how="hang"))
    texts: list[str] = []
    said = asyncio.Event()

    async def consume() -> None:
        async for chunk in model.astream(QUESTION):
            texts.append(chunk.text)
            if "".join(texts) == TEXT:
                said.set()

    task = asyncio.create_task(consume())
    await said.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.closed == ["async"]
    assert counted.take() == (1, 0, 1)


# -- context ------------------------------------------------------------------------------------


async def test_no_variable_leaks(made: Any) -> None:
    """Nothing that a stream sets in its context is seen by the consumer between two chunks."""
    before = dict(contextvars.copy_context())
    model = cached(made(Both))
    async for _ in model.astream(QUESTION):
        assert dict(contextvars.copy_context()) == before
    for _ in model.stream(QUESTION):
        assert dict(contextvars.copy_context()) == before


SEEN: ContextVar[str] = ContextVar("seen", default="")


@both_ways
async def test_the_models_context(way: str, made: Any) -> None:
    """The model's stream runs in the consumer's context, as it does without a wrapper."""
    seen: list[str] = []

    class Looking(Both):
        def chunks(self, messages: Any, tools: Any) -> list[ChatGenerationChunk]:
            seen.append(SEEN.get())
            return super().chunks(messages, tools)

    SEEN.set("here")
    await read(cached(made(Looking)), way)
    assert seen == ["here"]


# -- models of other kinds ----------------------------------------------------------------------


class Native(Both):
    """Speaks LangChain's v3 events itself, beside its stream."""

    def _stream_chat_model_events(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a view goes by the stream, which the cache can answer")

    _astream_chat_model_events = _stream_chat_model_events


class Awaited(Whole):
    """Streams where it is awaited and nowhere else."""

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in Sync.chunks(self, args[0], None):  # type: ignore[arg-type]
            yield chunk


@pytest.mark.skipif(not hasattr(BaseChatModel, "stream_events"), reason="langchain-core has no v3")
async def test_native_events(made: Any, counted: Counted) -> None:
    """A model with v3 events of its own is served in v3 as well."""
    model = cached(made(Native))
    for _ in range(2):
        assert model.stream_events(QUESTION, version="v3").output.text == TEXT
        assert (await (await model.astream_events(QUESTION, version="v3")).output).text == TEXT
    assert counted.take() == (4, 1, 1)


async def test_async_only(made: Any, counted: Counted) -> None:
    """A model that streams only where it is awaited does so, and is invoked elsewhere."""
    model = cached(made(Awaited))
    assert type(model)._stream is BaseChatModel._stream
    for _ in range(2):
        assert total(await read(model, "async")).text == TEXT
        assert [message.text for message in await read(model, "sync")] == [TEXT]
    assert counted.take() == (4, 1, 1)


@pytest.mark.parametrize("disabled", [True, "tool_calling"])
async def test_disabled(disabled: Any, made: Any, counted: Counted) -> None:
    """`disable_streaming` makes one message of a stream, looked up and stored once."""
    model = cached(made(Both, disable_streaming=disabled)).bind_tools([look_up])
    for way in ("sync", "async"):
        assert len(await read(model, way)) == 1
    assert counted.take() == (2, 1, 1)


async def test_streaming_always(made: Any, counted: Counted) -> None:
    """A model that streams even in `invoke` is looked up once, not again by its stream."""

    class Streaming(Both):
        streaming: bool = True

    model = cached(made(Streaming, streaming=True))
    for _ in range(2):
        assert (await model.ainvoke(QUESTION)).text == model.invoke(QUESTION).text == TEXT
    assert counted.take() == (4, 1, 1)


@pytest.mark.parametrize("tools", [[], [look_up]], ids=["text", "tools"])
def test_output_version(tools: Any, made: Any, cache: Any) -> None:
    """With output_version="v1" a stream leaves the blocks that `invoke` would have left."""
    model = made(Both, output_version="v1")
    expected = model.bind_tools(tools).invoke(QUESTION)
    cache.clear()
    total(cached(model).bind_tools(tools).stream(QUESTION))
    left = model.bind_tools(tools).invoke(QUESTION)
    assert cache.counted.calls == 2
    assert left.content == expected.content
    assert left.content_blocks == expected.content_blocks
    assert left.tool_calls == expected.tool_calls
    assert left.response_metadata == expected.response_metadata
