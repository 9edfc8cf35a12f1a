"""Recording a share of what is served, behind the calls.

Rule of this module: no call waits for it, what fails is an event, and of an entry that is removed
meanwhile nothing stays.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from .._effects import (
    Ask,
    AskFailedError,
    Command,
    ErrorReply,
    Flow,
    RedisUnavailableError,
    Send,
    Work,
    as_text,
)
from ..configuration import Recording
from ..entry import recorded as stored
from ..entry.candidate import Candidate
from ..entry.recorded import RecordedHit
from ..entry.stored import answer_text
from ..events import Hit
from .calls import Asked, Calls
from .shared import Shared

REDACT_SECONDS = 2.0
_STAGE = "recording"


def recorder(calls: Calls, shared: Shared) -> Recorder | None:
    """Return what records the hits of a cache, if anything does."""
    recording = calls.settings.recording
    return None if recording is None else Recorder(calls, shared, recording)


class Recorder:
    """Records the hits of one cache."""

    def __init__(self, calls: Calls, shared: Shared, recording: Recording) -> None:
        self._calls = calls
        self._shared = shared
        self._recording = recording

    def drawn(self, asked: Asked | None, found: Candidate | None, hit: Hit) -> Flow[None] | None:
        """Return what records a hit, if it is of the share.

        No call that may not store is, nor one whose answers are to be gone sooner than the record.
        """
        if found is None or asked is None or not asked.options.update:
            return None
        kept = self._shared.ttl(self._calls.settings.ttl)
        if asked.options.ttl is not None and (kept is None or asked.options.ttl < kept):
            return None
        return self._record(asked, found, hit) if random.random() < self._recording.share else None

    def _record(self, asked: Asked, found: Candidate, hit: Hit) -> Flow[None]:
        created, data = found.fields.get(b"created_at"), found.fields.get(b"response")
        if not isinstance(created, bytes) or not isinstance(data, bytes):
            return
        if max(len(asked.text), len(found.question)) > stored.LONGEST:
            return  # half of a question is nothing to judge by
        try:
            answer: str = yield Work(lambda: answer_text(data), len(data))
            told = RecordedHit(
                id="",
                asked=(yield from self._redacted(asked.text)),
                stored=(yield from self._redacted(found.question)),
                answer=stored.cut((yield from self._redacted(answer))),
                distance=hit.distance,
                kind=hit.kind,
                entry=hit.entry,
                model=hit.model,
                time=time.time(),
            )
        except AskFailedError as error:
            self._calls.failed("lookup", _STAGE, error.label)
            return
        yield from self._write(told, created)

    def _redacted(self, text: str) -> Flow[str]:
        if self._recording.redact is None:
            return text
        kept = yield Ask(self._recording.redact, "redact", (text,), REDACT_SECONDS)
        if not isinstance(kept, str):
            raise AskFailedError("TypeError")
        return stored.cut(kept)

    def _write(self, told: RecordedHit, created: bytes) -> Flow[None]:
        settings = self._calls.settings
        root = settings.schema.root
        commands = [stored.add(root, told, created, self._recording.keep, settings.signer)]
        lifetime = self._shared.ttl(settings.ttl)
        if lifetime is not None:
            commands += stored.forgetting(root, lifetime, told.time)
        commands.append(("HMGET", told.entry, "created_at"))
        replies = yield from self._sent(commands)
        # Whoever removes an entry looks here for its hits, and may have been faster than this one.
        if replies and [as_text(one) for one in replies[-1]] != [as_text(created)]:
            yield from self._sent([("XDEL", stored.stream(root), as_text(replies[0]))])

    def _sent(self, commands: Sequence[Command]) -> Flow[list[Any]]:
        """Return the replies; none where something failed, which has been reported."""
        try:
            replies: Sequence[Any] = yield Send(commands, write=True)
        except RedisUnavailableError as error:
            self._calls.failed("lookup", _STAGE, error.label)
            return []
        for reply in replies:
            if isinstance(reply, ErrorReply):
                self._calls.failed("lookup", _STAGE, reply.code)
                return []
        self._calls.reporter.recovered(_STAGE)
        return list(replies)
