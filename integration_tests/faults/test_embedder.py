"""Whatever the embedder does, the model answers; identical questions never need the embedder."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import (
    LoopInThread,
    WordEmbeddings,
    new_question,
)
from langchain_redis_semcache import AwaitedEmbeddings, Index, Limits

D = 64


class Faulty(WordEmbeddings):
    """Returns or raises what it is told, until `cured`."""

    def __init__(self, fault: Any) -> None:
        super().__init__()
        self.fault = fault
        self.cured = False

    def embed_query(self, text: str) -> Any:
        if self.cured:
            return super().embed_query(text)
        self.calls += 1
        if isinstance(self.fault, BaseException):
            raise self.fault
        return self.fault(text) if callable(self.fault) else self.fault


class RateLimitError(Exception):
    """As openai's, with a message that nobody should read."""


FAULTS: dict[str, Any] = {
    "raises": ValueError("secret"),
    "rate limit": RateLimitError("secret: key sk-123 has used up its quota"),
    "is out of memory": MemoryError(),
    "recurses": RecursionError(),
    "stops an iteration": StopIteration(),
    "nan": [math.nan] * D,
    "one nan": [1.0] * (D - 1) + [math.nan],
    "infinity": [math.inf] + [1.0] * (D - 1),
    "both infinities": [math.inf, -math.inf] * (D // 2),
    "beyond float32": [1e300] * D,
    "below float32": [1e-300] * D,
    "zeros": [0.0] * D,
    "negative zeros": [-0.0] * D,
    "empty": [],
    "none": None,
    "a string": "0.1 0.2",
    "strings": ["0.1"] * D,
    "a list of lists": [[0.1] * D],
    "a dictionary": {"embedding": [0.1] * D},
    "a number": 7,
    "an array of two dimensions": np.ones((1, D)),
    "an array of objects": np.array([None] * D),
    "a generator": lambda text: (0.1 for _ in range(D)),
    "complex numbers": [1j] * D,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_unusable_vectors(fault: Any, make_app: MakeApplication, redis_url: str) -> None:
    """No vector, no semantic hit: the answer is stored for identical questions all the same."""
    embeddings = Faulty(fault)
    app = make_app(redis_url, embeddings=embeddings)
    for _ in range(2):
        question = new_question()
        before = embeddings.calls
        assert not app(question)
        assert embeddings.calls - before <= 1, "asked again by the update"
        assert app(question)
        assert not app(f"please {question}")
    assert not any("secret" in warning for warning in app.warnings())
    app.discreet()


@pytest.mark.parametrize(
    "kind",
    [tuple, np.array, lambda v: np.array(v, dtype="float32"), lambda v: [np.float64(x) for x in v]],
)
def test_vectors_of_other_types(
    kind: Callable[[list[float]], Any], make_app: MakeApplication, redis_url: str
) -> None:
    """Tuples and numpy's arrays and numbers are vectors as well."""

    class Typed(WordEmbeddings):
        def embed_query(self, text: str) -> Any:
            return kind(super().embed_query(text))

    app = make_app(redis_url, embeddings=Typed())
    assert app.works()
    assert not app.failures()


@pytest.mark.parametrize("vector_type", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_one_vector_for_all_texts(
    vector_type: str, spread: float, make_app: MakeApplication, redis_url: str
) -> None:
    """An embedder that tells nothing apart makes nothing a hit that is not identical."""
    wobble = iter(range(10**6))
    embeddings = Faulty(lambda text: [0.3 + i / D + spread * next(wobble) for i in range(D)])
    app = make_app(redis_url, embeddings=embeddings, index=Index(vector=vector_type))
    for _ in range(5):
        question = new_question()
        assert not app(question)
        assert app(question)
    assert set(app.hits()) == {"exact"}


def test_changing_lengths(make_app: MakeApplication, redis_url: str) -> None:
    """Vectors of another length are searched among their like."""
    lengths = iter(range(10, 10**6))
    app = make_app(redis_url, embeddings=Faulty(lambda text: [1.0] * next(lengths)))
    for _ in range(3):
        question = new_question()
        assert not app(question)
        assert app(question)
    app.do("clear")


class Hanging(WordEmbeddings):
    """Never comes back, until `cured`."""

    def __init__(self) -> None:
        super().__init__()
        self.cured = threading.Event()

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        self.cured.wait(60)
        return super().embed_query(text)


class HangingAsync(Hanging):
    """Waits on the loop, as a client without timeout does."""

    async def aembed_query(self, text: str) -> list[float]:
        self.calls += 1
        while not self.cured.is_set():
            await asyncio.sleep(0.01)
        return super().embed_query(text)


class HangingNaive(Hanging):
    """Claims to be async and blocks."""

    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)


class HangingTwiceNaive(Hanging):
    """Claims to be async, by way of another method that claims so."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]


class HangingByDefault(Hanging):
    """Leaves async to LangChain's default, which uses a thread."""

    aembed_query = Embeddings.aembed_query


@pytest.mark.parametrize("kind", [HangingAsync, HangingNaive, HangingTwiceNaive, HangingByDefault])
def test_hangs(
    kind: type[Hanging], make_app: MakeApplication, redis_url: str, way: str, loop: LoopInThread
) -> None:
    """A hanging embedder costs its timeout, then nothing; identical questions never wait for it."""
    embeddings = kind()
    declared = AwaitedEmbeddings(embeddings) if kind is HangingAsync else embeddings
    app = make_app(redis_url, embeddings=declared, limits=Limits(embedding=0.2))
    app.patience += 0.2
    for _ in range(5):
        question = new_question()
        assert not app(question)
        assert app(question)
    called = embeddings.calls
    assert called <= 5
    before = len(app.cache.delays)
    for _ in range(10):
        app(new_question())
    assert sum(app.cache.delays[before:]) < 2.0
    assert embeddings.calls - called <= 2
    app.discreet()
    embeddings.cured.set()
    app.recovers()


def test_repeated_failures_spare_the_embedder(make_app: MakeApplication, redis_url: str) -> None:
    """After a few failures the embedder is left alone for a while and then tried again."""
    embeddings = Faulty(RateLimitError())
    app = make_app(redis_url, embeddings=embeddings)
    for _ in range(20):
        app(new_question())
    assert embeddings.calls <= 5
    assert app.cache.stats.breakers["embedding"] != "closed"
    assert app.cache.stats.breakers["redis"] == "closed"
    embeddings.cured = True
    app.recovers()
    assert app.cache.stats.breakers["embedding"] == "closed"


def test_a_hundred_calls_of_a_hanging_embedder(make_app: MakeApplication, redis_url: str) -> None:
    """Threads that hang in the embedder do not keep anybody from Redis."""
    embeddings = HangingNaive()
    app = make_app(redis_url, embeddings=embeddings, limits=Limits(embedding=0.3))
    app.patience += 2.0
    known = new_question()
    app(known)
    app.storm([new_question() for _ in range(100)])
    app.in_time()
    assert app(known)
    assert app.cache.stats.breakers["redis"] == "closed"
    embeddings.cured.set()


class Blocking(WordEmbeddings):
    """Claims to be async, awaits something, and then blocks until the event loop turns."""

    def __init__(self) -> None:
        super().__init__()
        self.turned = threading.Event()
        self.in_vain = 0

    def embed_query(self, text: str) -> list[float]:
        self.turned.clear()
        self.in_vain += not self.turned.wait(10)
        return super().embed_query(text)


def test_the_loop_goes_on(make_app: MakeApplication, redis_url: str, way: str) -> None:
    """An async embedder that blocks does not block the event loop, not even at its first call."""
    if way == "sync":
        pytest.skip("there is no loop")
    embeddings = Blocking()
    app = make_app(redis_url, embeddings=embeddings, limits=Limits(redis=20, embedding=20))
    app.patience += 20

    async def turn() -> None:
        while True:
            await asyncio.sleep(0.001)
            embeddings.turned.set()

    async def started() -> asyncio.Task[None]:
        return asyncio.ensure_future(turn())

    turning = app.loop.run(started())
    for _ in range(4):
        app(new_question())
    app.loop.loop.call_soon_threadsafe(turning.cancel)
    assert (embeddings.calls, embeddings.in_vain) == (4, 0)


def test_long_questions(make_app: MakeApplication, redis_url: str) -> None:
    """A text that the embedder may cut is served on an exact match only, and never embedded."""
    embeddings = WordEmbeddings()
    app = make_app(redis_url, embeddings=embeddings, limits=Limits(question_chars=100))
    question = new_question() + " and so on" * 20
    assert not app(question)
    assert app(question)
    assert not app(question + " on")
    assert embeddings.calls == 0


def test_wrong_event_loop(make_app: MakeApplication, redis_url: str, way: str) -> None:
    """An embedding client that is bound to another event loop is a failure like any other."""
    if way == "sync":
        pytest.skip("there is no loop")
    elsewhere = asyncio.new_event_loop()
    bound = elsewhere.create_future()

    class Bound(WordEmbeddings):
        async def aembed_query(self, text: str) -> list[float]:
            await bound
            return self.embed_query(text)

    app = make_app(redis_url, embeddings=AwaitedEmbeddings(Bound()), limits=Limits(embedding=0.2))
    app.patience += 0.2
    question = new_question()
    assert not app(question)
    assert app(question)
    app.discreet()
    elsewhere.close()
