"""The audit without a server: what it decides, what it counts, and what it concludes."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import AuditPolicy, Candidate, DistancePolicy
from langchain_redis_semcache.policies.decision import Measured, is_learner

ASKED = "Which city serves as the capital?"


def candidate(distance: float, radius: float | None = None, entry: str = "e") -> Candidate:
    return Candidate(entry, "What is the capital?", distance, radius)


def taught(policy: AuditPolicy, rights: int, wrongs: int = 0, at: float = 0.05) -> AuditPolicy:
    """Tell a policy verdicts about candidates at one distance."""
    for right in [True] * rights + [False] * wrongs:
        policy.judged(Measured(False, "distance", score=at, compare=True), right)
    return policy


def threshold(policy: AuditPolicy) -> float:
    return policy.report.threshold


# -- deciding -------------------------------------------------------------------------------------


def test_a_new_policy_serves_nothing_by_meaning_and_compares_what_is_near() -> None:
    """Strict means strict: no evidence, no hit; candidates in reach are compared for free."""
    policy = AuditPolicy(seed=1)
    near = policy.decide(ASKED, candidate(0.01), policy.distance_threshold)
    assert (near.accepted, near.reason, near.compare) == (False, "distance", True)
    far = policy.decide(ASKED, candidate(0.5), policy.distance_threshold)
    assert (far.accepted, far.reason, far.compare) == (False, "distance", False)
    assert str(policy.report) == "threshold 0.000, no evidence yet"


def test_a_vetoed_candidate_is_neither_served_nor_compared() -> None:
    """What a guard refuses is none of the audit's business."""
    policy = taught(AuditPolicy(guards={"never": lambda a, b: math.inf}), 500)
    decision = policy.decide(ASKED, candidate(0.01), 2.0)
    assert (decision.reason, decision.guard, decision.compare) == ("guard", "never", False)


@pytest.mark.parametrize(
    ("limit", "rights", "wrongs", "opens"),
    [
        (0.05, 87, 0, False),
        (0.05, 88, 0, True),
        (0.05, 200, 10, False),
        (0.02, 221, 0, False),
        (0.02, 222, 0, True),
        (0.01, 445, 0, False),
        (0.01, 446, 0, True),
        (0.01, 800, 8, False),
    ],
)
def test_the_upper_bound_and_not_the_mere_rate_opens_the_cache(
    limit: float, rights: int, wrongs: int, opens: bool
) -> None:
    """Few verdicts prove little, and errors have to be outweighed."""
    policy = taught(AuditPolicy(limit, audit_rate=1e-9, guards={}), rights, wrongs)
    decision = policy.decide(ASKED, candidate(0.03), policy.distance_threshold)
    assert decision.accepted is opens
    assert (threshold(policy) > 0) is opens
    if opens:
        assert policy.report.upper_bound <= limit


def test_new_errors_close_it_again() -> None:
    """The threshold follows the evidence in both directions."""
    policy = taught(AuditPolicy(0.05), 100)
    assert threshold(policy) > 0.05
    assert threshold(taught(policy, 0, 10)) == 0
    assert policy.report.error_rate is None


def test_a_wrong_neighbour_keeps_an_entry_to_itself() -> None:
    """The nearer a question with another answer, the smaller the entry's own radius."""
    policy = taught(AuditPolicy(0.05, audit_rate=1e-9, guards={}), 100, at=0.1)

    def decide(radius: float | None) -> Measured:
        return policy.decide(ASKED, candidate(0.08, radius), policy.distance_threshold)

    assert decide(None).accepted
    assert decide(0.5).accepted
    assert decide(0.38).accepted
    assert decide(0.2).reason == decide(0.0).reason == "entry_radius"
    assert decide(0.2).compare


def test_a_call_with_a_smaller_threshold_of_its_own_is_obeyed() -> None:
    """`cache.options(distance_threshold=)` can only make it stricter."""
    policy = taught(AuditPolicy(0.05, audit_rate=1e-9), 100)
    assert policy.decide(ASKED, candidate(0.03), 2.0).accepted
    assert policy.decide(ASKED, candidate(0.03), 0.01).reason == "distance"


