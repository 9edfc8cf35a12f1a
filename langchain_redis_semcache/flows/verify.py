"""Putting a candidate to the verifier, now or later, and remembering that it approved.

Rule of this module: only a clear yes serves anything. What was approved becomes an alias of the
entry, a pointer that is served on an exact match only and lives no longer than the entry.
"""

from __future__ import annotations

import time

from .._effects import (
    Ask,
    AskFailedError,
    Command,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
)
from ..entry.candidate import Candidate
from ..entry.scripts import script
from ..events import VerifierAsked
from ..policies.verified import Verified
from ..question.digest import raw
from .calls import Asked, Calls, Result
from .judging import answer_text
from .serve import Server


class Verification:
    """The verifier of one cache."""

    def __init__(self, calls: Calls, server: Server, policy: Verified) -> None:
        self._calls = calls
        self._server = server
        self._policy = policy

    def verify(self, asked: Asked, found: Candidate) -> Flow[Result]:
        """Serve a doubtful candidate if the verifier says so, now or the next time."""
        result = yield from self._server.serve(asked, found, "semantic")
        if result.generations is None:
            return result
        answer = answer_text(result.generations)
        if self._policy.background:
            yield Later(self._later(asked, found, answer))
            return self._calls.miss(asked, "verifying", found)
        approved = yield from self._approved(asked, found, answer)
        if approved:
            yield Later(self._remember(asked, found))
            return result
        reason = "verification_failed" if approved is None else "verifier_refused"
        return self._calls.miss(asked, reason, found)

    def _later(self, asked: Asked, found: Candidate, answer: str) -> Flow[None]:
        if (yield from self._approved(asked, found, answer)):
            yield from self._remember(asked, found)

    def _approved(self, asked: Asked, found: Candidate, answer: str) -> Flow[bool | None]:
        """Ask the verifier; None where it failed."""
        texts = (asked.text, found.question, answer)
        ask = Ask(self._policy.verifier, "verify", texts, self._policy.timeout)
        started = time.perf_counter()
        approved: bool | None = None
        try:
            approved = bool((yield ask))
            self._calls.reporter.recovered("verifier")
        except AskFailedError as error:
            self._calls.failed("lookup", "verifier", error)
        seconds = time.perf_counter() - started
        self._calls.reporter.emit(VerifierAsked(approved, seconds, found.distance, found.entry))
        return approved

    def _remember(self, asked: Asked, found: Candidate) -> Flow[None]:
        """Make the question an alias of the answer that was approved."""
        created = found.fields.get(b"created_at")
        if not isinstance(created, bytes):
            return  # there would be no telling it from another answer
        fields = {b"prompt": raw(asked.text), b"of": raw(found.entry), b"created_at": created}
        signer = self._calls.settings.signer
        if signer is not None:
            fields[b"signature"] = signer.sign(asked.key, fields)
        fields[b"scope"] = raw(asked.scope)
        if asked.reading.namespace:
            fields[b"namespace"] = raw(asked.reading.namespace)
        pairs = [part for pair in fields.items() for part in pair]
        try:
            (ttl,) = yield Send([("PTTL", found.entry)])
            if not isinstance(ttl, int) or ttl == -2:
                return  # it has expired meanwhile
            command: Command = ("EVAL", script("alias"), 1, asked.key, ttl, *pairs)
            (reply,) = yield Send([command], write=True)
        except RedisUnavailableError as error:
            self._calls.failed("update", "alias", error)
            return
        if isinstance(reply, ErrorReply):
            self._calls.failed("update", "alias", reply)
