"""Flows that nobody waits for: in a thread, or in a task of the running loop.

Rule of this module: what is too much is dropped, what fails is reported, and closing the cache
waits a moment for what is under way and then ends it. Stores have rules of their own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from .._causes import told
from .._effects import Ask, AskFailedError, Flow, Soon
from .._signals import let_through
from ..bounded.awaited import awaited, in_thread
from ..bounded.callables import is_late, ways
from ..bounded.threads import Job, Workers, wait
from ..events import Failed
from ..reporting.reporter import Reporter
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
        self._jobs: set[Job[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.stores.reset()

    def start(self, run: Callable[[Flow[None]], None], flow: Flow[None]) -> bool:
        """Run a flow in a thread, where there are not too many."""
        if len(self._jobs) >= LIMIT:
            flow.close()
            return False

        def guarded() -> None:
            try:
                run(flow)
            except Exception as error:
                self.unforeseen(error)

        try:
            job = self._workers.submit(guarded)
        except RuntimeError:  # no thread can be started
            flow.close()
            return False
        self._jobs.add(job)
        job.then(self._jobs.discard)
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
                self.unforeseen(error)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def soon(self, run: Callable[[Flow[None]], None], request: Soon) -> None:
        """Run a flow in a thread after a while."""
        timer = threading.Timer(request.seconds, lambda: self.start(run, request.make()))
        timer.daemon = True
        with suppress(RuntimeError):  # no thread can be started
            timer.start()

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
            return await asyncio.wait_for(in_thread(self._outside, call), request.timeout)
        except Exception as error:
            raise _failed(error) from None

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for the threads, and for what they begin; what takes longer is left behind."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and (self._jobs or self.stores.jobs):
            wait([*self._jobs, *self.stores.jobs], left)

    async def asettle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for the tasks of this loop, the threads and what they begin; cancel what is late."""
        until = time.monotonic() + seconds
        late: set[asyncio.Future[None]] = set()
        while not late and (under_way := self._under_way()):
            _, late = await asyncio.wait(under_way, timeout=max(0.0, until - time.monotonic()))
        self.stores.given_up.update(late)
        for one in late:
            one.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _under_way(self) -> list[asyncio.Future[None]]:
        loop = asyncio.get_running_loop()
        tasks = (*self._tasks, *self.stores.tasks)
        ours: list[asyncio.Future[None]] = [task for task in tasks if task.get_loop() is loop]
        return ours + [awaited(job) for job in (*self._jobs, *self.stores.jobs)]

    def unforeseen(self, error: Exception) -> None:
        """Report a bug of ours, or of a judge."""
        self._reporter.emit(Failed("update", "internal", type(error).__name__))
        self._reporter.explain("internal", told(error))


def _failed(error: Exception) -> AskFailedError:
    let_through(error)
    late = is_late(error)
    return AskFailedError("TimeoutError" if late else type(error).__name__, cause=told(error))
