"""A call is read once, without keeping or blocking what is too large for that."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from langchain_redis_semcache._effects import LARGE, Send, Work
from langchain_redis_semcache.admission import CompleteAnswers
from langchain_redis_semcache.events import Bypassed, Failed
from langchain_redis_semcache.reporting import log
from tests.lab import ASKED, MODEL, Lab, chat

TOOLS = MODEL + "x" * (2 * LARGE)


def test_a_long_llm_string_is_work() -> None:
    """Reading a call with many tools is handed to the driver, which keeps it off the loop."""
    flow = Lab().core.lookup(ASKED, TOOLS)
    request = next(flow)
    assert isinstance(request, Work)
    assert request.size > LARGE
    assert isinstance(flow.send(request.function()), Send)


def test_a_long_llm_string_is_not_kept() -> None:
    """Readings of usual calls are remembered, not those with a long `llm_string`."""
    lab = Lab()
    for model in (MODEL, TOOLS):
        lab.lookup(ASKED, model)
    assert len(lab.core.calls._readings._kept) == 1


@pytest.mark.parametrize("hook", ["namespace", "question"])
def test_a_hook_that_works_again(
    hook: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A hook that failed is warned about once, and its end is said."""
    monkeypatch.setattr(log, "QUIET_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    broken = [True]

    def answer(*_: Any) -> Any:
        if broken:
            raise KeyError
        return "tenant" if hook == "namespace" else ("q", ())

    lab = Lab(**{hook: answer})
    lab.lookup(ASKED)
    lab.lookup(ASKED)
    broken.clear()
    lab.lookup(ASKED)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


class OfTheHour(CompleteAnswers):
    """Leaves every second call alone, whatever is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def leaves_alone(self, question: str, temperature: float | None, /) -> str | None:
        self.asked += 1
        return "closed" if self.asked % 2 == 0 else super().leaves_alone(question, temperature)


def test_what_an_admission_says_of_a_call() -> None:
    """An admission that somebody derived from ours is asked at each call."""
    lab = Lab(admission=OfTheHour())
    lab.lookup(ASKED)
    lab.lookup(ASKED)
    assert lab.last == Bypassed("lookup", "closed")


def test_what_our_admission_says_of_a_call() -> None:
    """Ours leaves a question about now alone each time, also where its reading is remembered."""
    lab = Lab(admission=CompleteAnswers())
    for _ in range(2):
        lab.lookup(chat("What is the weather like today?"))
        assert lab.last == Bypassed("lookup", "time_sensitive")


class Grammar:
    """An object that a model's call depends on, with the repr that every object has."""


def test_what_cannot_be_told_apart_is_not_cached() -> None:
    """A call that binds such an object is left to the model, and one event says so."""
    lab, bound = Lab(), str([("grammar", Grammar())])
    with lab.reporter.muted():
        lab.lookup(ASKED, bound)
    lab.update(ASKED, model=bound)
    assert lab.lookup(ASKED, bound) is None
    assert not lab.world.requests
    assert lab.events == [
        Failed("lookup", "model", "ObjectsWithoutRepr"),
        Bypassed("update", "indistinct_model"),
        Bypassed("lookup", "indistinct_model"),
    ]
