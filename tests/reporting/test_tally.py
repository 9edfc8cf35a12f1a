"""Sums only grow, and what they come to is the same for one process and for all together."""

from __future__ import annotations

from langchain_redis_semcache.events import (
    Audited,
    BreakerChanged,
    Bypassed,
    Failed,
    Feedback,
    Hit,
    Miss,
    Stored,
    VerifierAsked,
    Waited,
)
from langchain_redis_semcache.reporting.tally import MOST_DIFFERENCES, Tally, as_stats

EVENTS = [
    Hit("exact", 0.0, "a", 1.0),
    Hit("semantic", 0.1, "b", 1.0),
    Miss("guard", guard="numbers"),
    Miss("a reason: of the application"),
    Stored("a", 10),
    Bypassed("lookup", "switched_off"),
    Failed("update", "store", "OOM"),
    VerifierAsked(True, 0.5, 0.1, "a"),
    Waited(True, 2.0, "a"),
    Audited(False, 0.1, "a", "audit"),
    Audited(True, 0.1, "a", "check"),
    Feedback("a", True),
    BreakerChanged("redis", "open"),
]


def counted() -> Tally:
    tally = Tally()
    for event in EVENTS:
        tally.add(event)
    tally.spend("redis", 0.25)
    return tally


def test_every_event_is_counted() -> None:
    """What happened is found by its name, with the time that it took."""
    stats = counted().stats()
    assert (stats.lookups, stats.hits, stats.exact_hits, stats.semantic_hits) == (4, 2, 1, 1)
    assert stats.hit_rate == 0.5
    assert stats.misses == {"guard": 1, "a reason: of the application": 1}
    assert stats.vetoes == {"numbers": 1}
    assert (stats.stored, stats.bypassed, stats.failures) == (1, {"switched_off": 1}, {"store": 1})
    assert (stats.verified, stats.mean_verifier_seconds) == ({"approved": 1}, 0.5)
    assert (stats.waited, stats.mean_waiting_seconds) == (1, 2.0)
    assert (stats.audited, stats.feedback) == ({"wrong": 1}, {"right": 1})
    assert (stats.round_trips, stats.mean_redis_seconds) == (1, 0.25)
    assert stats.breakers["redis"] == "open"


def test_two_processes() -> None:
    """Sums of two processes, added up, are the counts of both."""
    sums = counted().sums()
    both = as_stats({name: 2 * count for name, count in sums.items()}, {}, 7.0)
    alone = counted().stats()
    assert (both.lookups, both.misses["guard"], both.since) == (8, 2, 7.0)
    assert (both.hit_rate, both.mean_waiting_seconds) == (alone.hit_rate, 2.0)


def test_differences() -> None:
    """Misses that another scope would have answered are counted by what differs, within bounds."""
    tally = Tally()
    for number in (0, *range(2 * MOST_DIFFERENCES), 0):
        tally.add(Miss("no_candidate", differs=f"x{number}"))
    elsewhere = tally.stats().elsewhere
    assert elsewhere["x0"] == 3
    assert (len(elsewhere), elsewhere["others"]) == (MOST_DIFFERENCES + 1, MOST_DIFFERENCES)


def test_nothing_yet() -> None:
    """Without an event everything is nothing, and no mean divides by it."""
    stats = Tally().stats()
    assert (stats.lookups, stats.hit_rate, stats.mean_redis_seconds, stats.misses) == (0, 0, 0, {})
