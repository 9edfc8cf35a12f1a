"""Flows that nobody waits for: in a thread, or in a task of the running loop.

Rule of this module: what is too much is dropped, what fails is reported, and closing the cache
waits a moment for what is under way and then ends it. Stores have rules of their own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from typing import Any

from .._effects import Ask, AskFailedError, Flow
from .._reporter import Reporter
from .._signals import let_through
from ..bounded.callables import is_late, ways
from ..bounded.threads import Workers
from ..events import Failed
from .stores import Stores

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
        self.stores = Stores()
        self.reset()

    def reset(self) -> None:
        """Forget everything; after a fork there is nothing."""
        self._workers.reset()
        self._outside.reset()
        self._futures: set[concurrent.futures.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.stores.reset()

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
        concurrent.futures.wait([*self._futures, *self.stores.futures], seconds)

    async def asettle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for the tasks of this loop and cancel what takes longer; then for the threads."""
        loop = asyncio.get_running_loop()
        tasks = (*self._tasks, *self.stores.tasks)
        ours = [task for task in tasks if task.get_loop() is loop]
        futures = (*self._futures, *self.stores.futures)
        threads = [asyncio.wrap_future(future) for future in futures]
        if ours or threads:
            _, late = await asyncio.wait([*ours, *threads], timeout=seconds)
            self.stores.given_up.update(late)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _unforeseen(self, error: Exception) -> None:
        self._reporter.emit(Failed("update", "internal", type(error).__name__))


def _failed(error: Exception) -> AskFailedError:
    let_through(error)
    return AskFailedError("TimeoutError" if is_late(error) else type(error).__name__)
