"""Neighbours that were answered alike answer a question; those that were not, do not."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache._effects import AskFailedError, ErrorReply, RedisUnavailableError
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Audited, Failed, Hit, Miss
from langchain_redis_semcache.policies import Agreement, AuditPolicy, DistancePolicy
from langchain_redis_semcache.policies.decision import Measured
from tests.lab import MODEL, BehindTheCall, Lab, World, chat, direction, run

# 0.06 apart from each other at least (20 degrees), and within 0.3 (45 degrees) of the last.
QUESTIONS = {"one": direction(0), "two": direction(20), "three": direction(-20)}
NEW = "new"
VECTORS: dict[str, Any] = {**QUESTIONS, NEW: direction(40)}


def alike(question: str, cached: str, fresh: str) -> bool:
    return cached == fresh


def lab(**changes: Any) -> Lab:
    policy = Agreement(DistancePolicy(0.05, {}), up_to=0.6, judge=alike)
    return Lab(World(vectors=dict(VECTORS)), policy=policy, **changes)


def ask(one: Lab, question: str, answer: str, world: BehindTheCall | None = None) -> Any:
    """Ask a question as LangChain does; return what the cache answered."""
    world = world or BehindTheCall(one, alike)
    found = one.lookup(chat(question), answer=world)
    if found is None:
        one.update(chat(question), [Generation(text=answer)], answer=world)
    return found and found[0].text


@pytest.mark.parametrize("key", [None, "k" * 16])
def test_agreement(key: str | None) -> None:
    """Three neighbours with one answer give it to a question that none is near enough to alone."""
    one = lab(signer=None if key is None else Signer(key))
    for question in QUESTIONS:
        assert ask(one, question, "same") is None
    assert ask(one, NEW, "other") == "same"
    assert isinstance(one.last, Hit)
    assert one.last.kind == "semantic"
    assert one.last.distance == pytest.approx(1 - direction(20)[0])


def test_no_agreement() -> None:
    """One neighbour with another answer is enough to ask the model."""
    one = lab()
    for question, answer in zip(QUESTIONS, ("same", "same", "other"), strict=True):
        ask(one, question, answer)
    assert ask(one, NEW, "same") is None
    assert [e.reason for e in one.events if isinstance(e, Miss)][-1] == "no_agreement"


@pytest.mark.parametrize("withdrawn", ["deleted", "replaced"])
def test_a_withdrawn_answer_leaves_its_group(withdrawn: str) -> None:
    """What was deleted or overwritten vouches for nothing."""
    one = lab()
    for question in QUESTIONS:
        ask(one, question, "same")
    entry = next(k for k in one.world.hashes if one.world.hashes[k]["prompt"] == b"two")
    if withdrawn == "deleted":
        del one.world.hashes[entry]
    else:
        one.update(chat("two"), [Generation(text="another")], answer=one.world)
    assert ask(one, NEW, "same") is None


def test_replaced_while_being_compared() -> None:
    """An answer that is not the one that was compared joins no group."""
    one = lab()
    ask(one, "one", "same")

    def meanwhile(question: str, cached: str, fresh: str) -> bool:
        one.update(chat("one"), [Generation(text="another")], answer=one.world)
        return True

    ask(one, "two", "same", BehindTheCall(one, meanwhile))
    grouped = [e["prompt"] for e in one.world.hashes.values() if "group" in e]
    assert grouped == [b"two"]


def test_forged_groups() -> None:
    """With a key nobody else can put an answer into a group, or a group into an answer."""
    one = lab(signer=Signer("k" * 16))
    for question in QUESTIONS:
        one.update(chat(question), [Generation(text=question)], answer=one.world)
    for entry in one.world.hashes.values():
        entry["group"] = b"forged"
        entry["group_signature"] = b"0" * 64
    assert ask(one, NEW, "other") is None


@pytest.mark.parametrize(
    ("verdict", "behind", "stage"),
    [
        (AskFailedError("TimeoutError"), None, "judge"),
        (True, ("EVAL", RedisUnavailableError("ConnectionError")), "agreement"),
        (True, ("EVAL", ErrorReply("NOPERM", "NOPERM")), "agreement"),
    ],
)
def test_what_fails_is_reported_and_no_more(verdict: Any, behind: Any, stage: str) -> None:
    """Neither a judge nor Redis can do more harm than to leave fewer witnesses."""
    one = lab()
    ask(one, "one", "same")
    world = BehindTheCall(one, verdict)
    world.behind = behind
    ask(one, "two", "same", world)
    assert [e.stage for e in one.events if isinstance(e, Failed)] == [stage]
    assert not [entry for entry in one.world.hashes.values() if "group" in entry]


def test_every_comparison_is_an_event() -> None:
    """Who counts what a judge costs sees each of its verdicts."""
    one = lab()
    for question, answer in zip(QUESTIONS, ("same", "same", "other"), strict=True):
        ask(one, question, answer)
    verdicts = [(e.right, e.why) for e in one.events if isinstance(e, Audited)]
    assert verdicts == [(True, "agreement"), (False, "agreement")]


def test_looking_is_without_effect() -> None:
    """`explain` shows the witnesses and has nobody's answers compared."""
    one = lab()
    ask(one, "one", "same")
    options = one.options.current()
    result = run(one.core.look(chat("two"), MODEL, options), one.world)
    assert [near.reason for near in result.judged] == ["no_agreement"]
    one.update(chat("two"), [Generation(text="same")], answer=BehindTheCall(one, alike))
    assert not [e for e in one.events if isinstance(e, Audited)]


