"""A policy whose judgement was learned from labelled pairs: `semcache calibrate --verifier`.

Rule of this module: what was learned is a JSON file of numbers, and reading one runs no code. A
guard that the labelled pairs said too little about keeps its veto.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from ..guards import DEFAULT_GUARDS, Guard, objection
from ..guards.objections import check_guards
from .decision import Candidate, Weighed, check_threshold
from .distance import DistancePolicy

__all__ = ["LearnedPolicy"]

_VERSION = 1
_GUARD = "guard:"
_PLAIN = ("distance", "unshared_words", "unlike_lengths")


class LearnedPolicy:
    """Accept a candidate when distance, words and guards together make it probable enough.

    Args:
        weights: Of "distance", "unshared_words", "unlike_lengths" and "guard:<name>".
        intercept: The log odds where all of them are zero.
        cutoff: Least probability of a hit.
        distance_threshold: No candidate beyond it is looked at.
        guards: Those without a weight veto and penalise as they do in `DistancePolicy`.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        intercept: float,
        cutoff: float,
        distance_threshold: float,
        guards: Mapping[str, Guard] = DEFAULT_GUARDS,
    ) -> None:
        guards = check_guards(guards)
        weighed = {name.removeprefix(_GUARD) for name in weights if name.startswith(_GUARD)}
        unknown = [name for name in weighed if name not in guards]
        unknown += [n for n in weights if n not in _PLAIN and not n.startswith(_GUARD)]
        if unknown:
            raise ConfigurationError(f"no such guard or feature: {', '.join(sorted(unknown))}")
        if any(weights[_GUARD + name] > 0 for name in weighed):
            raise ConfigurationError("a guard can speak against a hit only: its weight is <= 0")
        if not all(map(math.isfinite, (*weights.values(), intercept))) or not 0 <= cutoff <= 1:
            raise ConfigurationError("weights must be finite, and cutoff between 0 and 1")
        self.weighed = tuple(name for name in guards if name in weighed)
        """Guards whose word is weighed instead of obeyed."""
        self._weights = dict(weights)
        self._intercept = float(intercept)
        self._cutoff = float(cutoff)
        self._within = check_threshold(distance_threshold)
        self._weighed = {name: guard for name, guard in guards.items() if name in weighed}
        rest = {name: guard for name, guard in guards.items() if name not in weighed}
        self._rest = DistancePolicy(self._within, rest)

    @classmethod
    def load(
        cls, path: str | PathLike[str], guards: Mapping[str, Guard] = DEFAULT_GUARDS
    ) -> LearnedPolicy:
        """Read what `save` wrote; `guards` must be those it was learned with."""
        try:
            data: Any = json.loads(Path(path).read_text(encoding="utf-8"))
            version = data["version"]
            if version != _VERSION:
                raise ConfigurationError(f"{path} is of version {version!r}, not {_VERSION}")
            weights = {str(name): float(weight) for name, weight in data["weights"].items()}
            intercept, cutoff = float(data["intercept"]), float(data["cutoff"])
            within = float(data["distance_threshold"])
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        except ConfigurationError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(f"{path} is not a file of LearnedPolicy.save") from None
        return cls(weights, intercept, cutoff, within, guards)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the coefficients as JSON."""
        data = {
            "version": _VERSION,
            "intercept": self._intercept,
            "cutoff": self._cutoff,
            "distance_threshold": self._within,
            "weights": self._weights,
        }
        Path(path).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    @property
    def distance_threshold(self) -> float:
        return self._within

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Weighed:
        decision = self._rest.decide(asked, candidate, threshold)
        if not decision.accepted:
            return decision
        probability = self.probability(asked, candidate.question, candidate.distance)
        if probability >= self._cutoff:
            return decision
        return Weighed(False, "verifier", penalty=decision.penalty)

    def probability(self, asked: str, cached: str, distance: float) -> float:
        """How probable it is that the answer to the one question is right for the other."""
        seen = features(asked, cached, distance, self._weighed)
        odds = self._intercept + sum(w * seen[name] for name, w in self._weights.items())
        return 0.5 * (1.0 + math.tanh(0.5 * odds))


def features(
    asked: str, cached: str, distance: float, guards: Mapping[str, Guard]
) -> dict[str, float]:
    """What is known of a candidate, each about 0 to 1."""
    a, b = set(asked.casefold().split()), set(cached.casefold().split())
    found = {
        "distance": distance,
        "unshared_words": len(a ^ b) / max(1, len(a | b)),
        "unlike_lengths": abs(math.log((1 + len(asked)) / (1 + len(cached)))),
    }
    for name, guard in guards.items():
        found[_GUARD + name] = float(objection(asked, cached, {name: guard})[0] > 0)
    return found
