"""What is concluded from verdicts: weighed bins, and thresholds that are sure at any time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.policies.evidence import BINS, Evidence, largest_sure, weighed


def test_a_bin_weighs_what_was_met_there_and_not_what_was_judged() -> None:
    """Many verdicts beyond a threshold and few within do not distort the error rate."""
    rate, worth = weighed([(1000, 100, 0), (100, 100, 50)])
    assert rate == pytest.approx(50 / 1100)
    assert worth == pytest.approx(1100**2 / (1000**2 / 100 + 100**2 / 100))


def test_thin_bins_are_pooled_with_those_beside_them() -> None:
    """A rate of a few verdicts is no rate; nothing judged is no evidence."""
    rate, worth = weighed([(10, 10, 1)] * 7)
    assert (rate, worth) == (pytest.approx(0.1), pytest.approx(70))
    assert weighed([(5, 0, 0)]) == weighed([]) == (0.0, 0.0)
    assert Evidence(0.4, "x").estimate(0.4).rate is None


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)), max_size=BINS
    )
)
def test_whatever_was_counted_the_estimates_are_shares(bins: list[tuple[int, int, int]]) -> None:
    """Rates are between 0 and 1, and worth no more verdicts than there are."""
    tidy = [(max(m, n), n, min(k, n)) for m, n, k in bins]
    rate, worth = weighed(tidy)
    assert 0 <= rate <= 1
    assert 0 <= worth <= sum(n for _, n, _ in tidy) + 1e-6


def test_the_upper_bound_covers_the_truth_19_times_in_20() -> None:
    """Simulated: audits of 20 % within a threshold, everything judged beyond it."""
    covered = 0
    for seed in range(200):
        chance = random.Random(seed)
        evidence = Evidence(0.4, "test")
        mass = errors = 0.0
        for _ in range(3000):
            at = chance.random() * 0.3
            risk = at * at  # 0.03 on average, more of it farther away
            mass, errors = mass + 1, errors + risk
            if at > 0.15 or chance.random() < 0.2:
                evidence.judged(at, chance.random() >= risk)
            else:
                evidence.met(at)
        covered += evidence.estimate(0.3).upper_bound >= errors / mass
    assert covered >= 0.95 * 200


@pytest.mark.parametrize(("limit", "times", "most"), [(0.05, 1.25, 1), (0.02, 1.25, 1)])
def test_errors_above_the_limit_hardly_ever_open_it_however_often_one_looks(
    limit: float, times: float, most: int
) -> None:
    """Simulated, 20 runs of 1,500 verdicts; a bound for one look opens in about a third."""
    opened = 0
    for seed in range(20):
        chance = random.Random(seed)
        evidence = Evidence(0.4, "test")
        for _ in range(1500):
            evidence.judged(chance.random() * 0.2, chance.random() >= times * limit)
            if evidence.largest_threshold(limit):
                opened += 1
                break
    assert opened <= most


def test_a_bin_remembers_its_last_verdicts() -> None:
    """Wrong of long ago fades; what candidates there were fades in all bins alike."""
    evidence = Evidence(0.4, "test")
    for right in (False, True):
        for _ in range(5000):
            evidence.judged(0.05, right)
    for _ in range(150_000):
        evidence.met(0.1)
    known = evidence.estimate(0.4)
    assert known.judged < 2000
    assert known.wrong < 150
    evidence.forget()
    assert evidence.estimate(0.4).judged == 0 or not evidence._shared["n"][5]


def test_a_threshold_opens_the_next_larger_one_only() -> None:
    """Where a nearer one is not sure, a farther one is not tried, but at the starts."""
    good, bad = (100, 100, 0), (100, 100, 20)
    assert largest_sure([good] * BINS, 0.05) == BINS
    assert largest_sure([good] * 12 + [bad] * (BINS - 12), 0.05) == 14  # 1,400 verdicts, 40 wrong
    assert largest_sure([good] * 12 + [(9, 9, 0)] * (BINS - 12), 0.05) == 39
    assert largest_sure([good] * 12 + [(0, 0, 0)] * (BINS - 12), 0.05) == 12
    assert largest_sure([bad] * BINS, 0.05) == 0
    nothing = (0, 0, 0)
    assert largest_sure([nothing] * 7 + [good] * (BINS - 7), 0.05) == BINS
    assert largest_sure([nothing] * 20 + [good] * (BINS - 20), 0.05) == BINS
    few = (5, 5, 0)
    assert largest_sure([few, *[nothing] * 15, *[good] * (BINS - 16)], 0.05) == 0
    assert largest_sure([good] * BINS, 1.0) == BINS
