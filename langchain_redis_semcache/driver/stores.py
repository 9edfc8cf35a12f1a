"""Answers that are stored behind their calls, in a thread or in a task of the running loop.

Rule of this module: an answer has been paid for, so that none is dropped: where too many are under
way the caller waits after all, the end of a loop hands over to a thread, and the end of the process
waits a moment. Nothing but stores is in these threads, so that no judge is waited for.
"""

from __future__ import annotations

import asyncio
import atexit
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from .._effects import Flow
from ..bounded.threads import Job, Workers, wait

THREADS = 4
LIMIT = 64
"""More than this are under way only while Redis or the embedder is slow."""
EXIT_SECONDS = 2.0
HEAD_START = 0.005
"""Seconds, in which the caller goes on, often to a next call: at once it would come before him."""

Run = Callable[[Flow[None]], None]
ARun = Callable[[Flow[None]], Coroutine[Any, Any, None]]


class Stores:
    """What one cache is storing; neither `run` nor `arun` may raise."""

    def __init__(self) -> None:
        self._workers = Workers(THREADS)
        self._waits_at_exit = False
        self.reset()

    def reset(self) -> None:
        """Forget everything; after a fork there is nothing."""
        self._workers.reset()
        self.jobs: set[Job[None]] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.given_up: weakref.WeakSet[asyncio.Future[None]] = weakref.WeakSet()
        """Tasks that had their time when the cache was closed."""

    def store(self, run: Run, flow: Callable[[], Flow[None]]) -> None:
        """Store an answer in a thread; where there are too many, here and now."""
        if len(self.jobs) >= LIMIT:
            return run(flow())
        try:
            job = self._workers.submit(lambda: run(flow()))
        except RuntimeError:  # no thread can be started
            return run(flow())
        self.jobs.add(job)
        job.then(self.jobs.discard)
        if not self._waits_at_exit:
            self._waits_at_exit = True
            atexit.register(_wait, weakref.ref(self))

    async def astore(self, run: Run, arun: ARun, flow: Callable[[], Flow[None]]) -> None:
        """Store an answer in a task, or in a thread where the loop ends before the task."""
        if len(self.tasks) >= LIMIT:
            return await arun(flow())
        task = asyncio.get_running_loop().create_task(_after(arun, flow))
        self.tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if task.cancelled() and task not in self.given_up:
                self.store(run, flow)

        task.add_done_callback(over)


async def _after(arun: ARun, flow: Callable[[], Flow[None]]) -> None:
    await asyncio.sleep(HEAD_START)
    await arun(flow())


def _wait(stores: weakref.ref[Stores]) -> None:
    alive = stores()
    if alive is not None:
        until = time.monotonic() + EXIT_SECONDS
        # A store may begin another one, of its vector.
        while alive.jobs and (left := until - time.monotonic()) > 0:
            wait(alive.jobs, left)
