"""Putting a candidate to the verifier: now, or later so that the same wording is an exact hit.

Rule of this module: only a clear yes serves anything. An alias is one more key for an answer that
exists: it lives no longer than its entry, replaces nothing, and is served on an exact match only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._effects import Ask, AskFailedError, Command, ErrorReply, Flow, RedisUnavailableError, Send
from ..events import Verified
from ..policies.verify import Verification
from ..question.digest import raw
from .calls import Asked, Calls

_COPIED = ("response", "created_at", "ttl", "model", "tags", "tag_ids")

# A script, since nothing else creates a hash, with its TTL, on condition that it is not there yet.
_ALIAS = """\
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if tonumber(ARGV[1]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1"""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A candidate that is a hit if the verifier says so."""

    entry: str
    question: str
    distance: float
    answer: str


def verified(
    calls: Calls, verification: Verification, asked: Asked, doubtful: Doubtful
) -> Flow[bool | None]:
    """Ask the verifier; None where it failed."""
    texts = (asked.text, doubtful.question, doubtful.answer)
    ask = Ask(verification.verifier, "verify", texts, verification.timeout)
    started = time.perf_counter()
    approved: bool | None = None
    try:
        approved = bool((yield ask))
        calls.reporter.recovered("verifier")
    except AskFailedError as error:
        calls.failed("lookup", "verifier", error.label)
    seconds = time.perf_counter() - started
    calls.reporter.emit(Verified(approved, seconds, doubtful.distance, doubtful.entry))
    return approved


def verified_later(
    calls: Calls, verification: Verification, asked: Asked, doubtful: Doubtful
) -> Flow[None]:
    """Ask the verifier and, if it approves, make the question an alias of the entry."""
    if not (yield from verified(calls, verification, asked, doubtful)):
        return
    try:
        ttl, stored = yield Send([("PTTL", doubtful.entry), ("HMGET", doubtful.entry, *_COPIED)])
        command = _alias(calls, asked, ttl, stored)
        if command is None:
            return
        (reply,) = yield Send([command], write=True)
    except RedisUnavailableError as error:
        calls.failed("update", "store", error.label)
        return
    if isinstance(reply, ErrorReply):
        calls.failed("update", "alias", reply.code)


def _alias(calls: Calls, asked: Asked, ttl: Any, stored: Any) -> Command | None:
    if not isinstance(ttl, int) or ttl == -2 or not isinstance(stored, Sequence):
        return None  # it has expired meanwhile
    fields = {k: v for k, v in zip(_COPIED, stored, strict=True) if isinstance(v, bytes)}
    if "response" not in fields or "created_at" not in fields:
        return None
    # Without a vector: a question near the alias may be far from the one that was answered.
    prompt, scope = raw(asked.text), asked.scope.encode()
    fields |= {"prompt": prompt, "scope": scope}
    signer = calls.settings.signer
    if signer is not None:
        parts = (scope, prompt, fields["response"], fields["created_at"], b"")
        fields["signature"] = signer.sign(*parts)
    pairs = [part for pair in fields.items() for part in pair]
    return ("EVAL", _ALIAS, 1, asked.key, ttl, *pairs)
