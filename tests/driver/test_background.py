"""What runs behind a call: bounded, reported where it fails, and left behind on closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

import pytest

from langchain_redis_semcache._effects import (
    Ask,
    AskFailedError,
)
from langchain_redis_semcache.driver.background import LIMIT, Background
from langchain_redis_semcache.events import Event, Failed
from langchain_redis_semcache.reporting.reporter import Reporter


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def background(events: list[Event]) -> Background:
    return Background(Reporter("test", [events.append]))


def flow(work: Any) -> Generator[Any, Any, None]:
    work()
    return
    yield


def run(flow: Any) -> None:
    list(flow)


async def arun(flow: Any) -> None:
    await asyncio.sleep(0)
    list(flow)


async def test_flows_run_behind_the_call_and_what_they_raise_is_reported(
    background: Background, events: list[Event]
) -> None:
    """In threads and in tasks alike."""
    done: list[int] = []
    assert background.start(run, flow(lambda: done.append(1)))
    assert background.astart(arun, flow(lambda: done.append(2)))
    assert background.start(run, flow(lambda: 1 / 0))
    assert background.astart(arun, flow(lambda: 1 / 0))
    await background.asettle()
    await background.asettle()
    assert sorted(done) == [1, 2]
    assert events == [Failed("update", "internal", "ZeroDivisionError")] * 2


async def test_too_much_is_dropped(background: Background) -> None:
    """A slow judge does not pile up work without bound."""
    gate = threading.Event()
    started = [background.start(run, flow(gate.wait)) for _ in range(LIMIT + 1)]
    assert started == [True] * LIMIT + [False]

    async def wait(one: Any) -> None:
        await asyncio.Event().wait()

    tasks = [background.astart(wait, flow(int)) for _ in range(LIMIT + 1)]
    assert tasks == [True] * LIMIT + [False]
    gate.set()
    await background.asettle(0.2)
    await asyncio.sleep(0)
    assert not background._tasks


def test_closing_leaves_behind_what_hangs(background: Background) -> None:
    """Waiting has an end."""
    gate = threading.Event()
    ended: list[bool] = []
    background.start(run, flow(lambda: ended.append(gate.wait())))
    background.settle(0.1)
    assert ended == []
    gate.set()
    background.settle()
    assert ended == [True]
    background.reset()


async def test_asking_ends_in_time_and_every_failure_is_one_kind_of_exception(
    background: Background,
) -> None:
    """Threads and coroutines, too slow or broken."""

    async def slow() -> None:
        await asyncio.Event().wait()

    def broken() -> None:
        raise KeyError("x")

    gate = threading.Event()
    for request, label in (
        (Ask(gate.wait, "verify", (), 0.05), "TimeoutError"),
        (Ask(broken, "verify", (), 1), "KeyError"),
    ):
        with pytest.raises(AskFailedError, match=label):
            background.ask(request)
        with pytest.raises(AskFailedError, match=label):
            await background.aask(request)
    with pytest.raises(AskFailedError, match="TimeoutError"):
        await background.aask(Ask(slow, "verify", (), 0.05))
    seven = Ask(lambda: 7, "verify", (), 1)
    assert await background.aask(seven) == background.ask(seven) == 7
    gate.set()
