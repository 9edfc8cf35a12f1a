"""Recent readings: found by digest, bounded, gone when dropped."""

from __future__ import annotations

from langchain_redis_semcache.flows.readings import Reading, Readings
from langchain_redis_semcache.question.prompt import Question


def reading(text: str) -> Reading:
    return Reading(Question(text, ""), "scope", "key", "model", None, True)


def put(readings: Readings, text: str, size: int = 1) -> None:
    key, _ = readings.get(text)
    readings.put(key, reading(text * size))


def test_found_again() -> None:
    """What was read is known by all of its parts, and kept under none of their texts."""
    readings = Readings()
    key, nothing = readings.get("prompt", "model", "tenant")
    assert nothing is None
    readings.put(key, reading("prompt"))
    readings.put(key, reading("prompt"))
    assert readings.get("prompt", "model", "tenant") == (key, reading("prompt"))
    assert readings.get("prompt", "model", "other")[1] is None
    assert readings.get("promptmodel", "", "tenant")[1] is None
    assert not [kept for kept in readings._kept if "prompt" in kept]


def test_bounded() -> None:
    """Neither many nor large ones pile up; the oldest go."""
    readings = Readings(capacity=3, limit=100)
    for text in "abcd":
        put(readings, text)
    assert [readings.get(text)[1] is None for text in "abcd"] == [True, False, False, False]
    put(readings, "e", 99)
    assert [readings.get(text)[1] is None for text in "bcde"] == [True, True, False, False]
    put(readings, "f", 101)
    assert not readings._kept
    assert readings._bytes == 0


def test_dropped() -> None:
    """After `drop` nothing is known, whoever held the lock."""
    readings = Readings()
    put(readings, "a")
    readings.lock.acquire()
    readings.drop()
    assert readings.get("a")[1] is None
    put(readings, "a")
    assert readings.get("a")[1] == reading("a")