def test_the_share_that_is_audited_is_the_one_asked_for_and_repeats_under_a_seed() -> None:
    """Draws are those of the seed, else of nobody; deciding draws nothing."""

    def audited(seed: int | None) -> list[int]:
        policy = AuditPolicy(audit_rate=0.1, mode="observe", seed=seed, guards={})
        near = policy.decide(ASKED, candidate(0.05), policy.distance_threshold)
        assert near.accepted
        return [n for n in range(5000) if policy.audits()]

    assert audited(1) == audited(1)
    assert audited(1) != audited(2) != audited(None) != audited(None)
    assert 430 < len(audited(1)) < 570


def test_a_popular_question_is_audited_like_any_other() -> None:
    """One question with a wrong neighbour, a fifth of the traffic, is found out on every seed."""
    for seed in range(12):
        policy = taught(AuditPolicy(0.02, guards={}, seed=seed), 400, at=0.05)
        chance = random.Random(seed)
        for _ in range(2000):
            popular = chance.random() < 0.2
            at, entry = (0.04, "popular") if popular else (0.05, "e")
            decision = policy.decide(ASKED, candidate(at, entry=entry), 2.0)
            if decision.accepted and not policy.audits():
                policy.served(decision)
            elif decision.accepted or decision.compare:
                policy.judged(decision, not popular)
        assert threshold(policy) <= 0.04


def test_what_is_audited_for_certain_is_said_so() -> None:
    """With a share of 1 nothing is left to chance."""
    policy = AuditPolicy(audit_rate=1, mode="observe", guards={})
    decision = policy.decide(ASKED, candidate(0.05), policy.distance_threshold)
    assert (decision.accepted, decision.reason, decision.compare) == (False, "audit", True)


def test_forked_processes_draw_on_their_own() -> None:
    """Siblings of one parent do not audit the same calls."""
    policy = AuditPolicy(audit_rate=0.5)
    state = policy._chance.getstate()
    policy.start_afresh()
    one = [policy.audits() for _ in range(100)]
    policy._chance.setstate(state)
    policy.start_afresh()
    assert one != [policy.audits() for _ in range(100)]
    seeded = AuditPolicy(audit_rate=0.5, seed=1)
    state = seeded._chance.getstate()
    seeded.start_afresh()
    assert seeded._chance.getstate() == state


def test_observing_changes_nothing_but_the_audited_share() -> None:
    """In mode "observe" the fixed threshold decides, whatever the verdicts and radii say."""
    policy = AuditPolicy(0.01, 1e-9, mode="observe", threshold=0.1, guards={})
    taught(policy, 10, 10)
    decide = policy.decide
    assert decide(ASKED, candidate(0.09, 0.01), 2.0).accepted
    assert decide(ASKED, candidate(0.11), 2.0).reason == "distance"
    report = policy.report
    assert (report.threshold, report.judged, report.wrong) == (0.1, 20, 10)
    assert report.error_rate == 0.5
    assert "error rate 50.00%" in str(report)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_error_rate": 0},
        {"max_error_rate": 1.5},
        {"audit_rate": True},
        {"audit_rate": "5%"},
        {"judge": "gpt"},
        {"mode": "watch"},
        {"explore_up_to": 0},
        {"explore_up_to": 3},
        {"mode": "observe", "threshold": 0.5},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    """A mistake shows at once."""
    with pytest.raises(ConfigurationError):
        AuditPolicy(**arguments)


# -- counting -------------------------------------------------------------------------------------


def test_processes_add_up() -> None:
    """What two policies have drained into one hash, a third one knows."""
    shared: dict[str, int] = {}
    for _ in range(2):
        policy = taught(AuditPolicy(0.05), 50)
        policy.served(Measured(True, "accepted", score=0.05))
        for field, count in policy.drain().items():
            shared[field] = shared.get(field, 0) + count
        assert policy.drain() == {}
        assert threshold(policy) == 0
    third = AuditPolicy(0.05)
    third.absorb(shared)
    assert threshold(third) > 0.05
    assert third.report.judged == 100


def test_counts_of_other_settings_and_nonsense_are_not_mixed_in() -> None:
    """Another reach or mode has bins of another meaning; a hash can contain anything."""
    counts = taught(AuditPolicy(0.05, explore_up_to=0.3), 100).drain()
    counts |= taught(AuditPolicy(mode="observe"), 100).drain()
    policy = AuditPolicy(0.05)
    series = policy._evidence._prefix
    counts |= {f"{series}n3": -5, f"{series}k3": 7, f"{series}x": 3, "": 1}
    policy.absorb(counts)
    assert threshold(policy) == 0
    assert policy.drain() == {}


