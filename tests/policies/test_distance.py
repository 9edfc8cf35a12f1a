"""A candidate is a hit within the threshold, unless a guard objects or the distance is blind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache._checks import check_threshold
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import Candidate, DistancePolicy
from langchain_redis_semcache.policies.decision import Weighed


def decide(
    distance: float,
    asked: str = "what is the capital",
    cached: str = "which is the capital",
    threshold: float = 0.15,
    **guards: float,
) -> Weighed:
    def says(penalty: float) -> Callable[[str, str], float]:
        return lambda a, b, /: penalty

    policy = DistancePolicy(threshold, {name: says(p) for name, p in guards.items()})
    return policy.decide(asked, Candidate("k", cached, distance), threshold)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (decide(0.15), Weighed(True, "accepted")),
        (decide(0.1501), Weighed(False, "distance")),
        (decide(math.nan), Weighed(False, "distance")),
        (decide(math.inf), Weighed(False, "distance")),
        (decide(2.0, threshold=2), Weighed(True, "accepted")),
        (decide(0.1, no=math.inf), Weighed(False, "guard", "no", math.inf)),
        (decide(0.1, some=0.04), Weighed(True, "accepted", penalty=0.04)),
        (decide(0.125, some=0.03125), Weighed(False, "guard", "some", 0.03125)),
        (decide(0.1, a=0.03125, b=0.0625), Weighed(False, "guard", "b", 0.09375)),
        (decide(0.1, no=math.nan), Weighed(False, "guard", None, math.nan)),
        (decide(0.0), Weighed(False, "indistinct_embedding")),
        (decide(1e-7), Weighed(False, "indistinct_embedding")),
        (decide(0.0, "a b", "b a"), Weighed(False, "indistinct_embedding")),
        (decide(0.0, "The capital!", "the capital?"), Weighed(True, "accepted")),
        (decide(0.0, "same", "same", no=math.inf), Weighed(True, "accepted")),
        (decide(0.0, "same", "same", threshold=0), Weighed(True, "accepted")),
    ],
    ids=range(16),
)
def test_decisions(decision: Weighed, expected: Weighed) -> None:
    """Distance, guards and words decide; every refusal names its reason."""
    assert repr(decision) == repr(expected)


@given(st.floats(), st.floats(0, 2), st.floats(0))
def test_never_beyond_the_threshold(distance: float, threshold: float, penalty: float) -> None:
    """No distance beyond the threshold is accepted, and no penalty makes one smaller."""
    if decide(distance, threshold=threshold, guard=penalty).accepted:
        assert distance + penalty <= threshold


@pytest.mark.parametrize("value", [0, 0.15, 1, 2, 2.0])
def test_thresholds(value: float) -> None:
    """Every cosine distance is a threshold."""
    assert DistancePolicy(value).distance_threshold == value


@pytest.mark.parametrize("value", [-0.1, 2.1, math.nan, math.inf, True, None, "0.2"])
def test_bad_thresholds(value: float) -> None:
    """What is no cosine distance is refused, with what to write."""
    with pytest.raises(ConfigurationError, match=r"distance_threshold must be .* 0\.15"):
        check_threshold(value)


def test_default_guards() -> None:
    """Without further ado the guards that come with the package are asked."""
    policy = DistancePolicy()
    near = Candidate("k", "How far is it in miles?", 0.01)
    assert policy.decide("How far is it in kilometers?", near, 0.15).reason == "guard"


@pytest.mark.parametrize("guards", [{"x": 5}, ["numbers"], None, {1: lambda a, b: 0.0}])
def test_bad_guards(guards: Any) -> None:
    """What cannot be asked is refused, with what to write."""
    with pytest.raises(ConfigurationError, match=r"guards=\{\*\*DEFAULT_GUARDS"):
        DistancePolicy(0.1, guards)
