"""Which neighbours vouch for a question, whose answers are compared, and how groups grow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import Agreement, AuditPolicy, Candidate, DistancePolicy
from langchain_redis_semcache.policies.agreement import Witness, group_of, groups

NEAR = DistancePolicy(0.10)


def candidate(entry: str, distance: float = 0.2, group: str = "", question: str = "q") -> Candidate:
    fields = {b"group": group.encode()} if group else {}
    return Candidate(entry, question, distance, None, fields)


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
        ({"policy": AuditPolicy()}, "must be one that decides by itself"),
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
