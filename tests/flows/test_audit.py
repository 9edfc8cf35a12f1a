"""The cache's side of an audit: what is compared when, by whom, and what is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_redis_semcache._effects import (
    Ask,
    AskFailedError,
    Embed,
    EmbeddingUnavailableError,
    ErrorReply,
    RedisUnavailableError,
    Send,
    Work,
)
from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.schema import Schema
from langchain_redis_semcache.events import Audited, Event, Failed
from langchain_redis_semcache.flows.audit import CHECK, Learning
from langchain_redis_semcache.policies import AuditPolicy, Candidate
from langchain_redis_semcache.policies.decision import Decision, Measured
from langchain_redis_semcache.reporting.reporter import Reporter

ASKED = "Which city serves as the capital?"


def threshold(policy: AuditPolicy) -> float:
    return policy.report.threshold


class FakeCalls:
    """As much of `Calls` as learning needs."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reporter = Reporter("test", [self.events.append])
        self.settings = self
        self.schema = Schema("app", "model", "float32", "hnsw")
        self.signer: Any = None

    def failed(self, operation: Any, stage: str, error: str) -> None:
        self.reporter.emit(Failed(operation, stage, error))


def told(text: str, **fields: Any) -> list[ChatGeneration]:
    return [ChatGeneration(message=AIMessage(text, **fields))]


def pending(
    answer: Sequence[Any] | bytes, reason: str = "distance"
) -> tuple[str, Candidate, Measured]:
    data = answer if isinstance(answer, bytes) else encode(answer)
    decision = Measured(False, reason, score=0.1, compare=True)
    return ASKED, Candidate("app::x:cached", "?", 0.1, None, {b"response": data}), decision


def compared(learning: Learning, fresh: Sequence[Any], replies: Iterator[Any]) -> list[Any]:
    """Run a comparison with these replies; return what was requested."""
    requests: list[Any] = []
    inner: Any = learning.compare("app::x:fresh", fresh, {})
    if inner is None:
        return requests
    try:
        request = next(inner)
        while True:
            requests.append(request)
            reply: Any = done(request) if isinstance(request, Work) else next(replies)
            raised = isinstance(reply, Exception)
            request = inner.throw(reply) if raised else inner.send(reply)
    except StopIteration:
        return [r for r in requests if not isinstance(r, Work)]


def done(work: Work) -> Any:
    try:
        return work.function()
    except Exception as error:
        return error


SUSPENDED = EmbeddingUnavailableError("suspended", suspended=True)
CALL = {"name": "send", "args": {}, "id": "1"}


@pytest.mark.parametrize(
    ("cached", "fresh", "replies", "verdict"),
    [
        ("Paris.", "paris", [[1]], True),
        ("Paris", "Lyon", [[1.0, 0.0], [0.0, 1.0], [1]], False),
        ("Paris", "It is Paris", [[1.0, 0.0], [2.0, 0.1], [1]], True),
        ("Paris", "Lyon", [[1.0, 0.0], [1.0]], None),
        ("Paris", "Lyon", [SUSPENDED], None),
        ("Paris", "Lyon", [[1.0, 0.0], "no vector"], None),
        ("Paris", " ", [], None),
    ],
)
def test_the_default_judge_compares_texts_and_then_embeddings(
    cached: str, fresh: str, replies: list[Any], verdict: bool | None
) -> None:
    """The same words are right without an embedding; what cannot be compared is no verdict."""
    calls: Any = FakeCalls()
    one = Learning(calls, AuditPolicy())
    one.remember("app::x:fresh", *pending(told(cached)))
    requests = compared(one, told(fresh), iter(replies))
    found = [event.right for event in calls.events if isinstance(event, Audited)]
    assert found == ([] if verdict is None else [verdict])
    assert all(isinstance(request, (Embed, Send)) for request in requests)


@pytest.mark.parametrize(
    ("cached", "fresh"),
    [
        (told("", tool_calls=[CALL]), told("Paris")),
        (told("Paris"), told("", tool_calls=[CALL])),
        (b"not json", told("Paris")),
        (told(""), told("Paris")),
    ],
)
def test_what_cannot_be_an_answer_is_not_compared(cached: Any, fresh: Any) -> None:
    """Tool calls, unreadable entries and empty answers say nothing about meaning."""
    calls: Any = FakeCalls()
    one = Learning(calls, AuditPolicy())
    one.remember("app::x:fresh", *pending(cached))
    assert compared(one, fresh, iter([])) == []
    assert calls.events == []


