"""An application with a chat model and a cache: does it get its own answers, soon, without a fuss?

`Application.ask` asserts for every call what the whole suite is about: the right answer, no
exception, and no more delay per lookup or update than the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import redis
from langchain_core.embeddings import Embeddings

from integration_tests.support import Parrot, astored, parroted, stored
from langchain_redis_semcache import Limits, RedisSemanticCache
from langchain_redis_semcache.events import Event, Failed, Hit

T = TypeVar("T")

BUDGET = 0.5
"""Seconds: the default that the package promises."""
SLACK = 1.5
"""Seconds that a thread may wait for its turn on a machine that others use as well."""
RECOVERY = 12.0
"""Seconds: the longest pause of a breaker is 4 to 5, the rest is the machine's."""


class LoopInThread:
    """An event loop that goes on running between the calls, as that of a server does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self) -> None:
        self.run(self.loop.shutdown_asyncgens())
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class WordEmbeddings(Embeddings):
    """Each word has a direction of its own: the same words give the same vector, others do not."""

    model = "words"

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        vectors = [self._word(word) for word in text.lower().split()]
        return [sum(column) for column in zip(*vectors, strict=True)]

    async def aembed_query(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        return self.embed_query(text)

    def _word(self, word: str) -> list[float]:
        dice = random.Random(hashlib.sha256(word.encode()).digest())
        return [dice.gauss(0, 1) for _ in range(self.dimensions)]


def queued() -> float:
    """For how many seconds this thread was ready to run on a machine busy with others' work; 0.0
    where the system does not say."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


