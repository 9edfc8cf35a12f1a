"""What a thread computes reaches the loop that waits for it, and nobody where none does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from langchain_redis_semcache.bounded.awaited import awaited, in_thread
from langchain_redis_semcache.bounded.threads import Workers

SECONDS = 10.0


async def test_results_and_errors() -> None:
    """What the function returns or raises is the caller's."""
    workers = Workers()
    assert await in_thread(workers, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(workers, lambda: 1 // 0)


async def test_a_job_that_is_done() -> None:
    """It can be awaited as well."""
    job = Workers().submit(lambda: 7)
    assert job.wait(SECONDS)
    assert await awaited(job) == 7


async def test_given_up() -> None:
    """A future that was cancelled gives its job up, and takes no result any more."""
    workers, gate = Workers(limit=1), threading.Event()
    job = workers.submit(gate.wait)
    future = awaited(job)
    future.cancel()
    await asyncio.sleep(0)
    assert job.given_up
    gate.set()
    assert await in_thread(workers, lambda: 7) == 7
    assert future.cancelled()


def test_a_loop_that_has_ended() -> None:
    """A result that comes after the end of its loop harms nobody."""
    workers, gate = Workers(limit=1), threading.Event()

    async def leave() -> None:
        in_thread(workers, gate.wait)

    asyncio.run(leave())
    gate.set()
    assert workers.run(lambda: 7, SECONDS) == 7
