"""What is compared behind the call: how far apart, and how much of it may wait."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.flows.judging import Waiting, distance


def test_what_waits_for_an_answer_is_bounded() -> None:
    """Calls whose model never answers cost a fixed amount of memory."""
    waiting: Waiting[str] = Waiting()
    for n in range(1000):
        waiting.put(f"key{n}", "x", 100)
    assert len(waiting._kept) == 256
    for n in range(100):
        waiting.put(f"key{n}", "x", 1_000_000)
        waiting.put(f"key{n}", "y", 1_000_000)
    assert len(waiting._kept) == 16
    assert (waiting.take("key99"), waiting.take("key99"), waiting.take("key0")) == ("y", None, None)
    waiting.drop()
    assert waiting.take("key98") is None
    assert waiting._bytes == 0


def test_distance_is_cosine_distance() -> None:
    """Length does not matter, direction does."""
    assert distance([1.0, 0.0], [3.0, 0.0]) == pytest.approx(0)
    assert distance([1.0, 0.0], [0.0, 2.0]) == pytest.approx(1)
