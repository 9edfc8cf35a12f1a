"""Events are frozen and carry nothing private."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from langchain_redis_semcache.events import (
    BreakerChanged,
    Bypassed,
    Counted,
    Embedded,
    Event,
    Failed,
    Feedback,
    Hit,
    Miss,
    Observer,
    Stored,
    Waited,
)

EVENTS: list[Event] = [
    Hit("exact", 0.0, "k", 1.0),
    Hit("semantic", 0.1, "k", 1.0),
    Miss("distance", 0.3, "k"),
    Miss("guard", 0.1, "k", guard="numbers"),
    Stored("k", 10),
    Bypassed("lookup", "bypass"),
    Failed("lookup", "redis", "TimeoutError"),
    Waited(True, 0.5, "k"),
    Waited(False, 1.5, "k"),
    BreakerChanged("redis", "open"),
    Embedded(0.1),
    Counted(3),
    Feedback("k", False),
]
PRIVATE = {"prompt", "question", "answer", "text", "response", "url", "message"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_frozen_and_private(event: Any) -> None:
    """An event cannot be changed and has no field for what was asked or answered."""
    names = {field.name for field in dataclasses.fields(event)}
    assert not names & PRIVATE
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, names.pop(), "x")


def test_observer() -> None:
    """An observer that overrides nothing hears of everything and stands around nothing."""
    observer = Observer()
    for event in EVENTS:
        observer(event)
    assert observer.of("app") is observer
    assert observer.around("lookup") is None
