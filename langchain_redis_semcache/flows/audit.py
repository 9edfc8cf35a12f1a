"""How a learning policy learns: what is compared when, by whom, and where the counts are kept.

Rule of this module: nothing here delays or fails a chat call. Comparing waits until the call has
been answered, and what goes wrong leaves the policy with a little less evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_core.outputs import Generation

from .._effects import (
    Command,
    ErrorReply,
    Flow,
    RedisUnavailableError,
    Send,
)
from ..entry.candidate import Candidate
from ..entry.query import text as as_text
from ..entry.scripts import script
from ..events import Audited
from ..policies.decision import Decision, Learner, Measured
from ..policies.evidence import REMEMBERED
from .calls import Calls
from .judging import Judging, Waiting

_DIGITS = 15
_FADING = (REMEMBERED["n"], REMEMBERED["m"])


CHECK = Measured(False, "audit", compare=True)
"""Of a hit on the identical question, whose answer is compared to check the judge."""


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

    def __init__(self, calls: Calls, learner: Learner, beside: str = "") -> None:
        self._calls = calls
        self.learner = learner
        self._beside = beside
        schema = calls.settings.schema
        # Beside the entries, not among them: the index covers `schema.prefix`.
        variant = schema.prefix.removeprefix(schema.root).rstrip(":")
        self._key = f"{schema.root}audit:{variant}"
        # Counts are sums of all processes, which none of them could sign: whoever can write to
        # Redis would loosen the threshold. With a signing key each process goes by its own.
        self._shares = calls.settings.signer is None
        self._judging = Judging(calls, learner.judge)
        self._pending: Waiting[Pending] = Waiting()
        self.drop = self._pending.drop

    def refresh(self) -> list[Command]:
        """Return what goes along with a lookup's first round trip."""
        return [("HGETALL", self._key)] if self._shares and self.learner.due() else []

    def absorb(self, reply: Any) -> None:
        """Take what the refresh brought; anything may be stored there."""
        if isinstance(reply, Mapping):
            pairs = list(reply.items())
        elif isinstance(reply, (list, tuple)):
            pairs = list(zip(reply[::2], reply[1::2], strict=False))
        else:
            return
        counts = {as_text(field): _count(value) for field, value in pairs}
        self.learner.absorb({field: n for field, n in counts.items() if n is not None})

    def drawn(self, decision: Decision) -> Decision:
        """Turn a hit into a miss that is compared, if it is one of those that are audited."""
        if not isinstance(decision, Measured) or not self.learner.audits():
            return decision
        return replace(decision, accepted=False, reason="audit", compare=True)

    def remember(self, key: str, asked: str, candidate: Candidate, decision: Measured) -> None:
        """Keep a candidate for the update of this key."""
        pending = Pending(asked, candidate, decision)
        if not pending.answer:
            return
        self._pending.put(key, pending, len(pending.answer))

    def claim(self, embeddings: Any) -> None:
        """Make the policy this cache's own, with evidence of its own."""
        self.learner.claim(embeddings, self._beside)

    def compare(
        self, key: str, generations: Sequence[Generation], verdicts: dict[str, bool]
    ) -> Flow[None] | None:
        """Have the candidate that was refused for this key judged, now that the answer is there.

        To be run behind the call, if there is anything to do; the verdict is added to `verdicts`.
        """
        pending = self._pending.take(key)
        return None if pending is None else self._compare(key, pending, generations, verdicts)

    def start_afresh(self) -> None:
        """Renew the locks in a forked process."""
        self.drop()
        self.learner.start_afresh()

    def _compare(
        self,
        key: str,
        one: Pending,
        fresh: Sequence[Generation],
        verdicts: dict[str, bool],
    ) -> Flow[None]:
        right = yield from self._judging.compared(one.asked, one.answer, fresh)
        if right is None:
            return
        verdicts[one.candidate.entry] = right
        why: Literal["audit", "explore", "check"] = "explore"
        if one.decision is CHECK:
            why = "check"
            self.learner.checked(right)
        else:
            why = "audit" if one.decision.reason == "audit" else "explore"
            self.learner.judged(one.decision, right)
        found = one.candidate
        self._calls.reporter.emit(Audited(right, found.distance, found.entry, why))
        commands: list[Command] = []
        if self._shares:
            pairs = [part for pair in self.learner.drain().items() for part in pair]
            commands.append(("EVAL", script("count"), 1, self._key, *_FADING, *pairs))
        if not right and why != "check":
            # Of both: each is a question for which the other's answer is wrong.
            away = f"{found.distance + one.decision.penalty:.6f}"
            commands += [
                ("EVAL", script("tighten"), 1, entry, away) for entry in (found.entry, key)
            ]
        if not commands:
            return
        try:
            replies = yield Send(commands, write=True)
        except RedisUnavailableError as error:
            self._calls.failed("update", "audit", error)
            return
        refused = next((r for r in replies if isinstance(r, ErrorReply)), None)
        if refused is not None:
            self._calls.failed("update", "audit", refused)
        else:
            self._calls.reporter.recovered("audit")


def _count(value: Any) -> int | None:
    # Whoever can write to Redis can write a number of a thousand digits.
    if isinstance(value, (str, bytes)) and len(value) > _DIGITS:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
