"""Flows that nobody waits for: in a thread, or in a task of the running loop.

Rule of this module: what is too much is dropped, what fails is reported, and closing the cache
waits a moment for what is under way and then ends it. Answers to be stored are never dropped.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from .._effects import Ask, AskFailedError, Flow
from .._reporter import Reporter
from .._signals import let_through
from ..bounded.callables import is_late, ways
from ..bounded.threads import Workers
from ..events import Failed

THREADS = 8
LIMIT = 64
"""More than this are under way only where a judge is slower than the traffic."""
SETTLE_SECONDS = 2.0


class Background:
    """What one cache has under way."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._workers = Workers(THREADS)
        # Others' threads: a judge that hangs must not keep flows from being run.
        self._outside = Workers()
        self._exits = False
        self.reset()

    def reset(self) -> None:
        """Forget everything; after a fork there is nothing."""
        self._workers.reset()
        self._outside.reset()
        self._futures: set[concurrent.futures.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stores: set[concurrent.futures.Future[None]] = set()
        self._late: set[asyncio.Task[None]] = set()

    def start(self, run: Callable[[Flow[None]], None], flow: Flow[None]) -> bool:
        """Run a flow in a thread, where there are not too many."""
        if len(self._futures) >= LIMIT:
            flow.close()
            return False

        def guarded() -> None:
            try:
                run(flow)
            except Exception as error:
                self._unforeseen(error)

        future = self._workers.submit(guarded)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return True

    def store(self, run: Callable[[Flow[None]], None], flow: Callable[[], Flow[None]]) -> None:
        """Store an answer in a thread; where there are too many, here and now.

        The answer has been paid for, so that the end of the process waits for it a moment.
        """
        if len(self._futures) >= LIMIT:
            return run(flow())
        future = self._workers.submit(lambda: run(flow()))
        for group in (self._futures, self._stores):
            group.add(future)
            future.add_done_callback(group.discard)
        if not self._exits:
            self._exits = True
            atexit.register(_settle_stores, weakref.ref(self))

    async def astore(
        self,
        run: Callable[[Flow[None]], None],
        arun: Callable[[Flow[None]], Coroutine[Any, Any, None]],
        flow: Callable[[], Flow[None]],
    ) -> None:
        """Store an answer in a task, or in a thread where the loop ends before the task."""
        if len(self._tasks) >= LIMIT:
            return await arun(flow())
        task = asyncio.get_running_loop().create_task(arun(flow()))
        self._tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # One that was too late for `asettle` has had its time.
            if task.cancelled() and task not in self._late:
                self.store(run, flow)

        task.add_done_callback(over)

    def astart(
        self, run: Callable[[Flow[None]], Coroutine[Any, Any, None]], flow: Flow[None]
    ) -> bool:
        """Run a flow as a task, where there are not too many."""
        if len(self._tasks) >= LIMIT:
            flow.close()
            return False

        async def guarded() -> None:
            try:
                await run(flow)
            except Exception as error:
                let_through(error)
                self._unforeseen(error)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def ask(self, request: Ask) -> Any:
        call, _ = ways(request.subject, request.method, *request.arguments)
        try:
            return self._outside.run(call, request.timeout)
        except Exception as error:
            raise _failed(error) from None

    async def aask(self, request: Ask) -> Any:
        call, acall = ways(request.subject, request.method, *request.arguments)
        try:
            if acall is not None:
                return await asyncio.wait_for(acall(), request.timeout)
            future = asyncio.wrap_future(self._outside.submit(call))
            return await asyncio.wait_for(future, request.timeout)
        except Exception as error:
            raise _failed(error) from None

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for the threads; what takes longer is left behind."""
        concurrent.futures.wait(list(self._futures), seconds)

    async def asettle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for the tasks of this loop and cancel what takes longer; then for the threads."""
        loop = asyncio.get_running_loop()
        ours = [task for task in self._tasks if task.get_loop() is loop]
        threads = [asyncio.wrap_future(future) for future in list(self._futures)]
        if ours or threads:
            _, late = await asyncio.wait([*ours, *threads], timeout=seconds)
            self._late.update(one for one in late if isinstance(one, asyncio.Task))
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            self._late.clear()

    def _unforeseen(self, error: Exception) -> None:
        self._reporter.emit(Failed("update", "internal", type(error).__name__))


def _settle_stores(background: weakref.ref[Background]) -> None:
    alive = background()
    if alive is not None:
        concurrent.futures.wait(list(alive._stores), SETTLE_SECONDS)


def _failed(error: Exception) -> AskFailedError:
    let_through(error)
    return AskFailedError("TimeoutError" if is_late(error) else type(error).__name__)
