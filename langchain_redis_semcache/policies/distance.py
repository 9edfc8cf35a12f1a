"""Is the answer to the cached question an answer to the one asked?

A policy sees both questions and their distance and decides; it cannot make anything eligible
that is in another scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import ConfigurationError
from ..guards import DEFAULT_GUARDS, Guard, objection
from ..guards.reading import plain_words

__all__ = ["Candidate", "Decision", "DistancePolicy", "Policy"]

DEFAULT_THRESHOLD = 0.15
# Rounding of a float32 cosine is about 1e-7, of a float16 one about 1e-3 of a small distance.
_INDISTINCT = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored question of the right scope, near the one asked."""

    entry: str
    question: str
    distance: float
    """Cosine distance, 0 (same direction) to 2."""
    radius: float | None = None
    """Distance of the nearest question for which the entry's answer is known to be wrong."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a candidate is a hit, and why."""

    accepted: bool
    reason: str
    """"accepted", or why not: "distance", "guard", "indistinct_embedding", ..."""
    guard: str | None = None
    penalty: float = 0.0
    score: float | None = None
    """What a learning policy compared with its threshold."""
    compare: bool = False
    """Refused, and worth comparing with the fresh answer when that comes; the search ends here."""
    verify: bool = False
    """Refused unless the verifier approves."""


class Policy(Protocol):
    """Decides whether a candidate may be served."""

    @property
    def distance_threshold(self) -> float:
        """No candidate beyond this distance is looked at."""
        ...

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        """Judge one candidate; `threshold` is the policy's own or that of the current call."""
        ...


def check_threshold(value: float) -> float:
    """Refuse what is not a cosine distance."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 2:
        raise ConfigurationError(
            f"distance_threshold must be a cosine distance from 0 (identical) to 2, not {value!r}; "
            "a usual value is 0.15 (a similarity s is the distance 1 - s)"
        )
    return float(value)


class DistancePolicy:
    """Accept a candidate within the distance threshold to which no guard objects.

    The default threshold 0.15 is a cautious start for OpenAI's text-embedding-3 models; the right
    value depends on the embedding model.
    """

    def __init__(
        self,
        distance_threshold: float = DEFAULT_THRESHOLD,
        guards: Mapping[str, Guard] = DEFAULT_GUARDS,
    ) -> None:
        self._threshold = check_threshold(distance_threshold)
        self._guards = dict(guards)

    @property
    def distance_threshold(self) -> float:
        return self._threshold

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        distance = candidate.distance
        if not distance <= threshold:
            return Decision(False, "distance")
        cached = candidate.question
        if distance <= _INDISTINCT and plain_words(asked) != plain_words(cached):
            # Different words, one vector: the embedder does not see the difference (unknown
            # script, constant output, word order), so the distance says nothing.
            return Decision(False, "indistinct_embedding")
        penalty, guard = objection(asked, cached, self._guards)
        if distance + penalty <= threshold:
            return Decision(True, "accepted", penalty=penalty)
        return Decision(False, "guard", guard, penalty)
