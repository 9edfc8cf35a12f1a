"""A policy that asks a verifier about what is neither near enough nor far enough to be sure.

Rule of this module: it says which candidates are to be put to the verifier; asking is the flows'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .._checks import check_threshold, seconds
from ..errors import ConfigurationError
from .decision import (
    Candidate,
    Decision,
    Doubtful,
    Policy,
    is_learner,
    is_policy,
    penalty,
)
from .second_opinions import Verifier, usable

__all__ = ["Verified"]


class Verified:
    """Serve near candidates by another policy, and farther ones where a verifier agrees.

    What a guard objects to is never served, nor asked about.

    Args:
        policy: Judges the near ones, e.g. `DistancePolicy(0.15)`.
        verifier: Says whether the answer to one question answers another: `ChatModelVerifier`,
            `CrossEncoderVerifier`, or a function `(asked, cached, answer) -> bool`, sync or async.
        between: Up to the first distance the verifier is not asked, beyond the second nothing is
            served.
        background: False waits for the verifier. True serves a miss and makes the question, if the
            verifier approves, an exact hit from then on.
        timeout: Seconds that the verifier may take; its failure is a miss.
    """

    def __init__(
        self,
        policy: Policy,
        verifier: Verifier | Callable[[str, str, str], Any],
        between: tuple[float, float] = (0.05, 0.25),
        *,
        background: bool = False,
        timeout: float | timedelta = 5.0,
    ) -> None:
        if not is_policy(policy):
            raise ConfigurationError(
                "policy must be a policy, e.g. Verified(DistancePolicy(0.15), verifier), not a "
                f"{type(policy).__name__}"
            )
        if isinstance(policy, Verified) or is_learner(policy):
            raise ConfigurationError(
                f"Verified cannot hold a {type(policy).__name__}: what the verifier refuses would "
                "not be measured; write Verified(DistancePolicy(...), verifier)"
            )
        if not usable(verifier, "verify"):
            raise ConfigurationError(
                "verifier must have a method verify(asked, cached, answer) or be a callable like "
                f"it, e.g. ChatModelVerifier(model), not a {type(verifier).__name__}"
            )
        try:
            low, high = (check_threshold(distance) for distance in between)
        except (TypeError, ValueError):
            raise _bad_band(between) from None
        if not low < high:
            raise _bad_band(between)
        self._policy = policy
        self._low, self._high = low, high
        self.verifier: Any = verifier
        self.background = background
        self.timeout = seconds("timeout", timeout, "e.g. timeout=5")

    @property
    def distance_threshold(self) -> float:
        return self._high

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        policy = self._policy
        plain = policy.decide(asked, candidate, min(threshold, policy.distance_threshold))
        if plain.accepted and candidate.distance + penalty(plain) <= self._low:
            return plain
        # Not accepted at this distance: the guards are asked as if it were near enough.
        decision = policy.decide(asked, candidate, min(threshold, self._high))
        if not decision.accepted:
            return decision
        return Doubtful(False, "would_be_verified", None, penalty(decision))


def _bad_band(between: object) -> ConfigurationError:
    return ConfigurationError(
        "between must be two cosine distances, the smaller one first, e.g. between=(0.05, 0.25), "
        f"not {between!r}"
    )
