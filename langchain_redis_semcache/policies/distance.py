"""The plain policy: near enough, and no guard objects."""

from __future__ import annotations

from collections.abc import Mapping

from .._checks import check_threshold
from ..guards import DEFAULT_GUARDS, Guard, objection
from ..guards.objections import check_guards
from ..guards.reading import plain_words
from .decision import Candidate, Weighed

__all__ = ["DistancePolicy"]

DEFAULT_THRESHOLD = 0.15
# Rounding of a float32 cosine is about 1e-7, of a float16 one about 1e-3 of a small distance.
_INDISTINCT = 1e-6


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
        self._guards = check_guards(guards)

    @property
    def distance_threshold(self) -> float:
        return self._threshold

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Weighed:
        distance = candidate.distance
        if not distance <= threshold:
            return Weighed(False, "distance")
        cached = candidate.question
        if distance <= _INDISTINCT and plain_words(asked) != plain_words(cached):
            # Different words, one vector: the embedder does not see the difference (unknown
            # script, constant output, word order), so the distance says nothing.
            return Weighed(False, "indistinct_embedding")
        penalty, guard = objection(asked, cached, self._guards)
        if distance + penalty <= threshold:
            return Weighed(True, "accepted", penalty=penalty)
        return Weighed(False, "guard", guard, penalty)
