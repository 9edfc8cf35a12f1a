"""A verdict: asked for once, an event, and remembered as an alias that outlives nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache._effects import (
    AskFailedError,
    ErrorReply,
    RedisUnavailableError,
)
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed, Hit, Miss, VerifierAsked
from langchain_redis_semcache.policies import DistancePolicy, Verified
from tests.lab import AGAIN, ANSWER, ASKED, BehindTheCall, Lab, stocked

KEY = "k" * 16


def yes(asked: str, cached: str, answer: str, /) -> bool:
    return True


def lab(background: bool = False, **changes: Any) -> Lab:
    return stocked(policy=Verified(DistancePolicy(0.15, {}), yes, background=background), **changes)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("background", [False, True])
def test_asked_once(background: bool, key: str | None) -> None:
    """What was approved is an exact hit from then on, and nobody is asked again."""
    one = lab(background, signer=None if key is None else Signer(key))
    world = BehindTheCall(one)
    first = one.lookup(AGAIN, answer=world)
    assert first == (None if background else ANSWER)
    assert world.asked == [("France's capital?", "Capital of France?", "Paris.")]
    assert one.lookup(AGAIN, answer=world) == ANSWER
    assert len(world.asked) == 1
    ours = [event for event in one.events if isinstance(event, (Hit, Miss))]
    assert ours[0].entry == ours[1].entry
    assert isinstance(ours[1], Hit)
    assert ours[1].kind == "exact"


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("withdrawn", ["deleted", "replaced"])
def test_gone_under_every_wording(
    withdrawn: str, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that was deleted or overwritten is gone under the wording it was approved for."""
    now = [1e9]
    monkeypatch.setattr(time, "time", lambda: now[0])
    one = lab(signer=None if key is None else Signer(key))
    world = BehindTheCall(one)
    one.lookup(AGAIN, answer=world)
    entry = one.last.entry
    now[0] += 0.001
    if withdrawn == "deleted":
        del one.world.hashes[entry]
    else:
        one.update(ASKED, [Generation(text="Lyon.")])
    world.verdict = False
    assert one.lookup(AGAIN, answer=world) is None
    assert one.last.reason == ("no_candidate" if withdrawn == "deleted" else "verifier_refused")


def test_an_alias_is_signed() -> None:
    """Whoever can write to Redis cannot make a question an alias of an answer."""
    one = lab(signer=Signer(KEY))
    one.lookup(AGAIN, answer=BehindTheCall(one))
    (alias,) = [fields for fields in one.world.hashes.values() if "of" in fields]
    alias["signature"] = b"0" * 64
    world = BehindTheCall(one, False)
    assert one.lookup(AGAIN, answer=world) is None
    assert Failed("lookup", "entry", "Unsigned") in one.events


def test_an_alias_of_another_scope() -> None:
    """An alias that points out of its scope is nobody's answer."""
    one = lab()
    one.lookup(AGAIN, answer=BehindTheCall(one))
    one.update(ASKED, [Generation(text="of another model")], "m2")
    foreign = [
        key for key, entry in one.world.hashes.items() if b"another" in entry.get("response", b"")
    ]
    (alias,) = [fields for fields in one.world.hashes.values() if "of" in fields]
    alias["of"] = foreign[0].encode()
    assert one.lookup(AGAIN, answer=BehindTheCall(one, False)) is None


def test_an_alias_is_its_tenants() -> None:
    """An alias names the namespace it belongs to, so that it is found where a tenant is erased."""
    one = lab(namespace="acme")
    one.lookup(AGAIN, answer=BehindTheCall(one, True))
    (alias,) = [fields for fields in one.world.hashes.values() if "of" in fields]
    assert alias["namespace"] == b"acme"


@pytest.mark.parametrize(
    ("reply", "verdict", "reason"),
    [
        (True, True, None),
        (0, False, "verifier_refused"),
        (AskFailedError("TimeoutError"), None, "verification_failed"),
    ],
)
def test_a_verification_is_an_event_with_its_time(
    reply: Any, verdict: bool | None, reason: str | None
) -> None:
    """Approved, refused or failed; a failure is reported as one too."""
    one = lab()
    one.lookup(AGAIN, answer=BehindTheCall(one, reply))
    (event,) = [e for e in one.events if isinstance(e, VerifierAsked)]
    assert (event.approved, event.seconds >= 0) == (verdict, True)
    stages = [e.stage for e in one.events if isinstance(e, Failed)]
    assert stages == (["verifier"] if verdict is None else [])
    assert getattr(one.last, "reason", None) == reason


@pytest.mark.parametrize(
    ("behind", "failed"),
    [
        (("PTTL", -2), None),
        (("PTTL", ErrorReply("ERR", "ERR")), None),
        (("PTTL", RedisUnavailableError("ConnectionError")), "alias"),
        (("EVAL", RedisUnavailableError("ConnectionError")), "alias"),
        (("EVAL", ErrorReply("NOPERM", "NOPERM")), "alias"),
    ],
)
def test_what_cannot_be_remembered(behind: Any, failed: str | None) -> None:
    """It is served all the same; whatever goes wrong is reported, nothing more."""
    one = lab()
    world = BehindTheCall(one)
    world.behind = behind
    assert one.lookup(AGAIN, answer=world) == ANSWER
    assert not [fields for fields in one.world.hashes.values() if "of" in fields]
    assert [e.stage for e in one.events if isinstance(e, Failed)] == [failed] * bool(failed)


def test_an_answer_without_a_time_has_no_alias() -> None:
    """There would be no telling it from the answer that replaces it."""
    one = lab()
    (entry,) = one.world.hashes.values()
    entry["created_at"] = None
    assert one.lookup(AGAIN, answer=BehindTheCall(one)) == ANSWER
    assert len(one.world.hashes) == 1
