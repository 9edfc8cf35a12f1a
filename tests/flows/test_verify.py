"""A verdict: asked for once, an event, and remembered as an alias that outlives nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache._effects import (
    Ask,
    AskFailedError,
    ErrorReply,
    Later,
    RedisUnavailableError,
    Send,
)
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed, Hit, Miss, VerifierAsked
from langchain_redis_semcache.policies import DistancePolicy, Verified
from tests.lab import AGAIN, ANSWER, ASKED, Lab, stocked

KEY = "k" * 16


def yes(asked: str, cached: str, answer: str, /) -> bool:
    return True


class Verifying:
    """A world in which what is asked and what runs behind the call is answered as well."""

    def __init__(self, lab: Lab, verdict: Any = True) -> None:
        self.lab = lab
        self.verdict = verdict
        self.asked: list[tuple[Any, ...]] = []
        self.behind: Any = None
        """What Redis answers to the command behind the call instead of carrying it out."""

    def __call__(self, request: Any) -> Any:
        if isinstance(request, Ask):
            self.asked.append(request.arguments)
            if isinstance(self.verdict, Exception):
                raise self.verdict
            return self.verdict
        if isinstance(request, Later):
            self._run(request.flow)
            return True
        return self.lab.world(request)

    def _run(self, flow: Any) -> None:
        try:
            request = next(flow)
            while True:
                try:
                    reply = self._behind(request)
                except Exception as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(reply)
        except StopIteration:
            return

    def _behind(self, request: Any) -> Any:
        if isinstance(request, Send) and self.behind is not None:
            name, reply = self.behind
            if request.commands[0][0] == name:
                if isinstance(reply, Exception):
                    raise reply
                return [reply]
        return self(request)


def lab(background: bool = False, **changes: Any) -> Lab:
    return stocked(policy=Verified(DistancePolicy(0.15, {}), yes, background=background), **changes)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("background", [False, True])
def test_asked_once(background: bool, key: str | None) -> None:
    """What was approved is an exact hit from then on, and nobody is asked again."""
    one = lab(background, signer=None if key is None else Signer(key))
    world = Verifying(one)
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
    world = Verifying(one)
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
    one.lookup(AGAIN, answer=Verifying(one))
    (alias,) = [fields for fields in one.world.hashes.values() if "of" in fields]
    alias["signature"] = b"0" * 64
    world = Verifying(one, False)
    assert one.lookup(AGAIN, answer=world) is None
    assert Failed("lookup", "entry", "Unsigned") in one.events


def test_an_alias_of_another_scope() -> None:
    """An alias that points out of its scope is nobody's answer."""
    one = lab()
    one.lookup(AGAIN, answer=Verifying(one))
    one.update(ASKED, [Generation(text="of another model")], "m2")
    foreign = [
        key for key, entry in one.world.hashes.items() if b"another" in entry.get("response", b"")
    ]
    (alias,) = [fields for fields in one.world.hashes.values() if "of" in fields]
    alias["of"] = foreign[0].encode()
    assert one.lookup(AGAIN, answer=Verifying(one, False)) is None


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
    one.lookup(AGAIN, answer=Verifying(one, reply))
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
    world = Verifying(one)
    world.behind = behind
    assert one.lookup(AGAIN, answer=world) == ANSWER
    assert not [fields for fields in one.world.hashes.values() if "of" in fields]
    assert [e.stage for e in one.events if isinstance(e, Failed)] == [failed] * bool(failed)


def test_an_answer_without_a_time_has_no_alias() -> None:
    """There would be no telling it from the answer that replaces it."""
    one = lab()
    (entry,) = one.world.hashes.values()
    entry["created_at"] = None
    assert one.lookup(AGAIN, answer=Verifying(one)) == ANSWER
    assert len(one.world.hashes) == 1
