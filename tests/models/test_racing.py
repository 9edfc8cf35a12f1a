"""A model that starts before the lookup is over: whoever wins, the other one ends and is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import InMemoryRateLimiter
from pydantic import Field

from langchain_redis_semcache.models import cached, enable_streaming
from langchain_redis_semcache.models.racing import Ahead
from tests.models.lab import ASYNC, QUESTION, TEXT, Both, Counted, CountingCache, Whole, atotal

HIT = [ChatGeneration(message=AIMessage("It is Paris, as ever."))]
TWO = [*HIT, *HIT]


@dataclass
class Embedding(CountingCache):
    """Knows an identical question at once, and others when the test has decided what is near."""

    decided: asyncio.Event = field(default_factory=asyncio.Event)
    near: Any = None
    begun: int = 0

    async def alookup_meanwhile(
        self, prompt: str, llm_string: str, begin: Callable[[], None], caller: Any = None
    ) -> Any:
        found = self.lookup(prompt, llm_string)
        if found is not None:
            return found
        begin()
        self.begun += 1
        await self.decided.wait()
        return self.near

    def decide(self, near: Any = None) -> None:
        self.near = near
        self.decided.set()


@dataclass
class Seen:
    """What became of a model's calls."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[str] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    error: Exception | None = None


class Running(Both):
    """Starts, and goes on when it may."""

    seen: Any = Field(default_factory=Seen, exclude=True)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return await self._watched(super()._agenerate(*args, **kwargs))

    async def _watched(self, answer: Any) -> Any:
        self.seen.started.set()
        try:
            await self.seen.go.wait()
            if self.seen.error is not None:
                raise self.seen.error
            self.seen.ended.append("answered")
            return await answer
        except asyncio.CancelledError:
            self.seen.ended.append("cancelled")
            raise
        finally:
            answer.close()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.seen.started.set()
        end = "closed"
        try:
            self.seen.tasks.append(asyncio.current_task())
            first, *rest = self.chunks(args[0], kwargs.get("tools"))
            yield first
            await self.seen.go.wait()
            if self.seen.error is not None:
                raise self.seen.error
            for chunk in rest:
                yield chunk
            end = "answered"
        except asyncio.CancelledError:
            end = "cancelled"
            raise
        finally:
            self.seen.tasks.append(asyncio.current_task())
            self.seen.ended.append(end)


@pytest.fixture
def cache() -> Embedding:
    return Embedding()


@pytest.fixture
def model(made: Any) -> Any:
    return cached(made(Running), racing=True)


@pytest.fixture(autouse=True)
async def nothing_left() -> Any:
    """No task is left behind, and none ends with an error that nobody has heard of."""
    unheard: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    before = asyncio.all_tasks()
    yield
    before.add(asyncio.current_task())  # type: ignore[arg-type]
    for _ in range(100):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
    assert unheard == []


@pytest.fixture(params=["ainvoke", "astream", "astream_events v2", "node ainvokes, messages"])
def ask(request: pytest.FixtureRequest) -> Any:
    return ASYNC[request.param]


def text_of(answer: Any) -> str:
    """What an answer says, however it was asked for."""
    if isinstance(answer, list):
        if isinstance(answer[-1], dict):
            return str(answer[-1]["data"]["output"].text)
        return "".join(part[0].text for part in answer)
    return str(answer.text)


async def started(model: Any, ask: Any) -> asyncio.Task[Any]:
    """Ask, and return the task once the model has started."""
    task = asyncio.get_running_loop().create_task(ask(model))
    await asyncio.wait_for(model.seen.started.wait(), 10)
    return task


# -- a miss -------------------------------------------------------------------------------------


async def test_a_miss(model: Any, cache: Embedding, ask: Any) -> None:
    """The model starts while the question is embedded; its answer is given and stored once."""
    task = await started(model, ask)
    assert not cache.decided.is_set()
    model.seen.go.set()
    await asyncio.sleep(0)
    assert not task.done()
    cache.decide()
    assert text_of(await task) == TEXT
    assert cache.counted.take() == (1, 1, 1)
    assert text_of(await ask(model)) == TEXT
    assert cache.counted.take() == (1, 0, 0)
    assert model.seen.ended == ["answered"]


async def test_a_model_that_takes_longer(model: Any, cache: Embedding, ask: Any) -> None:
    """The lookup being over, the model goes on as it began."""
    task = await started(model, ask)
    cache.decide()
    for _ in range(20):
        await asyncio.sleep(0)
    model.seen.go.set()
    assert text_of(await task) == TEXT
    assert cache.counted.take() == (1, 1, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["cached", "everywhere"])
