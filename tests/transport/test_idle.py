"""Which connections rest, which are taken, and which are not trusted any more."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.transport.idle import MAX_AGE, Idle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idle(clock: Clock) -> Idle[str]:
    """Three connections, used one second after the other."""
    resting: Idle[str] = Idle(clock)
    for name in "abc":
        resting.put(name)
        clock.now += 1
    return resting


def test_last_used_first(idle: Idle[str]) -> None:
    """The one that has worked most lately is the one to take."""
    assert [idle.take() for _ in range(4)] == ["c", "b", "a", None]


def test_age(idle: Idle[str], clock: Clock) -> None:
    """Those that have rested for too long are handed out to be closed, and the others stay."""
    clock.now += MAX_AGE - 2
    assert list(idle.expired()) == ["a", "b"]
    assert len(idle) == 1
    assert idle.take() == "c"


def test_before_a_failure(idle: Idle[str]) -> None:
    """What has worked since the failing exchange began is trusted, the rest is not."""
    assert list(idle.before(1001.5)) == ["a", "b"]
    assert list(idle.before(1001.5)) == []
    assert idle.take() == "c"
    assert list(idle.before(2000.0)) == []
