"""Which candidates go to a verifier: the band, and what is refused as one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import AuditPolicy, Candidate, DistancePolicy, Verified
from langchain_redis_semcache.policies.decision import Doubtful


def yes(asked: str, cached: str, answer: str, /) -> bool:
    return True


@pytest.mark.parametrize(
    ("distance", "cached", "call", "accepted", "verify", "reason"),
    [
        (0.04, "Open the account", 0.25, True, False, "accepted"),
        (0.05, "Open the account", 0.25, True, False, "accepted"),
        (0.06, "Open the account", 0.25, False, True, "would_be_verified"),
        (0.25, "Open the account", 0.25, False, True, "would_be_verified"),
        (0.26, "Open the account", 0.25, False, False, "distance"),
        (0.10, "Open 2 accounts", 0.25, False, False, "guard"),
        (0.04, "Open 2 accounts", 0.25, False, False, "guard"),
        (0.10, "Open the account", 0.08, False, False, "distance"),
        (0.06, "Open the account", 0.08, False, True, "would_be_verified"),
    ],
)
def test_only_the_band_is_verified(
    distance: float, cached: str, call: float, accepted: bool, verify: bool, reason: str
) -> None:
    """Nearer ones are the policy's, farther ones nobody's; vetoes and the call's limit stand."""
    policy = Verified(DistancePolicy(0.15), yes)
    assert policy.distance_threshold == 0.25
    decision = policy.decide("Open an account", Candidate("e", cached, distance), call)
    assert (decision.accepted, isinstance(decision, Doubtful), decision.reason) == (
        accepted,
        verify,
        reason,
    )


def test_what_the_policy_refuses_below_the_band_may_be_verified() -> None:
    """A policy stricter than the band leaves the question to the verifier."""
    policy = Verified(DistancePolicy(0.01), yes)
    decision = policy.decide("a b", Candidate("e", "b c", 0.03), 0.25)
    assert isinstance(decision, Doubtful)


@pytest.mark.parametrize("between", [(0.2, 0.1), (0.1, 0.1), (0.1,), "ab", (-1, 0.2), (0, 3), None])
def test_a_band_that_is_none_is_refused(between: Any) -> None:
    """Two distances, the smaller one first."""
    with pytest.raises(ConfigurationError, match=r"\(0.05, 0.25\)|cosine distance"):
        Verified(DistancePolicy(), yes, between)


def test_an_audit_and_a_verifier_are_not_combined() -> None:
    """The audit would measure something other than what is served."""
    with pytest.raises(ConfigurationError, match="cannot hold a AuditPolicy"):
        Verified(AuditPolicy(), yes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.15, yes), r"Verified\(DistancePolicy\(0.15\), verifier\)"),
        ((DistancePolicy(), "gpt"), r"ChatModelVerifier\(model\)"),
        ((Verified(DistancePolicy(), yes), yes), "cannot hold a Verified"),
    ],
)
def test_nonsense(arguments: tuple[Any, ...], message: str) -> None:
    """What cannot be asked or judged is refused, with what to write."""
    with pytest.raises(ConfigurationError, match=message):
        Verified(*arguments)


def test_timeouts() -> None:
    """A verifier has seconds, or a timedelta; nothing else is a time."""
    assert Verified(DistancePolicy(), yes, timeout=timedelta(seconds=2)).timeout == 2.0
    with pytest.raises(ConfigurationError, match="timeout=5"):
        Verified(DistancePolicy(), yes, timeout=0)
