"""How a learning policy learns: what is compared when, by whom, and where the counts are kept.

Rule of this module: nothing here delays or fails a chat call. Comparing waits until the call has
been answered, and what goes wrong leaves the policy with a little less evidence.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.outputs import Generation

from .._effects import (
    Ask,
    AskFailedError,
    Command,
    Embed,
    EmbeddingUnavailableError,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
    Work,
)
from ..entry.answer import DecodeError, decode, has_tool_calls
from ..entry.candidate import Candidate
from ..entry.query import text as as_text
from ..entry.scripts import script
from ..entry.vector import VectorError, pack, unpack
from ..events import Audited
from ..guards.reading import plain_words
from ..policies.decision import Learner, Measured
from .calls import Calls

SAME_ANSWER = 0.1
"""Answers at most this far apart, when embedded, count as the same."""
_EMBEDDED_CHARACTERS = 1000
_PENDING = 256
_PENDING_BYTES = 16 * 1024 * 1024
_JUDGE_SECONDS = 30.0
_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Pending:
    """A candidate that was not served, until the model has answered."""

    asked: str
    candidate: Candidate
    decision: Measured

    @property
    def answer(self) -> bytes:
        data = self.candidate.fields.get(b"response")
        return data if isinstance(data, bytes) else b""


class Learning:
    """One cache's side of a learning policy."""

    def __init__(self, calls: Calls, learner: Learner) -> None:
        self._calls = calls
        self.learner = learner
        schema = calls.settings.schema
        # Beside the entries, not among them: the index covers `schema.prefix`.
        variant = schema.prefix.removeprefix(schema.root).rstrip(":")
        self._key = f"{schema.root}audit:{variant}"
        self.drop()

    def drop(self) -> None:
        """Forget what waits; a forked process may have inherited the lock locked."""
        self._lock = threading.Lock()
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._bytes = 0

    def refresh(self) -> list[Command]:
        """Return what goes along with a lookup's first round trip."""
        return [("HGETALL", self._key)] if self.learner.due() else []

    def absorb(self, reply: Any) -> None:
        """Take what the refresh brought; anything may be stored there."""
        if isinstance(reply, Mapping):
            pairs = list(reply.items())
        elif isinstance(reply, (list, tuple)):
            pairs = list(zip(reply[::2], reply[1::2], strict=False))
        else:
            return
        self.learner.absorb({as_text(k): n for k, v in pairs if (n := _count(v)) is not None})

    def remember(self, key: str, asked: str, candidate: Candidate, decision: Measured) -> None:
        """Keep a candidate for the update of this key."""
        pending = Pending(asked, candidate, decision)
        if not pending.answer:
            return
        with self._lock:
            self._drop(key)
            self._pending[key] = pending
            self._bytes += len(pending.answer)
            while len(self._pending) > _PENDING or self._bytes > _PENDING_BYTES:
                self._drop(next(iter(self._pending)))

    def compare(self, key: str, generations: Sequence[Generation]) -> Flow[None]:
        """Have the candidate that was refused for this key judged, now that the answer is there."""
        with self._lock:
            pending = self._drop(key)
        if pending is not None:
            yield Later(self._compare(key, pending, generations))

    def start_afresh(self) -> None:
        """Renew the locks in a forked process."""
        self._lock = threading.Lock()
        self.learner.start_afresh()

    def _drop(self, key: str) -> Pending | None:
        pending = self._pending.pop(key, None)
        if pending is not None:
            self._bytes -= len(pending.answer)
        return pending

    def _compare(self, key: str, one: Pending, fresh: Sequence[Generation]) -> Flow[None]:
        try:
            cached = yield Work(lambda: decode(one.answer), len(one.answer))
        except DecodeError:
            return
        if has_tool_calls(cached) or has_tool_calls(fresh):
            return
        right = yield from self._verdict(one.asked, answer_text(cached), answer_text(fresh))
        if right is None:
            return
        self.learner.judged(one.decision, right)
        audited = one.decision.reason == "audit"
        why: Literal["audit", "explore"] = "audit" if audited else "explore"
        found = one.candidate
        self._calls.reporter.emit(Audited(right, found.distance, found.entry, why))
        counts = self.learner.drain()
        commands: list[Command] = [("HINCRBY", self._key, f, n) for f, n in counts.items()]
        if not right:
            # Of both: each is a question for which the other's answer is wrong.
            away = f"{found.distance + one.decision.penalty:.6f}"
            commands += [
                ("EVAL", script("tighten"), 1, entry, away) for entry in (found.entry, key)
            ]
        try:
            replies = yield Send(commands, write=True)
        except RedisUnavailableError as error:
            self._calls.failed("update", "audit", error.label)
            return
        refused = next((r for r in replies if isinstance(r, ErrorReply)), None)
        if refused is not None:
            self._calls.failed("update", "audit", refused.code)
        else:
            self._calls.reporter.recovered("audit")

    def _verdict(self, question: str, cached: str, fresh: str) -> Flow[bool | None]:
        if not cached.strip() or not fresh.strip():
            return None
        judge = self.learner.judge
        if judge is not None:
            try:
                right = bool((yield Ask(judge, "judge", (question, cached, fresh), _JUDGE_SECONDS)))
                self._calls.reporter.recovered("judge")
                return right
            except AskFailedError as error:
                self._calls.failed("update", "judge", error.label)
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
            self._calls.failed("update", "judge", error.label)
            return None
        except VectorError as error:
            self._calls.failed("update", "judge", str(error))
            return None
        self._calls.reporter.spent("embedding", time.perf_counter() - started)
        return vector


def answer_text(generations: Sequence[Generation]) -> str:
    return generations[0].text if generations else ""


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine distance."""
    lengths = math.sqrt(sum(x * x for x in one) * sum(x * x for x in other))
    return 1.0 - sum(x * y for x, y in zip(one, other, strict=True)) / lengths


def _count(value: Any) -> int | None:
    # Whoever can write to Redis can write a number of a thousand digits.
    if isinstance(value, (str, bytes)) and len(value) > _DIGITS:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
