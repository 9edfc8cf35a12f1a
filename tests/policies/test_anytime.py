"""The bound that may be looked at at any time."""

from __future__ import annotations

import random

import pytest

from langchain_redis_semcache.policies.anytime import corrected, is_below, upper_bound


@pytest.mark.parametrize(("limit", "needed"), [(0.05, 76), (0.02, 192), (0.01, 387)])
def test_so_many_verdicts_without_an_error_are_enough(limit: float, needed: int) -> None:
    """Not many more than the 59, 149 and 299 that are enough for a single look."""
    assert is_below(0, needed, limit)
    assert not is_below(0, needed - 1, limit)


def test_the_upper_bound_is_the_least_limit_that_is_sure() -> None:
    """It is above the rate, sinks with evidence and is 1 without any."""
    assert upper_bound(0, 0) == 1.0
    bound = upper_bound(3, 300)
    assert is_below(3, 300, bound + 1e-9)
    assert not is_below(3, 300, bound - 1e-6)
    assert 0.01 < upper_bound(30, 3000) < bound < upper_bound(3, 300, alpha=0.01)
    assert upper_bound(10, 10) == pytest.approx(1.0)
    assert is_below(10, 10, 1.0)


def test_a_rate_at_the_limit_is_called_below_once_in_20_times_however_often_one_looks() -> None:
    """Simulated: 200 runs of 2,000 verdicts, looked at after each."""
    called = 0
    for seed in range(200):
        chance = random.Random(seed)
        wrong = 0
        for of in range(1, 2001):
            wrong += chance.random() < 0.05
            if of % 5 == 0 and is_below(wrong, of, 0.05):
                called += 1
                break
    assert called <= 0.05 * 200


def test_what_the_judge_gets_wrong_is_taken_off() -> None:
    """A judge that calls 1 in 20 right answers wrong, as its checks say, proves no less."""
    checks = (2000, 100)
    assert not is_below(105, 2000, 0.05)
    assert is_below(105, 2000, 0.05, checks=checks)
    assert corrected(0.0975, checks) == pytest.approx(0.05)
    assert corrected(0.01, checks) == corrected(0.5, (3, 3)) == 0.0
    assert 0.01 < upper_bound(105, 2000, checks=checks) < 0.05 < upper_bound(105, 2000)


def test_few_checks_excuse_little() -> None:
    """The fewer they are, the less of what is called wrong is put down to the judge."""
    bounds = [upper_bound(60, 1000, checks=(n, n // 20)) for n in (20, 200, 2000, 20_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert upper_bound(60, 1000) > bounds[0] > bounds[-1] + 0.02
    assert upper_bound(60, 1000, checks=(1000, 0)) == upper_bound(60, 1000)


def test_an_erring_judge_opens_nothing_that_is_above_the_limit() -> None:
    """Simulated: judge of 0.95 with as many checks as verdicts, true error 1.25 times the limit."""
    called = 0
    for seed in range(100):
        chance = random.Random(seed)
        wrong = failed = 0
        for of in range(1, 1501):
            failed += chance.random() < 0.05
            wrong += chance.random() < 0.05 + 0.95 * 0.0625
            if of % 25 == 0 and is_below(wrong, of, 0.05, checks=(of, failed)):
                called += 1
                break
    assert called <= 0.05 * 100
