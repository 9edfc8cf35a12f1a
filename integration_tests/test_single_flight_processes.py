"""Identical questions in several processes ask the model once; no process waits for a dead one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    LLM,
    Way,
    asked,
    denied,
    eventually,
    healthy,
    only,
    soon,
    text_of,
    told,
    watched,
)
from integration_tests.test_single_flight import Gated, _is, under_way
from langchain_redis_semcache import RedisSemanticCache, SingleFlight
from langchain_redis_semcache.events import Event, Waited

Start = Callable[[int, float, float], "subprocess.Popen[str]"]


@pytest.fixture
def start(redis_url: str, name: str, server: redis.Redis) -> Iterator[Start]:
    """Starts a process with so many threads, a model of so many seconds and such a lease."""
    begun: list[subprocess.Popen[str]] = []

    def begin(threads: int, seconds: float, lease: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "integration_tests.flight_process", redis_url, name]
        arguments = [str(threads), str(seconds), str(lease)]
        begun.append(subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()
    server.delete(f"{name}-go", f"{name}-calls", f"{name}-ready")


def number(server: redis.Redis, key: str) -> int:
    return int(server.get(key) or 0)  # type: ignore[arg-type]  # a sync client


@pytest.fixture
def pair(make_cache: MakeCache) -> list[RedisSemanticCache]:
    """Two caches that share nothing but Redis, as two processes do."""
    return [make_cache(single_flight=SingleFlight(wait=20, lease=5)) for _ in range(2)]


def test_four_processes(start: Start, server: redis.Redis, name: str) -> None:
    """4 processes with 16 threads each make one call of the model."""
    processes = [start(16, 1.0, 5.0) for _ in range(4)]
    assert eventually(lambda: number(server, f"{name}-ready") == 4, 60)
    server.set(f"{name}-go", 1)
    waited = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert number(server, f"{name}-calls") == 1
    assert sum(waited) == 63


def test_a_killed_leader(start: Start, server: redis.Redis, name: str) -> None:
    """Where the leading process is killed, another one takes over when its lease has expired."""
    server.set(f"{name}-go", 1)
    leader = start(1, 60.0, 0.5)
    assert eventually(lambda: number(server, f"{name}-calls") == 1, 60)
    followers = [start(4, 0.0, 0.5) for _ in range(2)]
    assert eventually(lambda: number(server, f"{name}-ready") == 3, 60)
    leader.kill()
    for process in followers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert number(server, f"{name}-calls") == 2


async def test_one_answer_for_both(
    do: Way, pair: list[RedisSemanticCache], events: list[Event], server: redis.Redis, name: str
) -> None:
    """The second process waits for the first one's answer, and the lease is given back."""
    first, second = pair
    if do.is_async:
        await first.alookup(asked(FRANCE), LLM)
    else:
        await do.together([(first.lookup, asked(FRANCE), LLM)])
    assert list(server.scan_iter(f"{name}*:lease"))
    following = asyncio.create_task(second.alookup(asked(FRANCE), LLM))
    assert await soon(lambda: _is(bool(under_way(second))))
    await do(first.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await following) == "Paris"
    assert [event.landed for event in only(events, Waited)] == [True]
    assert await soon(lambda: _is(not [*server.scan_iter(f"{name}*:lease")]))
    assert healthy(events)


async def test_a_failed_leader(pair: list[RedisSemanticCache], events: list[Event]) -> None:
    """Where the model of one process fails, the others ask at once and for a while do not wait."""
    first, second = pair
    failing = Gated(cache=first, script={1: RuntimeError("down")})
    leader = asyncio.create_task(failing.ainvoke(FRANCE))
    assert await soon(lambda: _is(len(failing.calls) == 1))
    model = Gated(cache=second)
    model.open()
    following = asyncio.create_task(model.ainvoke(FRANCE))
    assert await soon(lambda: _is(bool(under_way(second))))
    failing.open()
    with pytest.raises(RuntimeError):
        await leader
    assert (await following).text == "Paris"
    assert len(model.calls) == 1


async def test_round_trips(do: Way, make_cache: MakeCache, server: redis.Redis, name: str) -> None:
    """A lease travels with the search; an exact hit writes nothing."""
    cache = make_cache(single_flight=SingleFlight(lease=5))
    await do(cache.update, asked("What is 1+1?"), LLM, told("2"))
    await do.together([(cache.lookup, asked("What is 1+1?"), LLM)])
    with watched(server) as hit:
        await do.together([(cache.lookup, asked("What is 1+1?"), LLM)])
    assert not hit.commands["set"]
    before = cache.stats.round_trips
    await do.together([(cache.lookup, asked(FRANCE), LLM)])
    assert cache.stats.round_trips - before == 2
    assert [*server.scan_iter(f"{name}*:lease")]


async def test_without_the_right_to_write(
    do: Way, make_cache: MakeCache, redis_url: str, server: redis.Redis
) -> None:
    """Where no lease can be had, every process asks for itself."""
    restricted = denied(redis_url, "set")
    try:
        caches = [
            make_cache(redis_url=restricted, single_flight=SingleFlight(lease=5)) for _ in "ab"
        ]
        for cache in caches:
            assert await do.together([(cache.lookup, asked(FRANCE), LLM)]) == [None]
            assert cache.stats.waited == 0
    finally:
        server.acl_deluser("restricted")