@pytest.mark.parametrize(
    ("right", "counted"),
    [(True, ["m", "n"]), (False, ["m", "n", "k"])],
)
def test_a_verdict_is_one_round_trip(right: bool, counted: list[str]) -> None:
    """Counts go to one hash beside the entries; a wrong one narrows both entries as well."""
    calls: Any = FakeCalls()
    one = Learning(calls, AuditPolicy(judge=lambda *texts: right))
    one.remember("app::x:fresh", *pending(told("Paris"), "audit"))
    ask, send = compared(one, told("Lyon"), iter([right, [1]]))
    assert isinstance(ask, Ask)
    assert ask.subject(*ask.arguments) is right
    assert send.write
    (eval_, _, _, key, *pairs), *narrowed = send.commands
    assert (eval_, key) == ("EVAL", one._key)
    assert [field.split(":")[-1][0] for field in pairs[2::2]] == counted
    assert pairs[3::2] == [1] * len(counted)
    assert [command[3] for command in narrowed] == (
        [] if right else ["app::x:cached", "app::x:fresh"]
    )
    assert not one._key.startswith(calls.schema.prefix)
    assert one._key.startswith(calls.schema.root)
    assert calls.events == [Audited(right, 0.1, "app::x:cached", "audit")]
    assert compared(one, told("Lyon"), iter([])) == []


@pytest.mark.parametrize(
    ("replies", "stage"),
    [
        ([AskFailedError("TimeoutError")], "judge"),
        ([True, RedisUnavailableError("ConnectionError")], "audit"),
        ([True, [1, ErrorReply("NOPERM", "NOPERM no")]], "audit"),
    ],
)
def test_what_fails_is_reported_and_no_more(replies: list[Any], stage: str) -> None:
    """Neither a judge nor Redis can do more harm than to leave less evidence."""
    calls: Any = FakeCalls()
    one = Learning(calls, AuditPolicy(judge=lambda *texts: True))
    one.remember("app::x:fresh", *pending(told("Paris")))
    compared(one, told("Lyon"), iter(replies))
    assert [e.stage for e in calls.events if isinstance(e, Failed)] == [stage]


@pytest.mark.parametrize("right", [True, False])
def test_a_check_of_the_judge_is_told_apart_from_an_audit(right: bool) -> None:
    """It counts for the judge, and no entry keeps away from itself."""
    calls: Any = FakeCalls()
    policy = AuditPolicy(judge=lambda *texts: right)
    one = Learning(calls, policy)
    found = Candidate("app::x:fresh", ASKED, 0.0, None, {b"response": encode(told("Paris"))})
    one.remember("app::x:fresh", ASKED, found, CHECK)
    _, send = compared(one, told("Lyon"), iter([right, [1]]))
    assert [command[0] for command in send.commands] == ["EVAL"]
    assert policy.report.judge_sensitivity == float(right)
    assert policy.report.judged == 0
    assert [event.why for event in calls.events if isinstance(event, Audited)] == ["check"]
    assert not calls.reporter.stats().audited


@pytest.mark.parametrize("right", [True, False])
def test_with_a_signing_key_only_a_process_s_own_evidence_counts(right: bool) -> None:
    """Sums of all processes cannot be signed: they are neither read nor written."""
    calls: Any = FakeCalls()
    calls.signer = object()
    policy = AuditPolicy(judge=lambda *texts: right)
    one = Learning(calls, policy)
    assert one.refresh() == []
    one.remember("app::x:fresh", *pending(told("Paris")))
    _, *sent = compared(one, told("Lyon"), iter([right, [1]]))
    assert [c[3] for s in sent for c in s.commands] == (
        [] if right else ["app::x:cached", "app::x:fresh"]
    )
    assert policy.drain() != {}  # kept here: what has been sent elsewhere is not counted twice


def test_a_hit_is_audited_by_chance_and_anew_at_every_call() -> None:
    """One draw per hit; what measures nothing is left as it is."""
    calls: Any = FakeCalls()
    one = Learning(calls, AuditPolicy(audit_rate=0.5, seed=3))
    hit = Measured(True, "accepted", score=0.1)
    drawn = [one.drawn(hit) for _ in range(50)]
    assert {d.reason for d in drawn} == {"accepted", "audit"}
    for decision in drawn:
        assert isinstance(decision, Measured)
        assert decision.compare is not decision.accepted
        assert decision.score == 0.1
    plain = Decision(True, "accepted")
    assert all(one.drawn(plain) is plain for _ in range(50))


@pytest.mark.parametrize(
    ("reply", "judged"),
    [
        ({b"%sn10": b"99", b"%sm10": b"99"}, True),
        ([b"%sn10", b"99", b"%sm10", b"99"], True),
        ([b"%sn10", b"many", b"odd"], False),
        ([b"%sn10", b"9" * 5000, b"%sm10", b"9" * 5000], False),
        (ErrorReply("WRONGTYPE", "WRONGTYPE"), False),
        (None, False),
    ],
)
def test_the_shared_counts_are_read_in_both_protocols(reply: Any, judged: bool) -> None:
    """And whatever else is stored there is no evidence."""
    calls: Any = FakeCalls()
    policy = AuditPolicy(0.05)
    one = Learning(calls, policy)
    assert one.refresh() == [("HGETALL", one._key)]
    assert one.refresh() == []
    series = policy._evidence._prefix.encode()
    if isinstance(reply, dict):
        reply = {field.replace(b"%s", series): count for field, count in reply.items()}
    elif isinstance(reply, list):
        reply = [part.replace(b"%s", series) for part in reply]
    one.absorb(reply)
    assert (threshold(policy) > 0) is judged
