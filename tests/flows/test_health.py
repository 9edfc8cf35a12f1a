"""A probe asks one question and is always answered."""

from __future__ import annotations

from typing import Any

from langchain_redis_semcache._effects import ErrorReply, RedisUnavailableError, Send
from langchain_redis_semcache.flows.health import Health, health
from tests.lab import Lab, run, script, stocked


def asked(lab: Lab, answer: Any) -> Health:
    found: Health = run(health(lab.core, 0.5), answer)
    return found


def test_well() -> None:
    """One read of one key below the cache's name, within the time given; nothing is counted."""
    lab = stocked()
    before = lab.reporter.stats().round_trips
    found = asked(lab, lab.world)
    assert found
    assert found.ok
    assert "Redis answers in" in found.says
    assert found.breakers["redis"] == "closed"
    (request,) = lab.world.requests
    assert isinstance(request, Send)
    assert (list(request.commands), request.timeout) == (
        [("HMGET", "app::health", "response")],
        0.5,
    )
    assert lab.reporter.stats().round_trips == before


def test_unwell() -> None:
    """What is wrong is said, with where and why."""
    lab = stocked()
    found = asked(lab, script(RedisUnavailableError("X", cause="ConnectionError: no [h:1]")))
    assert not found
    assert found.says == "ConnectionError: no [h:1]"
    refused = ErrorReply("NOPERM", "no permissions to run the 'hmget' command")
    found = asked(lab, script([refused]))
    assert not found
    assert found.says == "Redis refuses to read: NOPERM no permissions to run the 'hmget' command"
