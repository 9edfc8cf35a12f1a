"""The words of every policy: what it is shown, what it says, and what else a policy may be.

A policy cannot make anything eligible that is in another scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from ..entry.candidate import Candidate

__all__ = ["Candidate", "Decision", "Learner", "Policy"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a candidate is a hit, and why."""

    accepted: bool
    reason: str
    """"accepted", or why not: "distance", "guard", "indistinct_embedding", ..."""
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Weighed(Decision):
    """A decision of ours, and what the guards added to the distance."""

    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Doubtful(Weighed):
    """Refused unless the verifier approves; the search ends here."""


@dataclass(frozen=True, slots=True)
class Measured(Weighed):
    """A decision of a policy that learns."""

    score: float | None = None
    """What was compared with the threshold."""
    compare: bool = False
    """Refused, and worth comparing with the fresh answer when that comes; the search ends here."""


class Policy(Protocol):
    """Decides whether a candidate may be served."""

    @property
    def distance_threshold(self) -> float:
        """No candidate beyond this distance is looked at."""
        ...

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        """Judge one candidate; `threshold` is the policy's own or that of the current call."""
        ...


class Learner(Policy, Protocol):
    """A policy that learns from what became of its candidates; its decisions are `Measured`.

    The counts of all processes are kept in Redis, added up per name.
    """

    judge: Any
    """Compares a cached answer with a fresh one, or None for the cache's own comparison."""
    audit_share: float
    """The share of the hits by meaning that the model answers after all."""

    def audits(self) -> bool:
        """Draw whether the hit at hand is one of that share; asked once for every hit."""
        ...

    def checks(self) -> bool:
        """Draw whether the model answers an identical question too, to check the judge by it."""
        ...

    def checked(self, right: bool) -> None:
        """Note what the judge said of two answers to one question."""
        ...

    def claim(self, embeddings: Any, beside: str = "") -> None:
        """Become the policy of one cache; refuse a second one with a `ConfigurationError`.

        Evidence that was gathered with other `embeddings`, or `beside` another policy, is not ours.
        """
        ...

    def due(self) -> bool:
        """Whether the shared counts should be read again; says so once per interval."""
        ...

    def absorb(self, counts: Mapping[str, int]) -> None:
        """Take over the shared counts."""
        ...

    def served(self, decision: Measured) -> None:
        """Note that the candidate was served."""
        ...

    def judged(self, decision: Measured, right: bool) -> None:
        """Note whether a candidate that was not served would have been right."""
        ...

    def drain(self) -> Mapping[str, int]:
        """Return what is to be added to the shared counts."""
        ...

    def start_afresh(self) -> None:
        """Renew what a fork may have left locked."""
        ...


_LEARNS = (
    "audits",
    "checked",
    "checks",
    "claim",
    "due",
    "absorb",
    "served",
    "judged",
    "drain",
    "start_afresh",
)


def is_policy(given: object) -> bool:
    """Tell whether an object can be asked; its threshold is not read yet."""
    return callable(getattr(given, "decide", None))


def is_learner(policy: Policy) -> TypeGuard[Learner]:
    """Tell whether a policy wants to hear what became of its candidates."""
    return all(callable(getattr(policy, name, None)) for name in _LEARNS)


def is_compared(decision: Decision) -> bool:
    """Tell whether a candidate was refused, and is to be compared with the fresh answer."""
    return isinstance(decision, Measured) and decision.compare


def penalty(decision: Decision) -> float:
    """Return what guards added to the distance, as far as the policy says."""
    return decision.penalty if isinstance(decision, Weighed) else 0.0
