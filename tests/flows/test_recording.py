"""Hits are recorded behind their calls; no call ever notices."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache import DistancePolicy, Recording, Verified
from langchain_redis_semcache._effects import AskFailedError, ErrorReply, RedisUnavailableError
from langchain_redis_semcache.entry.recorded import RecordedHit
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed, Hit
from langchain_redis_semcache.flows.recorded import recorded
from tests.lab import AGAIN, ASKED, FAR, BehindTheCall, Lab, chat, run, stocked

ALL = Recording(share=1.0)


def hits(lab: Lab) -> list[RecordedHit]:
    return [one for flow in recorded(lab.core, None, None, None) for one in run(flow, lab.world)]


@pytest.mark.parametrize("signer", [None, Signer("0123456789abcdef")])
def test_hits_are_recorded(signer: Signer | None) -> None:
    """Of a hit questions, answer, distance and entry are kept, and of a miss nothing."""
    lab = stocked(recording=ALL, signer=signer)
    behind = BehindTheCall(lab)
    for prompt in (ASKED, AGAIN, FAR):
        lab.lookup(prompt, answer=behind)
    semantic, exact = hits(lab)
    assert (exact.kind, exact.asked, exact.stored) == ("exact", *["Capital of France?"] * 2)
    assert (semantic.kind, semantic.asked) == ("semantic", "France's capital?")
    assert (semantic.stored, semantic.answer) == ("Capital of France?", "Paris.")
    assert semantic.distance == pytest.approx(0.06, abs=0.01)
    assert semantic.entry == lab.events[2].entry  # type: ignore[union-attr]
    assert semantic.model == "m1"


def test_off_by_default() -> None:
    """Nothing is recorded by a cache that was not told to."""
    lab = stocked()
    assert lab.lookup(ASKED) is not None
    assert lab.world.streams == {}


def test_a_share() -> None:
    """About the share is recorded."""
    lab = stocked(recording=Recording(share=0.2))
    behind = BehindTheCall(lab)
    for _ in range(500):
        lab.lookup(ASKED, answer=behind)
    assert 50 <= len(lab.world.streams["app::recorded"]) <= 150


def test_keep() -> None:
    """The oldest make room."""
    lab = stocked(recording=Recording(share=1, keep=3))
    for _ in range(5):
        lab.lookup(ASKED, answer=BehindTheCall(lab))
    assert len(hits(lab)) == 3


def test_ttl() -> None:
    """With a ttl, what was recorded goes too."""
    lab = stocked(recording=ALL, ttl=60.0)
    lab.lookup(ASKED, answer=BehindTheCall(lab))
    assert lab.world.names[-1] == "XADD XTRIM PEXPIRE HMGET"
    assert lab.world.ttl["app::recorded"] == 60_000


def test_a_call_that_stores_nothing() -> None:
    """What is asked in a `read_only` block is not written down."""
    lab = stocked(recording=ALL)
    with lab.options.using(update=False):
        assert lab.lookup(ASKED) is not None


@pytest.mark.parametrize(("own", "kept"), [(None, 0), (60.0, 0), (10.0, 1)])
def test_answers_that_are_to_be_gone_sooner(own: float | None, kept: int) -> None:
    """A call whose answers live for less than the record is not written down."""
    lab = stocked(recording=ALL, ttl=own)
    with lab.options.using(ttl=30.0):
        assert lab.lookup(ASKED, answer=BehindTheCall(lab)) is not None
    assert len(lab.world.streams.get("app::recorded", [])) == kept


def test_redacted() -> None:
    """Questions and answers are kept as the application lets them be."""

    class Redactor:
        def redact(self, text: str) -> str:
            return text.replace("France", "***").replace("Paris", "***")

    lab = stocked(recording=Recording(share=1, redact=Redactor().redact))
    behind = BehindTheCall(lab, lambda text: Redactor().redact(text))
    lab.lookup(AGAIN, answer=behind)
    (hit,) = hits(lab)
    assert (hit.asked, hit.stored, hit.answer) == ("***'s capital?", "Capital of ***?", "***.")
    assert b"France" not in str(lab.world.streams).encode()


@pytest.mark.parametrize(
    ("verdict", "error"), [(AskFailedError("ValueError"), "ValueError"), (None, "TypeError")]
)
def test_a_redaction_that_fails(verdict: Any, error: str) -> None:
    """What cannot be redacted is not kept."""
    lab = stocked(recording=Recording(share=1, redact=str.upper))
    assert lab.lookup(ASKED, answer=BehindTheCall(lab, verdict)) is not None
    assert lab.world.streams == {}
    assert lab.last == Failed("lookup", "recording", error)


@pytest.mark.parametrize(
    ("failure", "error"),
    [(RedisUnavailableError("TimeoutError"), "TimeoutError"), (ErrorReply("OOM", "OOM x"), "OOM")],
)
def test_a_failure_is_an_event(failure: Any, error: str) -> None:
    """Where it cannot be written the hit is served all the same."""
    lab = stocked(recording=ALL)
    behind = BehindTheCall(lab)
    behind.behind = ("XADD", failure)
    assert lab.lookup(ASKED, answer=behind) is not None
    assert isinstance(lab.events[-2], Hit)
    assert lab.last == Failed("lookup", "recording", error)


def test_long_texts() -> None:
    """Of an answer the beginning is kept, and of a question all or nothing."""
    lab = Lab(recording=ALL)
    for prompt in (chat("short"), chat("long " * 1000)):
        lab.update(prompt, [Generation(text="x" * 5000)])
        assert lab.lookup(prompt, answer=BehindTheCall(lab)) is not None
    (hit,) = hits(lab)
    assert (hit.asked, len(hit.answer)) == ("short", 2000)


def test_what_a_verifier_approved() -> None:
    """A hit that a verifier let pass is recorded as well."""
    policy = Verified(DistancePolicy(0.01), lambda *_: True, between=(0.0, 0.5))
    lab = stocked(recording=ALL, policy=policy)
    assert lab.lookup(AGAIN, answer=BehindTheCall(lab)) is not None
    assert [hit.asked for hit in hits(lab)] == ["France's capital?"]


def test_removed_meanwhile() -> None:
    """An entry that is removed while its hit is being recorded takes the hit with it."""
    lab = stocked(recording=ALL)

    class Removing(BehindTheCall):
        def _behind(self, request: Any) -> Any:
            if getattr(request, "commands", [("",)])[0][0] == "XADD":
                lab.world.hashes.clear()
            return super()._behind(request)

    assert lab.lookup(ASKED, answer=Removing(lab)) is not None
    assert lab.world.streams == {"app::recorded": []}
