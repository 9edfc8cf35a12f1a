"""The nearest entry that may be served is; the reason of a miss is that of the nearest."""

from __future__ import annotations

from langchain_redis_semcache.policies import DistancePolicy
from tests.lab import AGAIN, ANGLES, FAR, Lab, World, chat, direction, stocked


def refuses_first(asked: str, cached: str, /) -> float:
    return 1.0 if cached == "first" else 0.0


def test_the_next_one() -> None:
    """Where a guard objects to the nearest, the next one within the threshold is served."""
    vectors = {**ANGLES, "first": direction(15), "second": direction(10)}
    lab = Lab(World(vectors), policy=DistancePolicy(0.15, {"no": refuses_first}))
    lab.update(chat("first"))
    assert lab.lookup(AGAIN) is None
    assert (lab.last.reason, lab.last.guard) == ("guard", "no")
    lab.update(chat("second"))
    assert lab.lookup(AGAIN) is not None


def test_nothing_near() -> None:
    """What is too far away says how far."""
    lab = stocked()
    assert lab.lookup(FAR) is None
    assert lab.last.reason == "distance"
    assert lab.last.distance > 0.15
