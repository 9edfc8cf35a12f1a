"""The user's embedder is called in time, off the event loop, and left alone while it fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from langchain_redis_semcache._effects import EmbeddingUnavailableError
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.driver.embedder import BLOCKING_SECONDS, Embedder, embedding_id
from langchain_redis_semcache.events import BreakerChanged, Event, Reporter
from tests.lab import Fixed


class Recorder(Embeddings):
    """Notes the threads in which it is called."""

    def __init__(self, work: Callable[[], Any] = lambda: [1.0]) -> None:
        self.work = work
        self.threads: list[int] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.threads.append(threading.get_ident())
        result: list[float] = self.work()
        return result


class Native(Recorder):
    async def aembed_query(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        return self.embed_query(text)


class Naive(Recorder):
    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)


class NaiveInTurn(Recorder):
    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)


class NaiveOnLoop(Recorder):
    async def aembed_query(self, text: str) -> list[float]:
        asyncio.get_running_loop()
        return self.embed_query(text)


class Returning(Recorder):
    """Not a coroutine function, but returns what can be awaited."""

    def aembed_query(self, text: str) -> Any:
        return self._later(text)

    async def _later(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        return self.embed_query(text)


def make(
    embeddings: Embeddings, timeout: float = 10.0, events: list[Event] | None = None
) -> Embedder:
    listeners = [] if events is None else [events.append]
    return Embedder(embeddings, Workers(), timeout, Reporter("app", listeners))


def raising(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


@pytest.mark.parametrize("kind", [Recorder, Native, Naive, NaiveInTurn, NaiveOnLoop, Returning])
async def test_off_the_loop(kind: type[Recorder]) -> None:
    """What gives way to the loop runs on it, everything else in a thread."""
    embeddings = kind()
    assert await make(embeddings).aembed("a") == [1.0]
    on_loop = kind in (Native, Returning)
    assert (embeddings.threads == [threading.get_ident()]) is on_loop


async def test_blocking_in_disguise() -> None:
    """An implementation that awaits but blocks the loop is moved off it."""
    embeddings = Native(lambda: time.sleep(BLOCKING_SECONDS * 1.1) or [1.0])
    embedder = make(embeddings)
    for _ in range(3):
        assert await embedder.aembed("a") == [1.0]
    here = threading.get_ident()
    assert [thread == here for thread in embeddings.threads] == [True, True, False]


async def test_waits_after_all() -> None:
    """What looked as if it never waited and does is asked synchronously, in a thread."""

    async def waits(texts: list[str]) -> list[list[float]]:
        await asyncio.sleep(0)
        raise AssertionError("went on")

    embeddings = NaiveInTurn()
    embeddings.aembed_documents = waits  # type: ignore[method-assign]
    assert await make(embeddings).aembed("a") == [1.0]
    assert embeddings.threads != [threading.get_ident()]


async def test_thrown_into() -> None:
    """What the awaited object raises reaches the implementation, as on the loop itself."""

    class Retrying(Recorder):
        async def aembed_query(self, text: str) -> list[float]:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_exception, KeyError())
            try:
                await future
            except KeyError:
                return [2.0]
            return [1.0]

    assert await make(Retrying()).aembed("a") == [2.0]


def test_sync() -> None:
    """The sync call runs in a thread as well, since it may hang."""
    embeddings = Recorder()
    assert make(embeddings).embed("a") == [1.0]
    assert embeddings.threads != [threading.get_ident()]


ERRORS = [ValueError("the prompt"), TimeoutError("x"), StopIteration("x"), OSError(5, "x")]


@pytest.mark.parametrize("kind", [Recorder, Native, Naive])
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
async def test_failures(kind: type[Recorder], error: Exception) -> None:
    """Whatever it raises is unavailability, labelled by its class and without its words."""
    embedder = make(kind(raising(error)))
    for call in (lambda: asyncio.to_thread(embedder.embed, "a"), lambda: embedder.aembed("a")):
        with pytest.raises(EmbeddingUnavailableError) as caught:
            await call()
        expected = {type(error).__name__, "RuntimeError"}  # StopIteration in a coroutine is one
        assert caught.value.label in expected
        assert not caught.value.suspended
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", [Recorder, Naive])
async def test_hangs(kind: type[Recorder]) -> None:
    """A call that hangs costs its deadline and no more, sync and async."""
    go = threading.Event()
    embedder = make(kind(lambda: go.wait(30)), timeout=0.05)
    with pytest.raises(EmbeddingUnavailableError) as caught:
        await embedder.aembed("a")
    assert caught.value.label == "TimeoutError"
    with pytest.raises(EmbeddingUnavailableError, match="TimeoutError"):
        await asyncio.to_thread(embedder.embed, "a")
    go.set()


async def test_hangs_on_the_loop() -> None:
    """A native call that never returns is cancelled at the deadline."""

    class Hanging(Recorder):
        async def aembed_query(self, text: str) -> list[float]:
            await asyncio.Event().wait()
            return [1.0]

    with pytest.raises(EmbeddingUnavailableError, match="TimeoutError"):
        await make(Hanging(), timeout=0.01).aembed("a")


def test_suspended() -> None:
    """After three failures in a row it is not called, and the change is an event."""
    events: list[Event] = []
    embeddings = Recorder(raising(ValueError()))
    embedder = make(embeddings, events=events)
    for _ in range(5):
        with pytest.raises(EmbeddingUnavailableError) as caught:
            embedder.embed("a")
    assert caught.value.suspended
    assert len(embeddings.threads) == 3
    assert events == [BreakerChanged("embedding", "open")]


async def test_cancelled() -> None:
    """A cancelled call is no failure of the embedder."""
    events: list[Event] = []
    go = threading.Event()
    embedder = make(Recorder(lambda: go.wait(30)), events=events)
    for _ in range(5):
        task = asyncio.ensure_future(embedder.aembed("a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    go.set()
    assert events == []


# -- identity ------------------------------------------------------------------------------------


class Named(Recorder):
    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.__dict__.update(attributes)


class Caching(Recorder):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.underlying_embeddings = inner


@pytest.mark.parametrize(
    "changed",
    [
        Named(model="b"),
        Named(model="a", dimensions=256),
        Named(model_name="a"),
        Named(azure_deployment="a"),
        Named(),
        Fixed(),
    ],
    ids=range(6),
)
def test_identity_changes(changed: Embeddings) -> None:
    """Another class, model or size is another identity."""
    assert embedding_id(changed) != embedding_id(Named(model="a"))


def test_identity_stays() -> None:
    """Keys, addresses and a cache around it do not change the identity."""
    named = Named(model="a", openai_api_key="secret", chunk_size=5, client=object())
    assert embedding_id(named) == embedding_id(Named(model="a"))
    assert embedding_id(Caching(Caching(named))) == embedding_id(named)
    assert embedding_id(Caching(None)).endswith("Caching")
    assert "secret" not in embedding_id(named)


def test_without_a_timeout_in_the_callers_thread() -> None:
    """An embedder that was declared unable to hang is called where the caller is."""

    class Threads(Embeddings):
        def embed_query(self, text: str) -> list[float]:
            return [float(threading.get_ident() == caller)]

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

    caller = threading.get_ident()
    for timeout, here in ((None, 1.0), (5.0, 0.0)):
        embedder = Embedder(Threads(), Workers(), timeout, Reporter("x", ()))
        assert embedder.embed("text") == [here]
