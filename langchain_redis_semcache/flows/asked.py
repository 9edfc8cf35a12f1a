"""One call, read, and what came of it: the shapes that the flows hand to each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.outputs import Generation

from .._effects import Command
from ..entry.candidate import Candidate
from ..events import Bypassed, Hit, Miss
from ..policies.decision import Decision
from .options import CallOptions
from .readings import Reading


@dataclass(slots=True)
class Asked:
    """One call, read."""

    reading: Reading
    options: CallOptions
    began: float = field(default_factory=time.perf_counter)
    prompt: str = ""
    llm_string: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0
    overloaded: bool = False
    """Whether there was no time to embed it."""
    near: float | None = None
    """How far away the nearest entry is by the prefilter's measure, where that was asked."""
    riding: Sequence[Command] = ()
    """Commands that are sent along with the next ones, whichever these are."""
    rode: Sequence[Any] | None = None
    """The replies to them."""

    @property
    def text(self) -> str:
        return self.reading.question.text

    @property
    def exact_only(self) -> str | None:
        return self.reading.question.exact_only

    @property
    def scope(self) -> str:
        return self.reading.scope

    @property
    def key(self) -> str:
        return self.reading.key

    @property
    def model(self) -> str:
        return self.reading.model


@dataclass(slots=True)
class Judged:
    """A candidate and what became of it."""

    candidate: Candidate
    decision: Decision

    @property
    def entry(self) -> str:
        return self.candidate.entry

    @property
    def question(self) -> str:
        return self.candidate.question

    @property
    def distance(self) -> float:
        return self.candidate.distance

    @property
    def accepted(self) -> bool:
        return self.decision.accepted

    @property
    def reason(self) -> str:
        return self.decision.reason

    @property
    def guard(self) -> str | None:
        return self.decision.guard


@dataclass(slots=True)
class Result:
    """What a lookup came to."""

    generations: list[Generation] | None
    event: Hit | Miss | Bypassed
    asked: Asked | None = None
    judged: list[Judged] = field(default_factory=list)
    found: Candidate | None = None
    """What was served."""
    refresh: int | None = None
    """Milliseconds that the served entry is to live from now on."""