def test_verdicts_without_a_place_in_the_histogram_are_left_out() -> None:
    """A score beyond the reach, or none, counts nowhere."""
    policy = AuditPolicy()
    policy.judged(Measured(False, "entry_radius", score=7.0, compare=True), False)
    policy.judged(Measured(False, "distance"), True)
    policy.served(Measured(True, "accepted"))
    assert policy.drain() == {}


def test_the_shared_counts_are_due_now_and_then() -> None:
    """Once per interval, whoever asks first."""
    policy = AuditPolicy()
    assert policy.due()
    assert not policy.due()
    policy.start_afresh()
    assert is_learner(policy)
    assert not is_learner(DistancePolicy())


def question_judge(question: str, cached: str, fresh: str) -> bool:
    return cached == fresh


@pytest.mark.parametrize(
    "other",
    [
        {"judge": question_judge},
        {"guards": {}},
        {"mode": "observe"},
        {"explore_up_to": 0.3},
    ],
)
def test_evidence_belongs_to_the_settings_that_it_was_gathered_with(other: dict[str, Any]) -> None:
    """Another judge, other guards, another mode or reach begin without evidence."""
    counts = taught(AuditPolicy(0.05), 200).drain()
    same, changed = AuditPolicy(0.05), AuditPolicy(0.05, **other)
    for policy in (same, changed):
        policy.absorb(counts)
    assert same.report.judged == 200
    assert changed.report.judged == 0


def test_evidence_belongs_to_the_options_of_the_embedder() -> None:
    """The claim of a cache names its embeddings; one policy has one cache."""

    class Embedder:
        def __init__(self, normalized: bool) -> None:
            self.normalized = normalized

    prefixes = []
    for normalized in (True, True, False):
        policy = AuditPolicy()
        policy.claim(Embedder(normalized))
        prefixes.append(policy._evidence._prefix)
        with pytest.raises(ConfigurationError, match="for each cache"):
            policy.claim(Embedder(normalized))
    assert prefixes[0] == prefixes[1] != prefixes[2]


# -- the judge ------------------------------------------------------------------------------------


def hits_with_judge(sensitivity: float, check: bool) -> tuple[int, float, AuditPolicy]:
    """Play 8,000 questions, 1 % of them with a wrong neighbour, and as many identical ones."""
    chance = random.Random(4)
    policy = AuditPolicy(0.05, guards={}, seed=4, check_judge=check)
    hits = wrong = 0
    for _ in range(8000):
        right = chance.random() >= 0.01
        one = policy.decide(ASKED, candidate(chance.random() * 0.15), 2.0)
        if one.accepted and not policy.audits():
            policy.served(one)
            hits, wrong = hits + 1, wrong + (not right)
        else:
            policy.judged(one, right and chance.random() < sensitivity)
        if policy.checks():
            policy.checked(chance.random() < sensitivity)
    return hits, wrong / max(1, hits), policy


def test_a_judge_that_is_nearly_always_right_does_not_switch_the_cache_off() -> None:
    """What it gets wrong is measured on identical questions, taken off, and reported."""
    hits, _, blind = hits_with_judge(0.95, check=False)
    assert hits == 0
    assert blind.report.judge_sensitivity is None
    hits, error, policy = hits_with_judge(0.95, check=True)
    assert hits > 3000
    assert error < 0.05
    report = policy.report
    assert 200 < report.judge_checked <= 1000
    assert report.judge_sensitivity == pytest.approx(0.95, abs=0.02)
    assert f"the judge right in {report.judge_sensitivity:.1%} of" in str(report)
    assert report.error_rate is not None
    assert report.error_rate < 0.03


def test_a_judge_is_checked_only_where_it_matters() -> None:
    """Not before it has called an answer wrong, and no more often than answers were judged."""
    policy = AuditPolicy(seed=1)
    assert not any(policy.checks() for _ in range(100))
    taught(policy, 20)
    assert not any(policy.checks() for _ in range(100))
    taught(policy, 0, 1)
    asked = sum(policy.checks() for _ in range(1000))
    assert 150 < asked < 250
    for _ in range(21):
        policy.checked(True)
    assert not any(policy.checks() for _ in range(100))
    assert not any(taught(AuditPolicy(check_judge=False), 0, 9).checks() for _ in range(100))