class TimedCache(RedisSemanticCache):
    """Notes for how long each call of LangChain's had to wait for it, and not for the machine: what
    its thread stood in the queue meanwhile is taken off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delays: list[float] = []

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        waited, started = queued(), time.perf_counter()
        try:
            yield
        finally:
            delay = time.perf_counter() - started
            self.delays.append(max(0.0, delay - (queued() - waited)))

    def lookup(self, *args: Any) -> Any:
        with self._timed():
            return super().lookup(*args)

    def update(self, *args: Any) -> None:
        with self._timed():
            super().update(*args)
        stored(self)

    async def alookup(self, *args: Any) -> Any:
        with self._timed():
            return await super().alookup(*args)

    async def aupdate(self, *args: Any) -> None:
        with self._timed():
            await super().aupdate(*args)
        await astored(self)


class Application:
    """Asks its model questions through a cache, with `invoke` or with `ainvoke`."""

    def __init__(self, way: str, loop: LoopInThread, **kwargs: Any) -> None:
        self.way = way
        self.loop = loop
        self.events: list[Event] = []
        self.embeddings = kwargs.pop("embeddings", None) or WordEmbeddings()
        if "policy" not in kwargs:
            kwargs.setdefault("distance_threshold", 0.15)
        limits = kwargs.setdefault("limits", Limits(redis=BUDGET))
        self.budget: float = limits.redis
        self.cache = TimedCache(self.embeddings, listeners=[self.events.append], **kwargs)
        self.model = Parrot(cache=self.cache)
        self.patience = self.budget + SLACK
        self._log = _Warnings(self.cache.name)
        self._asked: list[str] = []

    def __call__(self, question: str) -> bool:
        """Ask, assert that all is well, and tell whether the answer came from the cache."""
        before, first = len(self.model.calls), len(self.cache.delays)
        if self.way == "sync":
            answer = self.model.invoke(question)
        else:
            answer = self.loop.run(self.model.ainvoke(question))
        assert is_right(question, answer.text)
        self.in_time(first)
        return len(self.model.calls) == before

    def in_time(self, first: int = 0) -> None:
        delays = self.cache.delays[first:]
        assert max(delays, default=0.0) <= self.patience, delays

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the cache or its async twin."""
        if self.way == "sync":
            return getattr(self.cache, name)(*args, **kwargs)
        return self.loop.run(getattr(self.cache, f"a{name}")(*args, **kwargs))

    def storm(self, questions: list[str]) -> None:
        """Ask all at once, in tasks or in threads."""
        if self.way == "async":

            async def all_of_them() -> list[Any]:
                return await asyncio.gather(*(self.model.ainvoke(q) for q in questions))

            answers = self.loop.run(all_of_them())
        else:
            answers = [None] * len(questions)

            def one(i: int) -> None:
                answers[i] = self.model.invoke(questions[i])

            threads = [threading.Thread(target=one, args=(i,)) for i in range(len(questions))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        wrong = [
            (question, answer.text)
            for question, answer in zip(questions, answers, strict=True)
            if not is_right(question, answer.text)
        ]
        assert wrong == []

    # -- what a healthy cache does -----------------------------------------------------------

    def works(self, *, semantic: bool = True) -> bool:
        """Whether a new answer is stored and served, for a reworded question as well."""
        question = new_question()
        self(question)
        return self(question) and (not semantic or self(f"please {question}"))

    def warm_up(self) -> str:
        """Store an answer; the question it answers. What a busy machine did meanwhile is past."""
        eventually(self.works)
        question = new_question()
        self(question)
        assert self(question)
        self.events.clear()
        self._log.lines.clear()
        return question

    def recovers(self, seconds: float = RECOVERY, *, semantic: bool = True) -> None:
        eventually(lambda: self.works(semantic=semantic), seconds)

    # -- what became of a fault --------------------------------------------------------------

    def failures(self) -> list[str]:
        return [f"{e.stage}: {e.error}" for e in self.events if isinstance(e, Failed)]

    def hits(self) -> list[str]:
        return [event.kind for event in self.events if isinstance(event, Hit)]

    def warnings(self) -> list[str]:
        return [record.getMessage() for record in self._log.records]

    def outages(self) -> list[str]:
        """The levels of the lines that say that something failed, and that it works again."""
        return [record.levelname for record in self._log.lines]

    def discreet(self) -> None:
        """Every failure is an event; at most one of each stage is a warning."""
        stages = Counter(record.semcache_stage for record in self._log.records)
        assert all(count == 1 for count in stages.values()), self.warnings()
        assert self.failures()

    def close(self) -> None:
        self._log.close()
        self.do("close") if self.way == "sync" else self.loop.run(self.cache.aclose())


class _Warnings(logging.Handler):
    def __init__(self, name: str) -> None:
        super().__init__(logging.INFO)
        self._cache = name
        self.lines: list[Any] = []
        """Where the level is INFO, the end of what was warned about as well."""
        logging.getLogger("langchain_redis_semcache").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.args and record.args[0] == self._cache:  # type: ignore[index]
            self.lines.append(record)

    @property
    def records(self) -> list[Any]:
        return [record for record in self.lines if record.levelno >= logging.WARNING]

    def close(self) -> None:
        logging.getLogger("langchain_redis_semcache").removeHandler(self)
        super().close()


def is_right(question: str, answer: str) -> bool:
    """Tell whether the parrot says so: "please ..." is the same question, reworded."""
    plain = question.removeprefix("please ")
    return answer in (parroted(plain), parroted(f"please {plain}"))


def new_question() -> str:
    """A question that nobody asked before, of words that no other question has."""
    letters = "".join("abcdefghijklmnop"[int(digit, 16)] for digit in uuid.uuid4().hex)
    return "tell me about " + " ".join(letters[i : i + 8] for i in range(0, 32, 8))


def eventually(condition: Callable[[], Any], seconds: float = RECOVERY) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not get there in time"
        time.sleep(0.02)


@contextlib.contextmanager
def untouched(client: redis.Redis) -> Iterator[None]:
    """Other applications' keys stay as they are."""
    others = {"bystander": "a", "other::x": "b", "semcache": "c", "semcache:x": "d"}
    client.mset(others)
    client.execute_command(
        *("FT.CREATE", "others", "ON", "HASH", "PREFIX", "1", "other:", "SCHEMA", "t", "TAG")
    )
    try:
        yield
        assert [client.get(key) for key in others] == [v.encode() for v in others.values()]
        assert b"others" in client.execute_command("FT._LIST")
    finally:
        client.execute_command("FT.DROPINDEX", "others")
        client.delete(*others)
