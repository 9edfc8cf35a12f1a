"""No wait is without an end, and what hangs takes nothing away from what works."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from langchain_core.messages import BaseMessage

from integration_tests import support
from integration_tests.conftest import MakeCache
from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import new_question
from integration_tests.faults.proxy import FaultProxy
from integration_tests.support import LLM, asked, text_of, told, verdicts
from langchain_redis_semcache.driver import drivers
from langchain_redis_semcache.events import Bypassed, Event, Failed

THREADS = 70
"""More than the threads of any kind."""
LARGE = "a long story " * 10_000
LARGE_PROMPT = 1 << 16


async def soon(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true while the loop is left to others."""

    async def attempt() -> bool:
        return condition()

    return await support.soon(attempt)


class Gate:
    """Something that hangs until it is let go, and is let go at the end of the test."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.waiting = 0

    def __call__(self, *_: Any) -> Any:
        self.waiting += 1
        assert self._open.wait(60)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()


async def test_large_prompts_beside_hanging_connects(
    make_cache: MakeCache, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt that is read off the loop does not wait for threads that look up a host name."""
    read = threading.Event()

    def hook(messages: list[BaseMessage]) -> tuple[str, str]:
        if len(messages[-1].text) > LARGE_PROMPT:
            read.set()
        return messages[-1].text, ""

    cache = make_cache(redis_url="redis://a-name-that-takes-for-ever.invalid", question=hook)
    monkeypatch.setattr("socket.getaddrinfo", gate)
    for n in range(THREADS):
        arguments = (asked(f"q{n}"), LLM)
        threading.Thread(target=cache.lookup, args=arguments, daemon=True).start()
    assert await soon(lambda: gate.waiting >= 64)
    reading = asyncio.ensure_future(cache.alookup(asked(LARGE), LLM))
    assert await soon(read.is_set)
    gate.open()
    await reading


async def test_a_hook_that_hangs(
    make_cache: MakeCache, events: list[Event], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off the loop it has so much time and no more; other hooks go on, though all threads hang."""
    monkeypatch.setattr(drivers, "WORK_SECONDS", 0.2)

    def hook(messages: list[BaseMessage]) -> None:
        if "hang" in messages[-1].text:
            gate()

    cache = make_cache(question=hook)
    prompts = [asked(f"hang {n} {LARGE}") for n in range(THREADS)]
    assert await asyncio.gather(*(cache.alookup(p, LLM) for p in prompts)) == [None] * THREADS
    assert verdicts(events) == ["question_failed"] * THREADS
    assert {e.error for e in events if isinstance(e, Failed)} == {"TimeoutError"}
    events.clear()
    await cache.alookup(asked(LARGE), LLM)
    assert events[-1] == Bypassed("lookup", "question_hook")


def test_a_client_without_a_timeout(make_app: MakeApplication, proxy: FaultProxy) -> None:
    """Calls on a dark route end in time, and the cache comes back though they hang for ever."""
    client = redis.Redis.from_url(proxy.url, socket_timeout=None, socket_connect_timeout=None)
    app = make_app(redis_client=client)
    app.warm_up()
    proxy.deaf()
    app.storm([new_question() for _ in range(THREADS)])
    app.in_time()
    proxy.forget_flows()
    proxy.pass_through()
    app.recovers()
    app.discreet()


async def test_late_answers(
    make_cache: MakeCache, events: list[Event], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is not written or read in time is neither stored nor served."""
    cache = make_cache()
    answer = told(LARGE)
    await cache.aupdate(asked("story"), LLM, answer)
    assert text_of(await cache.alookup(asked("story"), LLM)) == LARGE
    for _ in range(64):
        cache._drivers.computing.submit(gate)
    monkeypatch.setattr(drivers, "WORK_SECONDS", 0.1)
    events.clear()
    assert await cache.alookup(asked("story"), LLM) is None
    await cache.aupdate(asked("story"), LLM, answer)
    assert verdicts(events) == ["overloaded"]
    assert events[-1] == Bypassed("update", "overloaded")
    gate.open()
    monkeypatch.undo()
    assert text_of(await cache.alookup(asked("story"), LLM)) == LARGE
