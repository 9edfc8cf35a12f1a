"""The user's embedder is called in time, off the event loop, and left alone while it fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings, FakeEmbeddings
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from langchain_redis_semcache._effects import EmbeddingUnavailableError
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.driver.embedder import (
    AwaitedEmbeddings,
    Embedder,
    embedding_id,
    gives_way,
)
from langchain_redis_semcache.embedded import LocalEmbeddings
from langchain_redis_semcache.events import BreakerChanged, Event
from langchain_redis_semcache.reporting.reporter import Reporter
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


class OnlyAsync(Recorder):
    """Has no other way than the one it was not asked for."""

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError

    async def aembed_query(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        return super().embed_query(text)


class OnlySync(Recorder):
    async def aembed_query(self, text: str) -> list[float]:
        raise NotImplementedError


class Ours(OpenAIEmbeddings):
    """A class of an application that leaves embedding to LangChain's."""


class OursAnew(OpenAIEmbeddings):
    async def aembed_query(self, text: str, **kwargs: Any) -> list[float]:
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


@pytest.mark.parametrize(
    ("embeddings", "on_loop"),
    [
        (Recorder(), False),
        (Native(), False),
        (Naive(), False),
        (AwaitedEmbeddings(Native()), True),
        (OnlyAsync(), True),
        (AwaitedEmbeddings(OnlySync()), False),
    ],
    ids=["default", "native", "naive", "declared", "only-async", "only-sync"],
)
async def test_off_the_loop(embeddings: Any, on_loop: bool) -> None:
    """What is not declared to give way to the loop runs in a thread, where there are two ways."""
    embedder = make(embeddings)
    for _ in range(2):
        assert await embedder.aembed("a") == [1.0]
    threads = getattr(embeddings, "underlying_embeddings", embeddings).threads
    assert [thread == threading.get_ident() for thread in threads] == [on_loop] * 2


def openai(kind: type[OpenAIEmbeddings]) -> OpenAIEmbeddings:
    return kind(api_key=SecretStr("test"))


@pytest.mark.parametrize(
    ("embeddings", "expected"),
    [
        (openai(OpenAIEmbeddings), True),
        (openai(Ours), True),
        (openai(OursAnew), False),
        (LocalEmbeddings(), True),
        (FakeEmbeddings(size=3), False),
        (Native(), False),
        (AwaitedEmbeddings(Native()), True),
    ],
    ids=lambda e: type(e).__name__,
)
def test_gives_way(embeddings: Embeddings, expected: bool) -> None:
    """LangChain's own async methods are trusted, an application's where it says so."""
    assert gives_way(embeddings) is expected
    assert gives_way(Caching(embeddings)) is False


async def test_awaited_embeddings() -> None:
    """The declaration changes nothing of what is embedded and of whose entries are found."""
    native = Named(model="a")
    declared = AwaitedEmbeddings(native)
    assert embedding_id(declared) == embedding_id(native)
    assert declared.embed_query("a") == await declared.aembed_query("a") == [1.0]
    assert declared.embed_documents(["a"]) == await declared.aembed_documents(["a"]) == [[1.0]]


def test_sync() -> None:
    """The sync call runs in a thread as well, since it may hang."""
    embeddings = Recorder()
    assert make(embeddings).embed("a") == [1.0]
    assert embeddings.threads != [threading.get_ident()]


ERRORS = [ValueError("the prompt"), TimeoutError("x"), StopIteration("x"), OSError(5, "x")]


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
async def test_failures(declared: bool, error: Exception) -> None:
    """Whatever it raises is unavailability, labelled by its class and without its words."""
    embeddings = Native(raising(error))
    embedder = make(AwaitedEmbeddings(embeddings) if declared else embeddings)
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
        await make(AwaitedEmbeddings(Hanging()), timeout=0.01).aembed("a")


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
