"""The alarm: soon where much has become wrong, hardly ever where little is."""

from __future__ import annotations

import random

from langchain_redis_semcache.policies.drift import Drift


def until_alarm(rate: float, most: int, seed: int, doubt: float = 0.0) -> int:
    chance, drift = random.Random(seed), Drift(0.02)
    for n in range(1, most + 1):
        wrong = chance.random() < doubt + (1 - doubt) * rate
        if drift.hear(not wrong, wrong, doubt):
            return n
    return most


def test_what_is_all_wrong_is_noticed_at_the_fourth_verdict() -> None:
    """However many right ones went before."""
    drift = Drift(0.02)
    assert not drift.hear(100_000, 0)
    assert [drift.hear(0, 1) for _ in range(4)] == [False, False, False, True]
    drift.settle()
    assert not drift.hear(0, 1)


def test_half_of_the_limit_raises_no_alarm() -> None:
    """Simulated: in 10 runs of 5,000 verdicts."""
    assert all(until_alarm(0.01, 5000, seed) == 5000 for seed in range(10))
    assert sum(until_alarm(0.01, 2000, seed, doubt=0.1) < 2000 for seed in range(10)) <= 1


def test_three_times_the_limit_does() -> None:
    """Within some hundred verdicts, also where the judge is often in doubt."""
    assert all(until_alarm(0.06, 5000, seed) < 1500 for seed in range(10))
    assert all(until_alarm(0.12, 5000, seed, doubt=0.1) < 5000 for seed in range(10))


def test_a_limit_of_all_is_never_exceeded() -> None:
    """Where every error is allowed there is nothing to watch."""
    assert not Drift(1.0).hear(0, 100)