@pytest.mark.parametrize("kind", [Both, Whole])
@pytest.mark.parametrize("name", ASYNC)
async def test_once(name: str, kind: type[Any], how: str, made: Any, cache: Embedding) -> None:
    """At every entry point: one lookup, one update, one model call; one lookup for an answer."""
    if kind is Whole and name == "astream_events v3":
        pytest.skip("LangChain opens v3 on models that stream")
    cache.decide()
    model = made(kind)
    if how == "cached":
        model = cached(model, racing=True)
        await ASYNC[name](model)
        cold = cache.counted.take()
        await ASYNC[name](model)
    else:
        with enable_streaming(racing=True):
            await ASYNC[name](model)
            cold = cache.counted.take()
            await ASYNC[name](model)
    assert (cold, cache.counted.take()) == ((1, 1, 1), (1, 0, 0))
    assert cache.begun == 1


async def test_several_prompts(made: Any, cache: Embedding) -> None:
    """The prompts of one `agenerate` race each for itself."""
    model = cached(made(Both), racing=True)
    cache.decide()
    await model.ainvoke(QUESTION)
    batch = [[HumanMessage(text)] for text in (QUESTION, "Another?", "A third?")]
    texts = [answers[0].text for answers in (await model.agenerate(batch)).generations]
    assert texts == [TEXT, TEXT.replace(QUESTION, "Another?"), TEXT.replace(QUESTION, "A third?")]
    assert cache.counted.take() == (4, 3, 3)


# -- a hit --------------------------------------------------------------------------------------


async def test_a_hit(model: Any, cache: Embedding, ask: Any) -> None:
    """The stored answer is given, the model is cancelled and nothing is stored."""
    task = await started(model, ask)
    cache.decide(HIT)
    assert text_of(await task) == HIT[0].text
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.seen.ended == ["cancelled"]
    lookups, updates, _ = cache.counted.take()
    assert (lookups, updates) == (1, 0)


async def test_the_first_piece_of_a_hit(model: Any, cache: Embedding) -> None:
    """The model ends as soon as it is known that nobody needs it, not with the hit's last piece."""
    cache.decide(HIT)
    stream = model.astream(QUESTION)
    assert (await anext(stream)).text
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.seen.ended in (["cancelled"], [])  # where it had not begun to stream
    assert not [task for task in asyncio.all_tasks() if "Ahead" in repr(task)]
    await stream.aclose()


async def test_an_identical_question(model: Any, cache: Embedding, ask: Any) -> None:
    """What is known without an embedding starts no model."""
    cache.decide()
    model.seen.go.set()
    await ask(model)
    model.seen.started.clear()
    cache.counted.take()
    assert text_of(await ask(model)) == TEXT
    assert not model.seen.started.is_set()
    assert cache.counted.take() == (1, 0, 0)


async def test_a_hit_after_the_model_has_failed(model: Any, cache: Embedding, ask: Any) -> None:
    """A failure of a model that was not needed is nobody's business."""
    model.seen.error = ConnectionResetError()
    task = await started(model, ask)
    model.seen.go.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    cache.decide(HIT)
    assert text_of(await task) == HIT[0].text


async def test_a_failure(model: Any, cache: Embedding, ask: Any) -> None:
    """Without a hit the model's error is the caller's, and nothing is stored."""
    model.seen.error = ConnectionResetError()
    task = await started(model, ask)
    model.seen.go.set()
    cache.decide()
    with pytest.raises(ConnectionResetError):
        await task
    assert cache.counted.take()[:2] == (1, 0)


async def test_a_hit_that_cannot_be_streamed(model: Any, cache: Embedding, ask: Any) -> None:
    """Several answers to one call are none here: the model's is given and stored."""
    task = await started(model, ask)
    model.seen.go.set()
    cache.decide(TWO)
    assert text_of(await task) == TEXT
    assert cache.counted.take() == (1, 1, 1)


