"""What is shared comes along with calls, and only what can be read changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply, RedisUnavailableError
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Bypassed, Failed, Hit, SettingsChanged, Stored, Warned
from langchain_redis_semcache.flows.shared import FRESH, STALE, Shared, SharedSettings, change
from tests.lab import AGAIN, ANSWER, ASKED, Lab, run, script, stocked

KEY = "app::settings"
ASK = "HMGET HMGET"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def timed(**changes: Any) -> tuple[Lab, Clock]:
    """A lab with an answer, whose clock the test turns, just after it has asked."""
    lab, clock = stocked(**changes), Clock()
    lab.core.shared._clock = clock
    lab.core.shared._asked = lab.core.shared._heard = clock.now
    return lab, clock


def put(lab: Lab, **wanted: Any) -> None:
    """Change what is shared, as another process does."""
    _, key, *pairs = change("app::", "app", wanted)
    encoded = [str(part).encode() for part in pairs]
    fields = dict(zip([str(name) for name in pairs[::2]], encoded[1::2], strict=True))
    lab.world.hashes.setdefault(str(key), {}).update(fields)


def test_off_reaches_the_call_that_asks() -> None:
    """A call after a pause learns of it in the round trip that it makes anyway."""
    lab, clock = timed()
    put(lab, on=False)
    assert lab.lookup(ASKED)  # fresh: nobody asks
    assert lab.world.names == ["HMGET"]
    clock.now += FRESH
    assert lab.lookup(ASKED) is None
    assert lab.world.names == ["HMGET", ASK]
    assert lab.events[-2:] == [
        SettingsChanged(False, None, None),
        Bypassed("lookup", "switched_off"),
    ]


def test_one_call_asks_at_a_time() -> None:
    """While one has asked and was not answered yet, others go on; once it is too long, all ask."""
    lab, clock = timed()
    shared = lab.core.shared
    clock.now += FRESH
    assert shared.due()
    assert not shared.due()
    clock.now += STALE - FRESH
    assert shared.due()
    assert shared.due()
    shared.heard([None] * 4)
    assert not shared.due()


def test_off_leaves_redis_alone() -> None:
    """While it is off no call waits for Redis; one of them has it asked behind the call."""
    lab, clock = timed()
    put(lab, on=False)
    clock.now += FRESH
    lab.lookup(ASKED)
    lab.world.requests.clear()
    lab.lookup(ASKED)
    lab.update(ASKED)
    assert lab.world.requests == []
    assert lab.last == Bypassed("update", "switched_off")
    put(lab, on=True)
    clock.now += FRESH
    behind: list[Any] = []

    def answer(request: Any) -> Any:
        behind.append(request.flow)
        return True

    assert lab.lookup(ASKED, answer=answer) is None
    run(behind.pop(), lab.world)
    assert lab.lookup(ASKED)
    assert isinstance(lab.last, Hit)


def test_off_while_the_model_answered() -> None:
    """What was asked before and answered after is not stored: an update asks where nobody has."""
    lab, clock = timed()
    put(lab, on=False)
    clock.now += STALE
    lab.update(AGAIN)
    assert lab.world.names == ["HMGET"]
    assert lab.last == Bypassed("update", "switched_off")


def test_an_update_shortly_after_asks_nothing() -> None:
    """An update of a call that was looked up just before makes no round trip more."""
    lab, _ = timed()
    lab.update(ASKED, ANSWER)
    assert lab.world.names[0] == "UNLINK HSET"
    assert isinstance(lab.last, Stored)


@pytest.mark.parametrize(
    "reply",
    [
        [b"app", b"off", None, None],
        [b"other", b"0", None, None],
        [None, b"0", None, None],
        [b"app", b"0", b"3", None],
        [b"app", b"0", b"nan", None],
        [b"app", b"0", b"0.1", b"-1"],
        [b"app", b"0"],
        b"0",
        ErrorReply("WRONGTYPE", "WRONGTYPE"),
        ErrorReply("NOPERM", "NOPERM"),
    ],
)
def test_what_cannot_be_read_changes_nothing(reply: Any) -> None:
    """Nonsense, another name's, or an error leave everything as it was, and are reported."""
    lab, _ = timed()
    before = SharedSettings(True, 0.3, 60.0)
    lab.core.shared.adopt(before)
    lab.core.shared.heard(reply)
    assert lab.core.shared.current == before
    assert isinstance(lab.last, Failed)
    assert lab.last.stage == "settings"


def test_what_is_gone_changes_nothing() -> None:
    """A switch that Redis evicted, or lost with everything else, stays as it was."""
    lab, clock = timed()
    lab.core.shared.adopt(SharedSettings(on=False))
    lab.core.shared.heard([None] * 4)
    assert not lab.core.shared.current.on
    assert lab.lookup(ASKED, answer=lambda _: True) is None
    clock.now += STALE
    run(lab.core.shared.ask(lab.core.shared.due()), script(RedisUnavailableError("Boom")))
    assert not lab.core.shared.current.on


def test_a_threshold_for_all() -> None:
    """The shared threshold takes the place of the policy's, and a call's own that of both."""
    lab, clock = timed()
    assert lab.lookup(AGAIN)
    put(lab, distance_threshold=0.01)
    clock.now += FRESH
    assert lab.lookup(AGAIN) is None
    assert lab.last.reason == "distance"
    with lab.options.using(distance_threshold=0.1):
        assert lab.lookup(AGAIN)
    put(lab, distance_threshold=None)
    clock.now += FRESH
    assert lab.lookup(AGAIN)


def test_a_ttl_for_all() -> None:
    """What is stored from now on lives as long as the shared ttl says."""
    lab, clock = timed(ttl=1000)
    put(lab, ttl=60)
    clock.now += STALE
    lab.update(ASKED)
    (key,) = lab.world.ttl
    assert lab.world.ttl[key] == 60_000


def test_a_wide_threshold_is_a_warning() -> None:
    """As in the constructor, one that accepts nearly everything is said."""
    lab, _ = timed()
    lab.core.shared.adopt(SharedSettings(distance_threshold=1.5))
    assert isinstance(lab.last, Warned)


@pytest.mark.parametrize(
    ("own", "told", "in_force"),
    [(0.15, 0.3, 0.15), (0.15, 0.1, 0.1), (0.15, None, 0.15)],
)
def test_a_signed_cache_gets_stricter_only(own: float, told: float | None, in_force: float) -> None:
    """Who may write to Redis but has no key cannot widen what is served, nor for how long."""
    lab = Lab(signer=Signer("s" * 16))
    shared = Shared(lab.core.calls)
    ttl = None if told is None else 1000 * told
    shared.adopt(SharedSettings(distance_threshold=told, ttl=ttl))
    assert shared.threshold(own) == in_force
    assert shared.ttl(1000 * own) == 1000 * in_force
    assert shared.ttl(None) == ttl


def test_disabled_by_the_environment() -> None:
    """It neither serves, nor stores, nor asks Redis for anything."""
    lab = Lab(disabled=True)
    lab.lookup(ASKED)
    lab.update(ASKED)
    assert lab.world.requests == []
    assert lab.events == [Bypassed("lookup", "disabled"), Bypassed("update", "disabled")]