def audited() -> Lab:
    """A cache whose audit has seen nothing yet."""
    audit = AuditPolicy(0.05, audit_rate=1e-9, judge=alike, guards={}, explore_up_to=0.7)
    return Lab(World(vectors=dict(VECTORS)), policy=Agreement(audit, up_to=0.7))


def learned(one: Lab, rights: int) -> None:
    """Give the audit so many right answers at a distance of 0.1."""
    policy = one.core.settings.policy
    assert isinstance(policy, Agreement)
    assert policy.learner is not None
    for _ in range(rights):
        policy.learner.judged(Measured(False, "distance", score=0.1, compare=True), True)


# 32 degrees from the nearest: 0.15, which is more than 0.14, up to where that evidence opens.
FARTHER = direction(52)


@pytest.mark.parametrize(
    ("rights", "last", "reason"),
    [(0, "same", "distance"), (200, "same", None), (200, "other", "distance")],
)
def test_beside_an_audit(rights: int, last: str, reason: str | None) -> None:
    """Neighbours that agree count as nearer once there is evidence, and nothing counts before."""
    one = audited()
    one.world.vectors["farther"] = FARTHER
    for question, answer in zip(QUESTIONS, ("same", "same", last), strict=True):
        ask(one, question, answer)
    learned(one, rights)
    found = ask(one, "farther", "same")
    assert found == (None if reason else "same")
    if reason:
        assert [e.reason for e in one.events if isinstance(e, Miss)][-1] == reason


def test_beside_an_audit_a_pair_is_compared_once() -> None:
    """What the audit has asked the judge, the neighbours are not asked again."""
    one = audited()
    asked: list[tuple[str, str]] = []

    def judge(question: str, cached: str, fresh: str) -> bool:
        asked.append((question, cached))
        return cached == fresh

    for question, answer in zip(QUESTIONS, ("first", "second", "third"), strict=True):
        ask(one, question, answer, BehindTheCall(one, judge))
    assert sorted(asked) == [("three", "first"), ("three", "second"), ("two", "first")]
    verdicts = [(e.why, e.right) for e in one.events if isinstance(e, Audited)]
    assert verdicts == [("explore", False), ("explore", False), ("agreement", False)]


def test_an_audited_hit_is_a_miss() -> None:
    """A share of what neighbours vouch for is answered by the model, and compared."""
    one = audited()
    for question in QUESTIONS:
        ask(one, question, "same")
    learned(one, 200)
    policy = one.core.settings.policy
    assert isinstance(policy, Agreement)
    assert policy.learner is not None
    policy.learner.audit_share = 1.0
    assert ask(one, NEW, "same") is None
    assert [e.why for e in one.events if isinstance(e, Audited)].count("audit") == 1
