"""Second opinions without a server: bands, verdicts, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from pydantic import Field

from langchain_redis_semcache._effects import (
    Ask,
    AskFailedError,
    ErrorReply,
    RedisUnavailableError,
    Send,
)
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.events import Event, Failed, Reporter, Verified
from langchain_redis_semcache.flows.calls import Asked
from langchain_redis_semcache.flows.options import CallOptions
from langchain_redis_semcache.flows.verify import Doubtful, verified, verified_later
from langchain_redis_semcache.policies import (
    AuditPolicy,
    Candidate,
    ChatModelJudge,
    ChatModelVerifier,
    CrossEncoderVerifier,
    DistancePolicy,
    VerifyPolicy,
)
from langchain_redis_semcache.policies.verify import Verification, usable
from langchain_redis_semcache.question.prompt import Question

# -- the band -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "cached", "call", "accepted", "verify", "reason"),
    [
        (0.04, "Open the account", 0.25, True, False, "accepted"),
        (0.05, "Open the account", 0.25, True, False, "accepted"),
        (0.06, "Open the account", 0.25, False, True, "would_be_verified"),
        (0.25, "Open the account", 0.25, False, True, "would_be_verified"),
        (0.26, "Open the account", 0.25, False, False, "distance"),
        (0.10, "Open 2 accounts", 0.25, False, False, "guard"),
        (0.04, "Open 2 accounts", 0.25, False, False, "guard"),
        (0.10, "Open the account", 0.08, False, False, "distance"),
        (0.06, "Open the account", 0.08, False, True, "would_be_verified"),
    ],
)
def test_only_the_band_is_verified(
    distance: float, cached: str, call: float, accepted: bool, verify: bool, reason: str
) -> None:
    """Nearer ones are the policy's, farther ones nobody's; vetoes and the call's limit stand."""
    policy = VerifyPolicy(DistancePolicy(0.15), (0.05, 0.25))
    assert policy.distance_threshold == 0.25
    decision = policy.decide("Open an account", Candidate("e", cached, distance), call)
    assert (decision.accepted, decision.verify, decision.reason) == (accepted, verify, reason)


def test_what_the_policy_refuses_below_the_band_may_be_verified() -> None:
    """A policy stricter than the band leaves the question to the verifier."""
    policy = VerifyPolicy(DistancePolicy(0.01), (0.05, 0.25))
    assert policy.decide("a b", Candidate("e", "b c", 0.03), 0.25).verify


@pytest.mark.parametrize("between", [(0.2, 0.1), (0.1, 0.1), (0.1,), "ab", (-1, 0.2), (0, 3), None])
def test_a_band_that_is_none_is_refused(between: Any) -> None:
    """Two distances, the smaller one first."""
    with pytest.raises(ConfigurationError, match=r"\(0.05, 0.25\)|cosine distance"):
        VerifyPolicy(DistancePolicy(), between)


def test_an_audit_and_a_verifier_are_not_combined() -> None:
    """The audit would measure something other than what is served."""
    with pytest.raises(ConfigurationError, match="cannot be combined"):
        VerifyPolicy(AuditPolicy(), (0.05, 0.25))


# -- who is asked ---------------------------------------------------------------------------------


class Structured(FakeListChatModel):
    """A chat model whose structured output is given."""

    responses: list[str] = Field(default_factory=list)
    verdict: Any = None
    seen: list[Any] = Field(default_factory=list)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        def reply(messages: Any) -> Any:
            self.seen.append((self.cache, messages))
            return schema(verdict=self.verdict) if isinstance(self.verdict, bool) else self.verdict

        return RunnableLambda(reply)


@pytest.mark.parametrize(
    ("verdict", "expected"), [(True, True), (False, False), (None, False), ({"verdict": 1}, False)]
)
async def test_a_chat_model_has_to_say_yes_clearly(verdict: Any, expected: bool) -> None:
    """Anything but the structured yes is a no, asked either way."""
    model = Structured(verdict=verdict)
    verifier, judge = ChatModelVerifier(model), ChatModelJudge(model)
    assert verifier.verify("B?", "A?", "answer") is expected
    assert await verifier.averify("B?", "A?", "answer") is expected
    assert judge("A?", "one", "other") is expected
    assert await judge.ajudge("A?", "one", "other") is expected
    assert len(model.seen) == 4


def test_a_chat_model_sees_both_questions_and_the_answer_and_no_cache() -> None:
    """Its own prompts all look alike: a semantic cache must not answer them."""
    model = Structured(verdict=True)
    ChatModelVerifier(model).verify("asked", "cached", "the answer")
    ((cache, (_, (_, text))),) = model.seen
    assert cache is False
    assert text.index("cached") < text.index("the answer") < text.index("asked")


def test_a_model_that_is_no_langchain_class_will_do() -> None:
    """Only `with_structured_output` is needed."""

    class Plain:
        def with_structured_output(self, schema: Any) -> Any:
            return RunnableLambda(lambda messages: schema(verdict=True))

    model: Any = Plain()
    assert ChatModelVerifier(model).verify("B?", "A?", "answer")


