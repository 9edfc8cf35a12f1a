"""Which neighbours vouch for a question, whose answers are compared, and how groups grow."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import Agreement, AuditPolicy, Candidate, DistancePolicy
from langchain_redis_semcache.policies.agreement import Witness, group_of, groups
from langchain_redis_semcache.policies.decision import Measured

NEAR = DistancePolicy(0.10)


def candidate(entry: str, distance: float = 0.2, group: str = "", question: str = "") -> Candidate:
    fields = {b"group": group.encode()} if group else {}
    return Candidate(entry, question or f"word{entry}", distance, None, fields)


@pytest.mark.parametrize(
    ("distance", "cached", "call", "accepted", "witness", "reason"),
    [
        (0.10, "Open the account", 0.30, True, False, "accepted"),
        (0.11, "Open the account", 0.30, False, True, "no_agreement"),
        (0.30, "Open the account", 0.30, False, True, "no_agreement"),
        (0.31, "Open the account", 0.30, False, False, "distance"),
        (0.20, "Open 2 accounts", 0.30, False, False, "guard"),
        (0.20, "Open the account", 0.15, False, False, "distance"),
    ],
)
def test_witnesses(
    distance: float, cached: str, call: float, accepted: bool, witness: bool, reason: str
) -> None:
    """Near ones are the other policy's, vetoed and far ones nobody's, the rest may vouch."""
    decision = Agreement(NEAR).decide("Open an account", candidate("e", distance, "", cached), call)
    assert (decision.accepted, isinstance(decision, Witness)) == (accepted, witness)
    assert decision.reason == reason


@pytest.mark.parametrize(
    ("nearest", "agreed"),
    [
        ("aaa", True),
        ("aaab", True),
        ("aab", False),
        ("baaa", False),
        ("aa", False),
        ("", False),
        ("   ", False),
        ("aa ", False),
    ],
)
def test_agreed(nearest: str, agreed: bool) -> None:
    """The three nearest must belong to one group; then the nearest is served."""
    found = [candidate(str(n), 0.2, g.strip()) for n, g in enumerate(nearest)]
    assert Agreement(NEAR).agreed(found) == (found[0] if agreed else None)


def test_more_witnesses() -> None:
    """As many as were wished."""
    found = [candidate(str(n), 0.2, "a") for n in range(4)]
    assert Agreement(NEAR, witnesses=4).agreed(found) is found[0]
    assert Agreement(NEAR, witnesses=5).agreed(found) is None


def test_wordings_of_one_question_are_one_witness() -> None:
    """However often one question was reworded, it does not vouch for another one."""
    wordings = (
        "What is a return ticket?",
        "Please tell me: what's a return ticket",
        "return tickets",
    )
    found = [candidate(str(n), 0.2, "a", question) for n, question in enumerate(wordings)]
    assert Agreement(NEAR).agreed(found) is None
    others = [candidate(str(n), 0.25, "a") for n in (3, 4)]
    assert Agreement(NEAR).agreed(found + others) is found[0]


def test_neighbours_within_reach_vouch() -> None:
    """Those that are farther do not, though an audit looks at them."""
    policy = Agreement(AuditPolicy(explore_up_to=0.4), up_to=0.3)
    found = [candidate(str(n), distance, "a") for n, distance in enumerate((0.1, 0.3, 0.31))]
    assert policy.agreed(found) is None
    assert policy.agreed([*found[:2], candidate("2", 0.3, "a")]) is found[0]


def audited(*verdicts: bool, at: float) -> AuditPolicy:
    policy = AuditPolicy(0.05, audit_rate=1e-9, guards={})
    for right in verdicts:
        policy.judged(Measured(False, "distance", score=at, compare=True), right)
    return policy


def test_an_audit_decides_what_is_served() -> None:
    """Without evidence nothing is, and with it neighbours that agree halve the distance."""
    found = [candidate(str(n), 0.15, "a") for n in range(3)]
    for audit, together, alone in (
        (audited(at=0.1), False, False),
        (audited(*[True] * 100, at=0.09), True, False),
        (audited(*[True] * 100, at=0.19), True, True),
    ):
        policy = Agreement(audit)
        assert isinstance(policy.decide("q", found[0], policy.distance_threshold), Witness)
        for witnesses, served in ((found, together), (found[:2], alone)):
            settled = policy.settle("q", witnesses, policy.distance_threshold)
            assert settled is not None
            one, decision = settled
            assert one is found[0]
            assert decision.accepted is served
            assert isinstance(decision, Measured)
            assert decision.score == pytest.approx(0.075 if witnesses is found else 0.15)
            assert decision.compare is not served


def test_what_nobody_is_near_is_nobody_s() -> None:
    """Without a candidate there is nothing to decide, and a veto stays one beside an audit."""
    policy = Agreement(AuditPolicy(guards={"never": lambda a, b: math.inf}))
    assert policy.settle("q", [], 1.0) is None
    assert policy.decide("q", candidate("e"), 1.0).reason == "guard"
    assert Agreement(NEAR).settle("q", [], 1.0) is None


@pytest.mark.parametrize("seed", range(3))
def test_beside_an_audit_the_bound_holds(seed: int) -> None:
    """Of what is served no more is wrong than allowed, agreement being right more often or not."""
    chance = random.Random(seed)
    policy = Agreement(AuditPolicy(0.05, 0.05, guards={}, seed=seed))
    audit = policy.learner
    assert audit is not None
    served = wrong = 0
    for _ in range(6000):
        distance, alike = chance.random() * 0.3, chance.random() < 0.5
        right = chance.random() >= distance * (0.2 if alike and seed else 0.6)
        found = [candidate(str(n), distance, "a" if alike else "") for n in range(3)]
        settled = policy.settle("q", found, 1.0)
        assert settled is not None
        decision = settled[1]
        assert isinstance(decision, Measured)
        if decision.accepted and not audit.audits():
            audit.served(decision)
            served, wrong = served + 1, wrong + (not right)
        else:
            audit.judged(decision, right)
    assert served > 1000
    assert wrong <= 0.05 * served


def test_compared_once_for_each_group() -> None:
    """What a group says is asked of its nearest; who belongs to none is asked himself."""
    found = [candidate(str(n), 0.2, g.strip()) for n, g in enumerate("aa b a")]
    policy = Agreement(NEAR)
    assert [one.entry for one in policy.to_compare(found)] == ["0", "2", "3"]
    never = Agreement(NEAR, share=1e-9)
    assert never.to_compare(found) == []


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=4))
def test_groups(names: list[str]) -> None:
    """Equal answers end up in one group, that of the nearest that has one; others are untouched."""
    equal = [candidate(str(n), 0.2, group) for n, group in enumerate(names)]
    changed = groups("new", equal)
    assert bool(changed) is bool(equal)
    after = {one.entry: changed.get(one.entry, group_of(one)) for one in equal}
    after |= {"new": changed.get("new", "")} if equal else {}
    assert len(set(after.values())) <= 1
    first = next((name for name in names if name), "new")
    assert set(after.values()) <= {first}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": 0.1}, r"Agreement\(DistancePolicy\(0\.10\)\)"),
        ({"policy": AuditPolicy(), "judge": lambda q, c, f: True}, r"AuditPolicy\(judge=\.\.\.\)"),
        ({"policy": Agreement(NEAR)}, "must be one that decides by itself"),
        ({"up_to": 3}, "up_to must be a cosine distance"),
        ({"witnesses": 1}, "witnesses must be 2 or more"),
        ({"witnesses": True}, "witnesses must be 2 or more"),
        ({"judge": "gpt"}, "judge must be callable"),
        ({"share": 0}, "share must be above 0"),
        ({"share": 2}, "share must be above 0"),
    ],
)
def test_nonsense(arguments: dict[str, Any], message: str) -> None:
    """An argument that makes no sense is refused by name, with what to write."""
    with pytest.raises(ConfigurationError, match=message):
        Agreement(**{"policy": NEAR, **arguments})
