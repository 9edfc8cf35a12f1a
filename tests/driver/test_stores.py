"""Stores behind their calls: none is dropped, whoever is slow and whatever ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from langchain_redis_semcache._effects import Flow
from langchain_redis_semcache.bounded.threads import wait
from langchain_redis_semcache.driver import stores as module
from langchain_redis_semcache.driver.background import Background
from langchain_redis_semcache.driver.stores import Stores
from langchain_redis_semcache.reporting.reporter import Reporter


class Slow:
    """Runs flows once it may, and notes what was stored and where."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.stored: list[int] = []
        self.threads: set[str] = set()

    def flow(self, number: int) -> Flow[None]:
        self.stored.append(number)
        yield from ()

    def run(self, flow: Flow[None]) -> None:
        self.may.wait(10)
        self.threads.add(threading.current_thread().name)
        assert list(flow) == []

    async def arun(self, flow: Flow[None]) -> None:
        while not self.may.is_set():
            await asyncio.sleep(0)
        assert list(flow) == []


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.may.set()


def test_behind(slow: Slow) -> None:
    """The caller goes on while the answer is being stored by another thread."""
    stores = Stores()
    stores.store(slow.run, partial(slow.flow, 1))
    assert slow.stored == []
    slow.may.set()
    wait(stores.jobs, 10)
    assert slow.stored == [1]
    assert slow.threads == {"semcache"}


def test_too_many(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many are under way the caller stores by itself instead of dropping one."""
    monkeypatch.setattr(module, "LIMIT", 2)
    stores = Stores()
    for number in range(2):
        stores.store(slow.run, partial(slow.flow, number))
    slow.may.set()
    pending = list(stores.jobs)
    stores.store(slow.run, partial(slow.flow, 2))
    wait(pending, 10)
    assert sorted(slow.stored) == [0, 1, 2]


async def test_too_many_tasks(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for tasks."""
    monkeypatch.setattr(module, "LIMIT", 2)
    stores = Stores()
    for number in range(2):
        await stores.astore(slow.run, slow.arun, partial(slow.flow, number))
    assert slow.stored == []
    slow.may.set()
    await stores.astore(slow.run, slow.arun, partial(slow.flow, 2))
    assert 2 in slow.stored
    await asyncio.gather(*stores.tasks)
    assert sorted(slow.stored) == [0, 1, 2]


@pytest.mark.parametrize("begun", [False, True])
def test_the_end_of_a_loop(slow: Slow, begun: bool) -> None:
    """What a loop did not come to is stored by a thread."""
    stores = Stores()

    async def main() -> None:
        await stores.astore(slow.run, slow.arun, partial(slow.flow, 1))
        if begun:
            await asyncio.sleep(0)

    asyncio.run(main())
    slow.may.set()
    wait(stores.jobs, 10)
    assert slow.stored == [1]


async def test_closing_gives_up(slow: Slow) -> None:
    """Closing waits a moment and no longer: what had its time is not begun anew in a thread."""
    background = Background(Reporter("app", []))
    await background.stores.astore(slow.run, slow.arun, partial(slow.flow, 1))
    await background.asettle(0.01)
    await asyncio.sleep(0)
    assert background.stores.tasks == set()
    assert background.stores.jobs == set()


async def test_closing_waits(slow: Slow) -> None:
    """Closing waits for tasks and threads alike."""
    background = Background(Reporter("app", []))
    await background.stores.astore(slow.run, slow.arun, partial(slow.flow, 1))
    background.stores.store(slow.run, partial(slow.flow, 2))
    slow.may.set()
    await background.asettle(10)
    assert sorted(slow.stored) == [1, 2]


def test_a_judge_that_hangs(slow: Slow) -> None:
    """Stores do not stand in line behind flows that wait for a judge."""
    background = Background(Reporter("app", []))
    hanging = threading.Event()

    def judged(flow: Any) -> None:
        hanging.wait(10)
        flow.close()

    for _ in range(64):
        assert background.start(judged, slow.flow(0))
    slow.may.set()
    background.stores.store(slow.run, partial(slow.flow, 1))
    wait(background.stores.jobs, 10)
    assert slow.stored == [1]
    hanging.set()
    background.settle(10)


def test_what_is_forgotten(slow: Slow) -> None:
    """To wait at the end of the process keeps no cache alive until then."""
    stores = Stores()
    slow.may.set()
    stores.store(slow.run, partial(slow.flow, 1))
    wait(stores.jobs, 10)
    gone = weakref.ref(stores)
    del stores
    gc.collect()
    assert gone() is None


def test_no_thread_can_be_started(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller stores by itself, and what nobody waits for is left."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    background = Background(Reporter("app", []))
    slow.may.set()
    background.stores.store(slow.run, partial(slow.flow, 1))
    assert slow.stored == [1]
    assert not background.start(slow.run, slow.flow(2))
    assert slow.stored == [1]