def test_a_model_without_structured_output_is_refused() -> None:
    """At once, not at the first call."""
    model: Any = object()
    with pytest.raises(ConfigurationError):
        ChatModelVerifier(model)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.95, 0.9], True), ([0.95, 0.89], False), ([0.95], False), ([float("nan")] * 2, False)],
)
def test_a_cross_encoder_has_to_agree_both_ways(scores: list[float], expected: bool) -> None:
    """Both orders of the two questions are scored in one call."""
    seen: list[Any] = []

    def score(pairs: Any) -> list[float]:
        seen.extend(pairs)
        return scores

    assert CrossEncoderVerifier(score, 0.9).verify("a", "b", "answer") is expected
    assert seen == [("a", "b"), ("b", "a")]
    with pytest.raises(ConfigurationError):
        CrossEncoderVerifier(None)  # type: ignore[arg-type]


# -- what is usable ------------------------------------------------------------------------------


def test_what_cannot_be_called_is_not_usable() -> None:
    """Neither a string nor an object without the method."""
    assert not usable("verifier", "verify")
    assert not usable(object(), "verify")
    assert usable(len, "verify")


# -- the verdict and what follows -----------------------------------------------------------------

DOUBTFUL = Doubtful("app::x:cached", "A?", 0.1, "answer")
STORED = [b"data", b"1.0", None, b"model", None, None]


class FakeCalls:
    """As much of `Calls` as a verification needs."""

    def __init__(self, key: str | None = None) -> None:
        self.events: list[Event] = []
        self.reporter = Reporter("test", [self.events.append])
        self.settings = self
        self.signer = None if key is None else Signer(key)

    def failed(self, operation: Any, stage: str, error: str) -> None:
        self.reporter.emit(Failed(operation, stage, error))


def played(flow: Any, *replies: Any) -> tuple[list[Any], Any]:
    """Run a flow with these replies; return what was requested and the result."""
    requests, left = [], iter(replies)
    try:
        request = next(flow)
        while True:
            requests.append(request)
            reply = next(left)
            raised = isinstance(reply, Exception)
            request = flow.throw(reply) if raised else flow.send(reply)
    except StopIteration as stop:
        return requests, stop.value


ASKED = Asked(Question("B?", "", None), "scope", "app::x:asked", "", CallOptions())


@pytest.mark.parametrize(
    ("reply", "verdict"), [(True, True), (0, False), (AskFailedError("TimeoutError"), None)]
)
def test_a_verification_is_an_event_with_its_time(reply: Any, verdict: bool | None) -> None:
    """Approved, refused or failed; a failure is reported as one too."""
    calls: Any = FakeCalls()
    verification = Verification(lambda *texts: True, False, 3.0)
    (request,), result = played(verified(calls, verification, ASKED, DOUBTFUL), reply)
    assert (request.timeout, request.method, result) == (3.0, "verify", verdict)
    (event,) = [e for e in calls.events if isinstance(e, Verified)]
    assert (event.approved, event.distance, event.entry) == (verdict, 0.1, "app::x:cached")
    assert [e.stage for e in calls.events if isinstance(e, Failed)] == (
        ["verifier"] if verdict is None else []
    )


@pytest.mark.parametrize(
    ("replies", "sent", "failed"),
    [
        ([False], 0, None),
        ([AskFailedError("KeyError")], 0, "verifier"),
        ([True, [-2, [None] * 6]], 1, None),
        ([True, [-1, [None] * 6]], 1, None),
        ([True, [ErrorReply("ERR", "ERR"), ErrorReply("WRONGTYPE", "WRONGTYPE")]], 1, None),
        ([True, [-1, None]], 1, None),
        ([True, RedisUnavailableError("ConnectionError")], 1, "store"),
        ([True, [-1, STORED], RedisUnavailableError("ConnectionError")], 2, "store"),
        ([True, [-1, STORED], [ErrorReply("NOPERM", "NOPERM")]], 2, "alias"),
        ([True, [5000, STORED], [1]], 2, None),
    ],
)
def test_only_an_approved_and_living_entry_gets_an_alias(
    replies: list[Any], sent: int, failed: str | None
) -> None:
    """And whatever goes wrong is reported, nothing more."""
    calls: Any = FakeCalls()
    verification = Verification(lambda *texts: True, True, 3.0)
    requests, _ = played(verified_later(calls, verification, ASKED, DOUBTFUL), *replies)
    assert [type(request) for request in requests] == [Ask] + [Send] * sent
    assert [e.stage for e in calls.events if isinstance(e, Failed)] == [failed] * bool(failed)


@pytest.mark.parametrize("key", [None, "k" * 16])
def test_an_alias_has_the_answer_the_remaining_ttl_and_no_vector(key: str | None) -> None:
    """It is the entry under another wording, signed as that."""
    calls: Any = FakeCalls(key)
    flow = verified_later(calls, Verification(lambda *t: True, True, 3.0), ASKED, DOUBTFUL)
    requests, _ = played(flow, True, [5000, STORED], [1])
    _, _, keys, at, ttl, *pairs = requests[-1].commands[0]
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert (keys, at, ttl, requests[-1].write) == (1, "app::x:asked", 5000, True)
    signature = fields.pop("signature", None)
    assert fields == {
        "response": b"data",
        "created_at": b"1.0",
        "model": b"model",
        "prompt": b"B?",
        "scope": b"scope",
    }
    if key is None:
        assert signature is None
    else:
        assert Signer(key).verify(signature, b"scope", b"B?", b"data", b"1.0", b"")
