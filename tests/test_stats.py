"""Statistics are plain data, and read as a sentence."""

from __future__ import annotations

import dataclasses
import json
import pickle

from langchain_redis_semcache.events import (
    Miss,
)
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.test_events import EVENTS


def test_stats_are_plain_data() -> None:
    """They can be returned from a web handler: as a dictionary, as JSON, pickled."""
    reporter = Reporter("app", [])
    for event in EVENTS:
        reporter.emit(event)
    stats = reporter.stats()
    told = json.loads(json.dumps(dataclasses.asdict(stats)))
    assert (told["hit_rate"], told["misses"]) == (0.5, {"distance": 1, "guard": 1})
    assert pickle.loads(pickle.dumps(stats)) == stats


def test_stats_read_as_a_sentence() -> None:
    """Printed statistics name every count, with its reasons."""
    reporter = Reporter("name", ())
    reporter.emit(Miss("guard", 0.1, "key", "numbers"))
    reporter.emit(Miss("distance", 0.3))
    printed = str(reporter.stats())
    for part in (
        "lookups 2",
        "misses 2 (distance 1, guard 1)",
        "vetoes 1 (numbers 1)",
        "redis closed",
    ):
        assert part in printed
