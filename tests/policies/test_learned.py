"""A learned policy obeys the guards it knows nothing of, and only sensible numbers make one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import Candidate, LearnedPolicy


def test_guards_without_evidence_keep_their_veto() -> None:
    """A guard that the labels said nothing about is obeyed by the learned policy."""
    policy = LearnedPolicy({"distance": -1.0}, 5.0, 0.5, 0.3)
    asked, near = "remind me in 5 days", Candidate("k", "remind me in 7 days", 0.01)
    decision = policy.decide(asked, near, 0.3)
    assert (decision.accepted, decision.guard) == (False, "numbers")
    weighing = LearnedPolicy({"distance": -1.0, "guard:numbers": -0.1}, 5.0, 0.5, 0.3)
    assert weighing.weighed == ("numbers",)
    assert weighing.decide(asked, near, 0.3).accepted


@pytest.mark.parametrize(
    "arguments",
    [
        ({"guard:none": -1.0}, 0.0, 0.5, 0.3),
        ({"guard:numbers": 1.0}, 0.0, 0.5, 0.3),
        ({"margin": -1.0}, 0.0, 0.5, 0.3),
        ({"distance": math.nan}, 0.0, 0.5, 0.3),
        ({"distance": -1.0}, math.inf, 0.5, 0.3),
        ({"distance": -1.0}, 0.0, 1.5, 0.3),
        ({"distance": -1.0}, 0.0, 0.5, 3.0),
    ],
)
def test_coefficients_that_make_no_sense(arguments: tuple[Any, ...]) -> None:
    """A guard never speaks for a hit, and every number must be one."""
    with pytest.raises(ConfigurationError):
        LearnedPolicy(*arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a file of"),
        ("[]", "is not a file of"),
        ('{"version": 1}', "is not a file of"),
        ('{"version": 2}', "is of version 2"),
        ('{"version": 1, "weights": [], "intercept": 0}', "is not a file of"),
    ],
)
def test_files_that_hold_no_policy(tmp_path: Path, text: str, message: str) -> None:
    """A file of something else is refused by name."""
    path = tmp_path / "verifier.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        LearnedPolicy.load(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        LearnedPolicy.load(tmp_path / "none.json")
