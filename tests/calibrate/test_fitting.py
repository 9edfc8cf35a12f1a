"""A verifier is learned where it pays, and else it is said why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from langchain_redis_semcache.calibrate import (
    Pair,
)
from langchain_redis_semcache.policies import Candidate, LearnedPolicy
from tests.calibrate.material import pairs_of, run


def lookalikes(count: int) -> list[Pair]:
    """Pairs whose distance says nothing and whose words say all."""
    pairs = []
    for i in range(count):
        same = i % 2 == 0
        other = f"how is t{i} done {'' if same else 'alpha beta gamma delta '}@{5 + i % 7}"
        pairs.append(Pair(f"how is t{i} done @0", other, same))
    return pairs


def test_a_verifier_that_beats_the_threshold_is_kept(tmp_path: Path) -> None:
    """Where words tell what distance does not, a policy is learned that can be saved and loaded."""
    trial = run(lookalikes(800), target_precision=0.9, verifier=True).verifier
    assert trial is not None
    assert trial.policy is not None, trial.message
    assert "worth having" in trial.message
    trial.policy.save(tmp_path / "verifier.json")
    loaded = LearnedPolicy.load(tmp_path / "verifier.json", guards={})
    asked, stored = "how is t5 done @5", "how is t5 done @0"
    for policy in (trial.policy, loaded):
        threshold = policy.distance_threshold
        good = policy.decide(asked, Candidate("k", stored, 0.004), threshold)
        bad = policy.decide(asked, Candidate("k", "alpha beta gamma delta @0", 0.004), threshold)
        far = policy.decide(asked, Candidate("k", stored, 1.9), threshold)
        assert (good.accepted, good.reason) == (True, "accepted")
        assert (bad.accepted, bad.reason) == (False, "verifier")
        assert (far.accepted, far.reason) == (False, "distance")


def test_the_same_seed_gives_the_same_verifier() -> None:
    """Calibration is deterministic."""
    one, two = (run(lookalikes(600), target_precision=0.8, verifier=True, seed=3) for _ in range(2))
    assert one.verifier is not None
    assert two.verifier is not None
    assert one.verifier.message == two.verifier.message
    assert one.table == two.table


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (pairs_of(600, 200), "does not beat"),
        (pairs_of(60, 20), "learning needs 50"),
        (pairs_of(600, 600, near=0.1, far=0.1), "no cutoff"),
        ([Pair("t1 @0", f"t1 @{i}", i % 2 == 0) for i in range(1, 40)], "hang together"),
    ],
)
def test_a_verifier_that_does_not_pay_is_not_kept(pairs: list[Pair], message: str) -> None:
    """It is said why there is none."""
    trial = run(pairs, target_precision=0.9, verifier=True).verifier
    assert trial is not None
    assert trial.policy is None
    assert message in trial.message
