"""From a stored entry to an answer: only what can be trusted and decoded is served.

Rule of this module: whatever is stored may have been written by anybody; what is not exactly as
this version writes it is a miss and an event, and nothing of it is decoded before it is trusted.
"""

from __future__ import annotations

import math
import time
from typing import Literal

from .._effects import LARGE, Flow, RedisUnavailableError, Send, Work
from ..entry import documents
from ..entry.answer import DecodeError, decode, has_tool_calls
from ..entry.candidate import Candidate
from ..entry.origin import tokens
from ..events import Hit
from .calls import Asked, Calls, Result

LONGEST_QUESTION = 20_000
"""Characters of a candidate's question where `Limits.question_chars` is None."""
OTHER_DOCUMENTS = "other_documents"
"""The reason of a miss whose answer was made from too many documents that are not there now."""
CLOCK_SKEW = 60.0
"""Seconds by which the clocks of two machines may differ."""


class Server:
    """Serves the entries of one cache."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._settings = calls.settings

    def serve(
        self, asked: Asked, found: Candidate, kind: Literal["exact", "semantic"]
    ) -> Flow[Result]:
        """Turn a stored answer into a hit, unless it cannot be trusted or decoded."""
        data = found.fields.get(b"response")
        flaw = self.flaw(found, kind)
        if flaw is not None:
            return self._unreadable(asked, found, flaw)
        if not isinstance(data, bytes):
            return self._unreadable(asked, found, "Unreadable")
        if not self.is_supported(asked, found):
            return self._calls.miss(asked, OTHER_DOCUMENTS, found)
        age = _age(found.fields.get(b"created_at"))
        mark = None
        if self._settings.mark_hits:
            mark = {"kind": kind, "distance": found.distance, "entry": found.entry, "age": age}
        zero = self._settings.zero_usage
        try:
            # Nearly every answer is small: it need not go by the driver, nor wait for its turn.
            if len(data) <= LARGE:
                generations = decode(data, mark, zero)
            else:
                generations = yield Work(lambda: decode(data, mark, zero), len(data))
        except DecodeError as error:
            return self._unreadable(asked, found, str(error))
        except TimeoutError:
            return self._calls.miss(asked, "overloaded", found)
        if kind == "semantic" and has_tool_calls(generations):
            return self._calls.miss(asked, "tool_calls", found)
        input_tokens, output_tokens = tokens(generations)
        hit = Hit(
            kind=kind,
            distance=found.distance,
            entry=found.entry,
            age=age,
            model=asked.model,
            embedding_seconds=asked.embedding_seconds,
            redis_seconds=asked.redis_seconds,
            seconds=time.perf_counter() - asked.began,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )
        refresh = _milliseconds(found.fields.get(b"ttl")) if self._settings.sliding else None
        return Result(generations, hit, found=found, refresh=refresh)

    def wanted(self, asked: Asked) -> tuple[str, ...]:
        """Return the fields of an entry that this call wants beside those of every call."""
        return () if asked.reading.question.overlap is None else (documents.FIELD,)

    def is_supported(self, asked: Asked, found: Candidate) -> bool:
        """Tell whether the documents behind an answer are those of now, as far as is asked for."""
        question = asked.reading.question
        if question.overlap is None:
            return True
        return documents.shared(found.fields.get(b"documents"), question.tags) >= question.overlap

    def flaw(self, found: Candidate, kind: Literal["exact", "semantic"]) -> str | None:
        """Say why a candidate is not even to be looked at, or None.

        To be asked before anything reads its question: guards take their time over a long one.
        """
        data = found.fields.get(b"response")
        # Nobody stored that on purpose, and decoding it may take seconds.
        if isinstance(data, bytes) and len(data) > self._settings.max_answer_bytes:
            return "TooLarge"
        # Our own of this length are served to the identical question only.
        longest = self._settings.max_question_chars or LONGEST_QUESTION
        if kind == "semantic" and len(found.question) > longest:
            return "TooLong"
        return None if self.authentic(found) else "Unsigned"

    def authentic(self, found: Candidate) -> bool:
        """Tell whether an entry was signed with our key, for its place, and has not outlived it."""
        if found.trusted is None:
            found.trusted = self._is_authentic(found)
        return found.trusted

    def _is_authentic(self, found: Candidate) -> bool:
        signer = self._settings.signer
        if signer is None:
            return True
        if not signer.verify(found.entry, found.fields):
            return False
        lifetime = _milliseconds(found.fields.get(b"ttl"))
        if lifetime is None or self._settings.sliding:
            return True
        # Redis has removed it by then: somebody has put it back.
        return _age(found.fields.get(b"created_at")) <= lifetime / 1000 + CLOCK_SKEW

    def refresh_ttl(self, key: str, milliseconds: int) -> Flow[None]:
        """Let a served entry live so long from now on."""
        # A hit must need no write: a replica or an ACL that refuses this changes nothing.
        try:
            yield Send([("PEXPIRE", key, milliseconds)], write=True)
        except RedisUnavailableError:
            return

    def _unreadable(self, asked: Asked, found: Candidate, error: str) -> Result:
        self._calls.failed("lookup", "entry", error)
        return self._calls.miss(asked, "unreadable_entry", found)


def _milliseconds(stored: object) -> int | None:
    # A century has 13 digits; int() of thousands would raise.
    usable = isinstance(stored, bytes) and stored.isdigit() and len(stored) <= 15
    return int(stored) if isinstance(stored, bytes) and usable else None


def _age(created: object) -> float:
    try:
        age = time.time() - float(created)  # type: ignore[arg-type]  # whatever is stored
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, age) if math.isfinite(age) else 0.0
