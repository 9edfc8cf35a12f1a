"""A cache is switched off and on, and its settings are changed, in all processes at once."""

from __future__ import annotations

import pytest
import redis

from integration_tests.conftest import MakeCache, Worker
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    Way,
    asked,
    eventually,
    healthy,
    only,
    text_of,
    told,
    verdicts,
    watched,
)
from langchain_redis_semcache import RedisSemanticCache, SharedSettings
from langchain_redis_semcache.cli.main import main
from langchain_redis_semcache.events import Event, SettingsChanged
from langchain_redis_semcache.flows.shared import FRESH, STALE

pytest.importorskip("click", reason="extra not installed")


def older(cache: RedisSemanticCache, seconds: float) -> None:
    """Let time pass since a cache was last told what is shared."""
    shared = cache._core.shared
    shared._heard -= seconds
    shared._asked -= seconds


def test_four_processes(
    workers: list[Worker], cache: RedisSemanticCache, redis_url: str, name: str
) -> None:
    """`semcache off` stops them all, in no more than 5 s; `on` starts them again."""
    assert STALE < 5
    cache.update(asked(FRANCE), LLM, told("Lyon."))
    assert {one.ask(FRANCE) for one in workers} == {"Lyon."}
    where = ["--redis-url", redis_url, "--name", name]
    for command, answer in (("off", ""), ("on", "Lyon.")):
        assert main([command, *where]) == 0
        expected = {answer}
        assert eventually(lambda: {one.ask(FRANCE) for one in workers} == expected)  # noqa: B023


async def test_without_a_round_trip(
    do: Way, make_cache: MakeCache, server: redis.Redis, events: list[Event]
) -> None:
    """Being told costs no round trip; what is off is not asked for, and stores nothing."""
    here, there = make_cache(), make_cache()
    await do(here.update, asked(FRANCE), LLM, told("Paris."))
    await do(here.lookup, asked(FRANCE), LLM)
    await do(there.off)
    older(here, FRESH)
    with watched(server) as traffic:
        assert await do(here.lookup, asked(FRANCE), LLM) is None
    assert traffic.round_trips == 1
    with watched(server) as traffic:
        assert await do(here.lookup, asked(FRANCE), LLM) is None
        await do(here.update, asked("new"), LLM, told("new"))
    assert traffic.round_trips == 0
    assert here.stats.bypassed == {"switched_off": 3}
    assert [e.on for e in only(events, SettingsChanged)] == [False, False]
    await do(here.on)
    assert text_of(await do(here.lookup, asked(FRANCE), LLM)) == "Paris."
    assert await do(here.lookup, asked("new"), LLM) is None
    assert healthy(events)


async def test_threshold_and_ttl(
    do: Way, make_cache: MakeCache, server: redis.Redis, events: list[Event]
) -> None:
    """Both are changed for processes that run, and are the constructor's again afterwards."""
    here, there = make_cache(distance_threshold=0.3), make_cache(ttl=3600)
    await do(here.update, asked(FRANCE), LLM, told("Paris."))
    assert await do(here.lookup, asked(FRANCE_REWORDED), LLM)
    assert await do(there.set, distance_threshold=0.001, ttl=60) == SharedSettings(True, 0.001, 60)
    older(here, STALE)
    assert await do(here.lookup, asked(FRANCE_REWORDED), LLM) is None
    assert verdicts(events)[-1] == "distance"
    await do(here.update, asked("new"), LLM, told("new"))
    (new,) = there.entries(text="new")
    assert new.ttl is not None
    assert 50 < new.ttl <= 60
    assert await do(there.unset, "distance_threshold") == SharedSettings(True, None, 60)
    older(here, STALE)
    assert await do(here.lookup, asked(FRANCE_REWORDED), LLM)
    await do(there.unset)
    assert await do(here.settings) == SharedSettings()


async def test_passed_clients(do: Way, make_cache: MakeCache, redis_url: str) -> None:
    """A client that the application passed is told by the same round trip."""
    import redis.asyncio

    with redis.Redis.from_url(redis_url) as client:
        other = redis.asyncio.Redis.from_url(redis_url)
        cache = make_cache(redis_client=client, async_redis_client=other)
        await do(cache.update, asked(FRANCE), LLM, told("Paris."))
        await do(make_cache().off)
        older(cache, STALE)
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
        assert cache.stats.bypassed == {"switched_off": 1}
        await other.aclose()


def test_clear_keeps_it(cache: RedisSemanticCache) -> None:
    """Emptying a cache that is off leaves it off."""
    cache.off()
    cache.clear()
    assert not cache.settings().on


def test_shell(
    redis_url: str, name: str, cache: RedisSemanticCache, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shell says what is in force, and refuses what the constructor would."""
    where = ["--redis-url", redis_url, "--name", name]
    assert main(["set", *where, "threshold", "0.1"]) == 0
    assert main(["set", *where, "ttl", "12h"]) == 0
    assert main(["off", *where, "--json"]) == 0
    out = capsys.readouterr().out
    assert "threshold: 0.1\nttl: 43200" in out
    assert out.endswith('{"on": false, "distance_threshold": 0.1, "ttl": 43200.0}\n')
    assert main(["doctor", *where]) == 1
    assert "SWITCHED OFF" in capsys.readouterr().out
    for wrong in (["threshold", "3"], ["threshold", "x"], ["ttl", "12"], ["colour", "1"]):
        assert main(["set", *where, *wrong]) == 2
    assert "12h" in capsys.readouterr().err
    assert main(["unset", *where, "ttl"]) == 0
    assert main(["unset", *where]) == 0
    assert main(["on", *where]) == 0
    assert cache.settings() == SharedSettings()
