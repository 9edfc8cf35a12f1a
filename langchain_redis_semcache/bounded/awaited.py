"""What a thread computes, awaited on an event loop: only the loop touches its future."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .breaker import OverloadedError
from .callables import is_late
from .threads import Job, Workers

T = TypeVar("T")


def awaited(job: Job[T]) -> asyncio.Future[T]:
    """Return what to await for a job's result; cancelling it gives the job up."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def done(job: Job[T]) -> None:
        try:
            loop.call_soon_threadsafe(_settle, future, job)
        except RuntimeError:  # the loop has ended: nobody waits
            return

    job.then(done)
    future.add_done_callback(lambda _: job.give_up())
    return future


def in_thread(workers: Workers, function: Callable[[], T]) -> asyncio.Future[T]:
    """Run a function in a thread, and return what to await for its result."""
    return awaited(workers.submit(function))


async def in_time(workers: Workers, function: Callable[[], T], timeout: float | None) -> T:
    """Return what a function computes in a thread; raise what `Workers.run` raises."""
    job = workers.submit(function)
    try:
        return await within(timeout, awaited(job))
    except Exception as error:
        if is_late(error) and not job.begun:
            raise OverloadedError from None
        raise


async def within(timeout: float | None, call: Awaitable[T]) -> T:
    """Await something for so many seconds at most."""
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(call, timeout)
    async with asyncio.timeout(timeout):  # without a task more
        return await call


def _settle(future: asyncio.Future[T], job: Job[T]) -> None:
    if future.done():
        return
    try:
        future.set_result(job.result())
    except BaseException as error:
        future.set_exception(error)
