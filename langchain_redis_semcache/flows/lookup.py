"""What a lookup and an update do, as generators: they yield requests and import no I/O.

Every step that can fail turns into a miss or into "not stored", and an event; both drivers run
the same code, so sync and async cannot decide differently.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from langchain_core.outputs import Generation

from .._effects import (
    LARGE,
    Command,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
    Work,
)
from ..entry import query
from ..entry.answer import DecodeError, decode, has_tool_calls
from ..events import Bypassed, Hit, Miss, Reporter, Stored
from ..policies.distance import Candidate, Decision
from ..question.digest import raw
from .audit import Pending, answer_text, learning, radius
from .calls import Asked, Calls, Settings
from .options import CallOptions, OptionStack, read_now
from .search import SearchIndex
from .update import Store
from .verify import Doubtful, verified, verified_later

_SIGNED = (b"signature", b"prompt", b"response", b"created_at", b"vector")

__all__ = ["Core", "Judged", "Result", "Settings"]


@dataclass(slots=True)
class Judged:
    """A stored answer and what became of it."""

    found: query.Found
    question: str
    decision: Decision


@dataclass(slots=True)
class Result:
    """What a lookup came to."""

    generations: list[Generation] | None
    event: Hit | Miss | Bypassed
    asked: Asked | None = None
    judged: list[Judged] = field(default_factory=list)
    refresh: int | None = None
    """Milliseconds that the served entry is to live from now on."""


class Core:
    """The flows of one cache."""

    def __init__(self, settings: Settings, reporter: Reporter, options: OptionStack) -> None:
        self.settings = settings
        self.calls = Calls(settings, reporter)
        self.learning = learning(self.calls, settings.policy)
        # Each field costs the server a lookup per candidate: only what these settings use.
        extra = ("ttl",) * settings.refresh_ttl + ("signature", "vector") * self._signed
        self._exact_fields = ("response", "created_at", *extra)
        self._exact_names = tuple(name.encode() for name in self._exact_fields)
        radii = ("radius",) * (self.learning is not None)
        self.search = SearchIndex(settings.schema, reporter, settings.create_index, extra + radii)
        self._store = Store(self.calls, self.search)
        self._reporter = reporter
        self._options = options

    # -- lookup ------------------------------------------------------------------------------

    def at_call(self) -> CallOptions:
        """Return the options and the namespace of now, for a lookup and an update that come later.

        A namespace that cannot be read now fails then, as an event of its call.
        """
        options, source = self._options.current(), self.settings.namespace
        return replace(options, namespace=read_now(source)) if callable(source) else options

    def lookup(
        self, prompt: str, llm_string: str, options: CallOptions | None = None
    ) -> Flow[list[Generation] | None]:
        result = yield from self.look(prompt, llm_string, options or self._options.current())
        result = yield from self._second_look(result)
        hit = result.event
        self._reporter.emit(hit)
        if isinstance(hit, Hit) and result.refresh is not None:
            yield from self._refresh_ttl(hit.entry, result.refresh)
        return result.generations

    def look(self, prompt: str, llm_string: str, options: CallOptions) -> Flow[Result]:
        """Find the answer to a call; the event says why there is or is none."""
        if not options.lookup:
            return Result(None, Bypassed("lookup", options.reason))
        asked = yield from self.calls.read("lookup", prompt, llm_string, options)
        if isinstance(asked, (Bypassed, Miss)):
            return Result(None, asked)
        try:
            result = yield from self._exact(asked)
            if result is None:
                result = yield from self._semantic(asked)
        except RedisUnavailableError as error:
            self.search.forget()  # it may come back empty
            self.calls.failed("lookup", "redis", error.label)
            result = self._miss(asked, "redis_unavailable")
        result.asked = asked
        return result

    def _second_look(self, result: Result) -> Flow[Result]:
        """Do what a lookup does and `explain` does not: verify, and learn."""
        if result.asked is None or not result.judged:
            return result
        asked, last = result.asked, result.judged[-1]
        if last.decision.verify:
            return (yield from self._verify(asked, last))
        if self.learning is not None:
            found = last.found
            answer = found.fields.get(b"response")
            if isinstance(result.event, Hit):
                self.learning.learner.served(last.decision)
            elif (
                last.decision.compare
                and isinstance(answer, bytes)
                and self._authentic(asked, found)
            ):
                pending = Pending(asked.text, found.key, answer, found.distance, last.decision)
                self.learning.remember(asked.key, pending)
        return result

    def _verify(self, asked: Asked, near: Judged) -> Flow[Result]:
        result = yield from self._serve(asked, near.found, "semantic")
        verification = self.settings.verification
        if result.generations is None or verification is None:
            return result
        answer = answer_text(result.generations)
        doubtful = Doubtful(near.found.key, near.question, near.found.distance, answer)
        if verification.background:
            yield Later(verified_later(self.calls, verification, asked, doubtful))
            return self._miss(asked, "verifying", near.found)
        approved = yield from verified(self.calls, verification, asked, doubtful)
        if approved:
            return result
        reason = "verification_failed" if approved is None else "verifier_refused"
        return self._miss(asked, reason, near.found)

    def _exact(self, asked: Asked) -> Flow[Result | None]:
        commands: list[Command] = [("HMGET", asked.key, *self._exact_fields)]
        if self.learning is not None:
            commands += self.learning.refresh()
        reply, *counts = yield from self.calls.send(asked, commands)
        if self.learning is not None and counts:
            self.learning.absorb(counts[0])
        if isinstance(reply, ErrorReply):
            # A key of another type under our name is nobody's answer; the store replaces it.
            stage = "entry" if reply.code == "WRONGTYPE" else "redis"
            self.calls.failed("lookup", stage, reply.code)
            return None if stage == "entry" else self._miss(asked, "redis_unavailable")
        self._reporter.recovered("redis")
        if not isinstance(reply, (list, tuple)) or reply[0] is None:
            return None
        stored = dict(zip(self._exact_names, reply, strict=True))
        stored[b"prompt"] = raw(asked.text)
        found = query.Found(asked.key, 0.0, stored)
        return (yield from self._serve(asked, found, "exact"))

    def _semantic(self, asked: Asked) -> Flow[Result]:
        if asked.question.exact_only:
            return self._miss(asked, "exact_only")
        if not self.search.works():
            return self._miss(asked, "search_unavailable")
        vector = yield from self.calls.vector("lookup", asked)
        if vector is None:
            return self._miss(asked, "embedding_failed")
        limit = asked.options.distance_threshold
        threshold = self.settings.policy.distance_threshold if limit is None else limit
        send = partial(self.calls.send, asked)
        nearest = yield from self.search.nearest(send, asked.scope, vector)
        if nearest is None:
            return self._miss(asked, "search_unavailable")
        judged: list[Judged] = []
        result = yield from self._judge(asked, nearest.ours, threshold, judged)
        if result is None and nearest.hides(len(judged), threshold):
            # Entries of other scopes stand among the nearest, within the threshold, which the
            # masks make rare.
            rest = yield from self.search.within(send, asked.scope, vector)
            if rest is None and not judged:
                return self._miss(asked, "search_unavailable")
            seen = {one.found.key for one in judged}
            others = (found for found in rest or () if found.key not in seen)
            result = yield from self._judge(asked, others, threshold, judged)
        return self._refused(asked, judged) if result is None else result

    def _judge(
        self,
        asked: Asked,
        candidates: Iterable[query.Found],
        threshold: float,
        judged: list[Judged],
    ) -> Flow[Result | None]:
        """Add to those judged until it is decided what becomes of the call; else return None."""
        for found in candidates:
            question = query.text(found.fields.get(b"prompt"))
            near = radius(found.fields.get(b"radius"))
            candidate = Candidate(found.key, question, found.distance, near)
            decision = self.settings.policy.decide(asked.text, candidate, threshold)
            if decision.accepted:
                result = yield from self._serve(asked, found, "semantic")
                if isinstance(result.event, Hit):
                    result.judged = [*judged, Judged(found, question, decision)]
                    return result
                reason = result.event.reason if isinstance(result.event, Miss) else ""
                decision = Decision(False, reason)
            judged.append(Judged(found, question, decision))
            if decision.compare or decision.verify:
                return self._refused(asked, judged)
        return None

    def _refused(self, asked: Asked, judged: list[Judged]) -> Result:
        """Return the miss that comes of the candidates."""
        if not judged:
            return self._miss(asked, "no_candidate")
        # The nearest one's reason: it is what a reader of the event would look at.
        telling = (j for j in judged if j.decision.verify or j.decision.reason == "audit")
        nearest = next(telling, judged[0])
        result = self._miss(asked, nearest.decision.reason, nearest.found, nearest.decision.guard)
        result.judged = judged
        return result

    def _serve(
        self, asked: Asked, found: query.Found, kind: Literal["exact", "semantic"]
    ) -> Flow[Result]:
        """Turn a found entry into a hit, unless it cannot be trusted or decoded."""
        data = found.fields.get(b"response")
        age = _age(found.fields.get(b"created_at"))
        if isinstance(data, bytes) and len(data) > self.settings.max_answer_bytes:
            # Nobody stored that on purpose, and decoding it may take seconds.
            self.calls.failed("lookup", "entry", "TooLarge")
            return self._miss(asked, "unreadable_entry", found)
        if not isinstance(data, bytes) or not self._authentic(asked, found):
            self.calls.failed("lookup", "entry", "Unreadable" if not self._signed else "Unsigned")
            return self._miss(asked, "unreadable_entry", found)
        mark = None
        if self.settings.mark_hits:
            mark = {"kind": kind, "distance": found.distance, "entry": found.key, "age": age}
        try:
            # Nearly every answer is small: it need not go by the driver, nor wait for its turn.
            if len(data) <= LARGE:
                generations = decode(data, mark)
            else:
                generations = yield Work(lambda: decode(data, mark), len(data))
        except DecodeError as error:
            self.calls.failed("lookup", "entry", str(error))
            return self._miss(asked, "unreadable_entry", found)
        if kind == "semantic" and has_tool_calls(generations):
            return self._miss(asked, "tool_calls", found)
        hit = Hit(
            kind=kind,
            distance=found.distance,
            entry=found.key,
            age=age,
            model=asked.model,
            embedding_seconds=asked.embedding_seconds,
            redis_seconds=asked.redis_seconds,
        )
        refresh = _milliseconds(found.fields.get(b"ttl")) if self.settings.refresh_ttl else None
        return Result(generations, hit, refresh=refresh)

    def _refresh_ttl(self, key: str, milliseconds: int) -> Flow[None]:
        # A hit must need no write: a replica or an ACL that refuses this changes nothing.
        try:
            yield Send([("PEXPIRE", key, milliseconds)], write=True)
        except RedisUnavailableError:
            return

    def update(
        self,
        prompt: str,
        llm_string: str,
        generations: Sequence[Generation],
        options: CallOptions | None = None,
    ) -> Flow[None]:
        options = options or self._options.current()
        event = yield from self._store.update(prompt, llm_string, generations, options)
        if event is not None:
            self._reporter.emit(event)
        if isinstance(event, Stored) and self.learning is not None:
            yield from self.learning.compare(event.entry, generations)

    def _miss(
        self,
        asked: Asked,
        reason: str,
        nearest: query.Found | None = None,
        guard: str | None = None,
    ) -> Result:
        event = Miss(
            reason=reason,
            distance=None if nearest is None else nearest.distance,
            entry=None if nearest is None else nearest.key,
            guard=guard,
            model=asked.model,
            embedding_seconds=asked.embedding_seconds,
            redis_seconds=asked.redis_seconds,
        )
        return Result(None, event)

    # -- trust -------------------------------------------------------------------------------

    @property
    def _signed(self) -> bool:
        return self.settings.signer is not None

    def _authentic(self, asked: Asked, found: query.Found) -> bool:
        signer = self.settings.signer
        if signer is None:
            return True
        signature, *parts = (found.fields.get(name) or b"" for name in _SIGNED)
        readable = all(isinstance(part, bytes) for part in (signature, *parts))
        return readable and signer.verify(signature, asked.scope.encode(), *parts)


def _milliseconds(stored: object) -> int | None:
    return int(stored) if isinstance(stored, bytes) and stored.isdigit() else None


def _age(created: object) -> float:
    try:
        age = time.time() - float(created)  # type: ignore[arg-type]  # whatever is stored
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, age) if math.isfinite(age) else 0.0