def test_checks_are_shared_and_fade() -> None:
    """They go the way of the other counts, but survive an alarm."""
    policy, other = taught(AuditPolicy(), 100), AuditPolicy()
    for n in range(3000):
        policy.checked(n % 10 > 0)
    other.absorb(policy.drain())
    for one in (policy, other):
        assert 1000 <= one.report.judge_checked <= 2000
        assert one.report.judge_sensitivity == pytest.approx(0.9, abs=0.01)
    other._evidence.forget()
    assert other.report.judge_sensitivity == pytest.approx(0.9, abs=0.01)


# -- ageing ---------------------------------------------------------------------------------------


def test_what_becomes_wrong_after_long_being_right_is_noticed_soon() -> None:
    """After 100,000 right verdicts, everything wrong: it closes within some dozen answers."""
    for seed in range(3):
        policy = AuditPolicy(0.02, guards={}, seed=seed)
        chance = random.Random(seed)
        for _ in range(100_000):
            policy._evidence.judged(chance.random() * 0.15, True)
        assert threshold(policy) > 0.1
        served = 0
        while threshold(policy):
            one = policy.decide(ASKED, candidate(chance.random() * 0.14), 2.0)
            if one.accepted and not policy.audits():
                policy.served(one)
                served += 1
            else:
                policy.judged(one, False)
        assert served < 250
        assert policy.report.judged < 20


@pytest.mark.parametrize("after", [0.03, 0.06, 0.3])
def test_drift_half_way_keeps_the_bound(after: float) -> None:
    """Simulated: 0.5 % wrong, then more than is allowed; of all that was served 2 % was wrong."""
    kept = 0
    for seed in range(4):
        chance = random.Random(seed)
        policy = AuditPolicy(0.02, guards={}, seed=seed)
        hits = wrong = 0
        for n in range(12_000):
            right = chance.random() >= (0.005 if n < 6000 else after)
            one = policy.decide(ASKED, candidate(chance.random() * 0.2), 2.0)
            if one.accepted and not policy.audits():
                policy.served(one)
                hits, wrong = hits + 1, wrong + (not right)
            else:
                policy.judged(one, right)
        kept += wrong <= 0.02 * hits
        assert hits
    assert kept >= 3


def test_an_alarm_in_one_process_is_heard_in_the_others() -> None:
    """Forgotten is the shared evidence; the next counts take it back."""
    shared: dict[str, int] = {}

    def exchange(policy: AuditPolicy) -> None:
        for field, count in policy.drain().items():
            shared[field] = max(0, shared.get(field, 0) + count)

    one, other = AuditPolicy(0.05, guards={}), AuditPolicy(0.05, guards={})
    exchange(taught(one, 300))
    other.absorb(shared)
    assert threshold(other) > 0
    exchange(taught(one, 0, 5))
    assert threshold(one) == 0
    other.absorb(shared)
    assert threshold(other) == 0
    assert other.report.judged < 5


def test_verdicts_of_other_processes_raise_the_alarm_too() -> None:
    """What is absorbed is watched as well as what is judged here, but not a first reading."""
    shared = taught(AuditPolicy(0.05, guards={}), 300).drain()
    policy = AuditPolicy(0.05, guards={})
    policy.absorb(shared)
    assert threshold(policy) > 0
    for field, count in taught(AuditPolicy(0.05, guards={}), 0, 6).drain().items():
        shared[field] = shared.get(field, 0) + count
    policy.absorb(shared)
    assert (threshold(policy), policy.report.judged) == (0, 0)


# -- end to end ------------------------------------------------------------------------------------


def test_a_stream_is_served_with_no_more_errors_than_allowed() -> None:
    """End to end without a server: the threshold settles where the error rate permits."""
    for limit in (0.02, 0.05):
        chance = random.Random(5)
        policy = AuditPolicy(limit, guards={}, seed=3)
        hits = wrong = 0
        for n in range(12_000):
            at = chance.random() * 0.4
            right = chance.random() >= 0.15 * (at / 0.4) ** 2
            one = candidate(at, entry=f"e{n}")
            decision = policy.decide(ASKED, one, policy.distance_threshold)
            if decision.accepted and not policy.audits():
                policy.served(decision)
                hits, wrong = hits + 1, wrong + (not right)
            elif decision.accepted or decision.compare:
                policy.judged(decision, right)
        assert wrong / hits <= limit
        assert hits > 2000