class Tokens(AsyncCallbackHandler):
    """Writes down the tokens it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.told.append(str(token))


class Telling(Running):
    """Tells of tokens itself, from inside of its answer."""

    async def _agenerate(self, *args: Any, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        if run_manager is not None:
            await run_manager.on_llm_new_token("a token of the model")
        return await super()._agenerate(*args, **kwargs)


@pytest.mark.parametrize("how", ["ainvoke", "astream"])
async def test_nothing_is_heard_of_the_model(how: str, made: Any, cache: Embedding) -> None:
    """On a hit nobody is told a token of the model's, whose first ones had come already."""
    model, tokens = cached(made(Telling), racing=True), Tokens()
    config: Any = {"callbacks": [tokens]}

    async def ask(model: Any) -> Any:
        if how == "ainvoke":
            return await model.ainvoke(QUESTION, config)
        return await atotal(model.astream(QUESTION, config))

    task = await started(model, ask)
    await asyncio.sleep(0)
    assert tokens.told == []
    cache.decide(HIT)
    assert text_of(await task) == HIT[0].text
    assert "".join(tokens.told) in ("", HIT[0].text)


async def test_a_rate_limiter(made: Any, cache: Embedding) -> None:
    """A hit does not wait until the model may be asked."""
    limiter = InMemoryRateLimiter(requests_per_second=0.001, max_bucket_size=1)
    while limiter.acquire(blocking=False):
        pass
    model = cached(made(Running, rate_limiter=limiter), racing=True)
    cache.decide(HIT)
    for answer in (await model.ainvoke(QUESTION), await atotal(model.astream(QUESTION))):
        assert answer.text == HIT[0].text
    assert not model.seen.started.is_set()


# -- the caller goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("decided", [False, True])
async def test_a_cancelled_caller(decided: bool, model: Any, cache: Embedding, ask: Any) -> None:
    """Lookup and model end with the caller, before it is decided and after."""
    task = await started(model, ask)
    if decided:
        cache.decide()
        for _ in range(20):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.seen.ended == ["cancelled"]
    assert cache.counted.take()[:2] == (1, 0)


async def test_cancelled_before_the_embedding(made: Any) -> None:
    """A caller who goes while Redis is asked leaves no lookup behind."""
    asked = asyncio.Event()

    class Hanging(Embedding):
        async def alookup_meanwhile(self, *args: Any, **kwargs: Any) -> Any:
            asked.set()
            await asyncio.Event().wait()

    model = cached(made(Running, cache=Hanging()), racing=True)
    task = asyncio.get_running_loop().create_task(model.ainvoke(QUESTION))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not model.seen.started.is_set()


async def test_a_closed_stream(model: Any, cache: Embedding) -> None:
    """A consumer who closes the stream has closed the model's, and nothing is stored."""
    cache.decide()
    stream = model.astream(QUESTION)
    assert (await anext(stream)).text
    await stream.aclose()
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.seen.ended == ["cancelled"]
    assert cache.counted.take()[:2] == (1, 0)


async def test_one_task(model: Any, cache: Embedding) -> None:
    """A model's stream runs in one task from its first step to its last."""
    cache.decide()
    model.seen.go.set()
    await atotal(model.astream(QUESTION))
    first, last = model.seen.tasks
    assert first is last


# -- where nothing races ------------------------------------------------------------------------


def test_sync(made: Any, cache: Embedding) -> None:
    """Sync calls look up first, as ever."""
    model = cached(made(Both), racing=True)
    for _ in range(2):
        assert model.invoke(QUESTION).text == TEXT
        assert "".join(chunk.text for chunk in model.stream(QUESTION)) == TEXT
    assert cache.counted.take() == (4, 1, 1)
    assert cache.begun == 0


async def test_another_cache(made: Any) -> None:
    """A cache that does not say when it embeds is asked first."""
    plain = CountingCache(Counted())
    model = cached(made(Running, cache=plain, counted=plain.counted), racing=True)
    model.seen.go.set()
    assert (await model.ainvoke(QUESTION)).text == TEXT
    assert (await atotal(model.astream(QUESTION))).text == TEXT
    assert plain.counted.take() == (2, 1, 1)


async def test_off(made: Any, cache: Embedding) -> None:
    """Without `racing` nothing begins before the lookup is over."""
    model = cached(made(Running))
    model.seen.go.set()
    await model.ainvoke(QUESTION)
    assert cache.begun == 0


async def _numbers(ends: Exception | None) -> AsyncIterator[Any]:
    for number in range(3):
        yield number
    if ends is not None:
        raise ends


async def _at_once() -> None:
    pass


@pytest.mark.parametrize("ends", [None, ConnectionResetError()])
async def test_ahead(ends: Exception | None) -> None:
    """All is read before it is asked for, in its order, and how it ended comes last."""
    ahead = Ahead(_at_once, lambda: _numbers(ends))
    for _ in range(10):
        await asyncio.sleep(0)
    assert [await anext(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopAsyncIteration if ends is None else type(ends)):
        await anext(ahead)
    await ahead.aclose()
