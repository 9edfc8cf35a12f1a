"""What a lookup does about identical ones, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache import SingleFlight
from langchain_redis_semcache._effects import Await, Caller, RedisUnavailableError
from langchain_redis_semcache.events import Hit, Miss, Waited
from tests.lab import AGAIN, ANGLES, ANSWER, ASKED, Lab, World


class Callers:
    """Answers as the world does, for one caller; what is awaited is answered by `meanwhile`."""

    def __init__(self, lab: Lab, name: str | None, meanwhile: Any = None) -> None:
        self.lab = lab
        self.name = name
        self.meanwhile = meanwhile

    def __call__(self, request: Any) -> Any:
        if isinstance(request, Caller):
            return self.name
        if isinstance(request, Await):
            self.meanwhile()
            return request.job.result() if request.job.wait(0) else None
        return self.lab.world(request)


@pytest.fixture
def lab() -> Lab:
    return Lab(World(vectors=dict(ANGLES)), single_flight=SingleFlight())


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_waiting_for_the_answer(lab: Lab) -> None:
    """A follower is served what the leader stores, without an embedding."""
    assert lab.lookup(ASKED, answer=Callers(lab, "leader")) is None
    follower = Callers(lab, "follower", lambda: lab.update(ASKED))
    assert lab.lookup(ASKED, answer=follower) == ANSWER
    assert names(lab.events) == ["Embedded", "Miss", "Stored", "Waited", "Hit"]
    waited = lab.events[3]
    assert isinstance(waited, Waited)
    assert waited.landed
    assert waited.entry == lab.events[2].entry


def test_an_answer_that_is_not_stored(lab: Lab) -> None:
    """A follower goes on alone, and those who come later do not wait."""
    lab.lookup(ASKED, answer=Callers(lab, "leader"))
    refused = Callers(lab, "follower", lambda: lab.update(ASKED, [Generation(text="")]))
    assert lab.lookup(ASKED, answer=refused) is None
    assert lab.events[-2].landed is False
    assert lab.lookup(ASKED, answer=Callers(lab, "next")) is None
    assert lab.lookup(ASKED, answer=Callers(lab, "after")) is None
    assert lab.reporter.stats().waited == 1


def test_a_wait_that_is_over(lab: Lab) -> None:
    """A follower whose time is up asks the model, and nobody waits for that leader any more."""
    lab.lookup(ASKED, answer=Callers(lab, "leader"))
    assert lab.lookup(ASKED, answer=Callers(lab, "follower", lambda: None)) is None
    assert lab.lookup(ASKED, answer=Callers(lab, "another")) is None
    assert lab.reporter.stats().waited == 1


def test_a_paraphrase_in_store(lab: Lab) -> None:
    """A leader that is served lets the others go."""
    lab.update(ASKED)
    assert lab.lookup(AGAIN, answer=Callers(lab, "leader")) == ANSWER
    assert lab.lookup(AGAIN, answer=Callers(lab, "another")) == ANSWER
    assert lab.reporter.stats().waited == 0


def test_without_redis(lab: Lab) -> None:
    """Where Redis does not answer nobody leads: there would be nothing to wait for."""

    def down(request: Any) -> Any:
        if isinstance(request, Caller):
            return "somebody"
        raise RedisUnavailableError("TimeoutError")

    for _ in range(2):
        assert lab.lookup(ASKED, answer=down) is None
    assert lab.lookup(ASKED, answer=Callers(lab, "another")) is None
    assert lab.reporter.stats().waited == 0


def test_who_must_not_wait(lab: Lab) -> None:
    """A caller without a name, as in a loop's own thread, neither leads nor waits."""
    for _ in range(2):
        assert lab.lookup(ASKED, answer=Callers(lab, None)) is None
    assert isinstance(lab.last, Miss)


def test_off(lab: Lab) -> None:
    """Without the argument nobody is asked who calls."""
    plain = Lab()
    assert plain.lookup(ASKED) is None
    plain.update(ASKED)
    assert plain.lookup(ASKED) == ANSWER
    assert isinstance(plain.last, Hit)
