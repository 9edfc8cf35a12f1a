"""Do two answers to one question say the same? Asked behind the call, of a judge or of embeddings.

Rule of this module: it delays and fails no chat call; what cannot be compared is no verdict.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from langchain_core.outputs import Generation

from .._effects import Ask, AskFailedError, Embed, EmbeddingUnavailableError, Flow, Work
from ..entry.answer import DecodeError, decode, has_tool_calls
from ..entry.vector import VectorError, pack, unpack
from ..guards.reading import plain_words
from .calls import Calls

SAME_ANSWER = 0.1
"""Answers at most this far apart, when embedded, count as the same."""
_EMBEDDED_CHARACTERS = 1000
_JUDGE_SECONDS = 30.0
_WAITING = 256
_WAITING_BYTES = 16 * 1024 * 1024

T = TypeVar("T")


class Judging:
    """Compares answers for one cache: by the given judge, else by words and embeddings."""

    def __init__(self, calls: Calls, judge: Any) -> None:
        self._calls = calls
        self._judge = judge

    def compared(
        self, question: str, data: bytes, fresh: Sequence[Generation]
    ) -> Flow[bool | None]:
        """Tell whether a stored answer says what the fresh one says; None for no verdict."""
        try:
            cached = yield Work(lambda: decode(data), len(data))
        except (DecodeError, TimeoutError):
            return None
        if has_tool_calls(cached) or has_tool_calls(fresh):
            return None
        return (yield from self._verdict(question, answer_text(cached), answer_text(fresh)))

    def _verdict(self, question: str, cached: str, fresh: str) -> Flow[bool | None]:
        if not cached.strip() or not fresh.strip():
            return None
        judge = self._judge
        if judge is not None:
            try:
                right = bool((yield Ask(judge, "judge", (question, cached, fresh), _JUDGE_SECONDS)))
                self._calls.reporter.recovered("judge")
                return right
            except AskFailedError as error:
                self._calls.failed("update", "judge", error)
                return None
        if plain_words(cached) == plain_words(fresh):
            return True
        one = yield from self._embedded(cached)
        other = None if one is None else (yield from self._embedded(fresh))
        if one is None or other is None or len(one) != len(other):
            return None
        return distance(one, other) <= SAME_ANSWER

    def _embedded(self, answer: str) -> Flow[list[float] | None]:
        started = time.perf_counter()
        try:
            vector = unpack(pack((yield Embed(answer[:_EMBEDDED_CHARACTERS]))), "float32")
        except EmbeddingUnavailableError as error:
            self._calls.failed("update", "judge", error)
            return None
        except VectorError as error:
            self._calls.failed("update", "judge", str(error))
            return None
        self._calls.reporter.spent("embedding", time.perf_counter() - started)
        return vector


class Waiting(Generic[T]):
    """What waits for the model's answer, by key: bounded in number and bytes, oldest dropped."""

    def __init__(self) -> None:
        self.drop()

    def drop(self) -> None:
        """Forget what waits; a forked process may have inherited the lock locked."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._bytes = 0

    def put(self, key: str, one: T, size: int) -> None:
        with self._lock:
            self._pop(key)
            self._kept[key] = (one, size)
            self._bytes += size
            while len(self._kept) > _WAITING or self._bytes > _WAITING_BYTES:
                self._pop(next(iter(self._kept)))

    def take(self, key: str) -> T | None:
        with self._lock:
            return self._pop(key)

    def _pop(self, key: str) -> T | None:
        one, size = self._kept.pop(key, (None, 0))
        self._bytes -= size
        return one


def answer_text(generations: Sequence[Generation]) -> str:
    return generations[0].text if generations else ""


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine distance."""
    lengths = math.sqrt(sum(x * x for x in one) * sum(x * x for x in other))
    return 1.0 - sum(x * y for x, y in zip(one, other, strict=True)) / lengths
