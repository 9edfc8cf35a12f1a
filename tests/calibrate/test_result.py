"""What a calibration found is said in a line, a summary and examples."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.calibrate import (
    Pair,
    calibrate,
)
from tests.calibrate.material import Angles, pairs_of, run


def test_the_recommendation_does_not_go_beyond_the_evidence() -> None:
    """Of thresholds with about the same hits the smallest is recommended."""
    result = run(pairs_of(300, 100))
    assert result.recommended == pytest.approx(0.1, abs=0.006)
    assert result.line == (
        f"RedisSemanticCache(embeddings=..., distance_threshold={result.recommended})"
    )
    assert result.chosen in result.summary()
    assert result.refusal is None


def test_examples_say_why() -> None:
    """The worst false hits and the nearest misses carry label, guard or distance."""
    pairs = [
        *pairs_of(300, 0, near=0.01),
        Pair("t301 @0", "t301 @1", False),
        Pair("t302 in 5 days @0", "t302 in 7 days @2", True),
        Pair("t303 @0", "t303 @80", True),
        Pair("t304 @0", "t304 @0.001", True),
        Pair("t304 @0.002", "t305 @0", True),
    ]

    class Embedder(Angles):
        def embed_query(self, text: str) -> list[float]:
            return super().embed_query(text.split()[0] + " @" + text.split("@")[1])

    result = calibrate(pairs, Embedder(), guards={"numbers": lambda a, b: 9.0 * ("in 7" in a)})
    reasons = {example.asked: example.reason for example in result.misses}
    assert reasons["t302 in 7 days @2"] == "guard: numbers"
    assert reasons["t303 @80"] == "distance"
    assert [example.reason for example in result.false_hits] == ["labelled different"]


def test_few_look_alikes_are_noted() -> None:
    """Data without pairs that look alike and differ promise more than they know."""
    assert any("look alike" in note for note in run(pairs_of(300, 5)).notes)
    assert run(pairs_of(300, 100, far=0.15)).notes == ()
