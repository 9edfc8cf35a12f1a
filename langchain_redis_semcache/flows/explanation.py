"""What `explain` says, as a value and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..entry.stored import Entry
from ..question.surroundings import Difference
from .asked import Judged

_LONGEST = 200
"""Characters of an answer that are printed."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The identical question with an answer in another scope, and what keeps them apart."""

    entry: Entry
    differs: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a lookup would do, or did. Holds questions and answers: for eyes, not for logs."""

    decision: Literal["hit", "miss", "bypassed", "stored", "failed"]
    reason: str
    """"exact", "semantic", or why it would be a miss."""
    question: str | None = None
    exact_only: str | None = None
    """Why only an identical question could be a hit, or None."""
    scope: str | None = None
    entry: str | None = None
    """The key of the entry that was or would be served, as `feedback` and `remove` take it."""
    key: str | None = None
    """The key that the question itself has: where an answer to it would be stored."""
    served: Entry | None = None
    """The entry as it is stored now, if it still is."""
    distance: float | None = None
    model: str = ""
    tools: str = ""
    """Names of the tools that are bound."""
    threshold: float = 0.0
    candidates: tuple[Judged, ...] = ()
    """Nearest first."""
    audit_share: float = 0.0
    """The share of such hits that the model answers after all."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """Where a miss would have been an identical question, those that differ least first."""
    notes: tuple[str, ...] = ()
    """What else there is to say."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        distance = "" if self.distance is None else f", distance {self.distance:.4f}"
        yield f"{self.decision}: {self.reason}{distance}"
        if self.question is not None:
            yield f"question   {self.question!r}"
        if self.scope is not None:
            yield f"scope      {self.scope}  model {self.model or 'unknown'}"
            yield f"threshold  {self.threshold:g}"
        if self.tools:
            yield f"tools      {self.tools}: an answer that calls one is for this question only"
        yield from self._served()
        if self.exact_only:
            yield f"compared by meaning: no ({self.exact_only})"
        if self.audit_share:
            yield f"audited    by chance: the model answers {self.audit_share:.1%} of these"
        for one in self.candidates:
            guard = f" ({one.guard})" if one.guard else ""
            yield f"{one.distance:9.4f}  {one.reason}{guard}  {one.question!r}"
        for other in self.elsewhere:
            yield f"the same question is stored in another scope: {other.entry.key}"
            yield from (f"  {difference}" for difference in other.differs)
        yield from self.notes

    def _served(self) -> Iterator[str]:
        if self.entry is None:
            if self.key is not None:
                yield f"would be stored as {self.key}"
            return
        yield f"entry      {self.entry}"
        one = self.served
        if one is None:
            yield "           is not stored (any more)"
            return
        about = [] if one.age is None else [f"{one.age:.0f} s old"]
        about.append("no ttl" if one.ttl is None else f"{one.ttl:.0f} s left")
        about += [f"tags {', '.join(one.tags)}"] if one.tags else []
        about += [f"namespace {one.namespace}"] if one.namespace else []
        about += [f"called right {one.right} times"] if one.right else []
        yield f"           {', '.join(about)}"
        if one.question != self.question:
            yield f"asked then {one.question!r}"
        text = one.answer if len(one.answer) <= _LONGEST else f"{one.answer[:_LONGEST]}..."
        yield f"answer     {text!r}" if text else "answer     calls tools, or has no text"
