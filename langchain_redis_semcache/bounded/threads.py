"""Daemon threads for what may hang: the caller waits until its deadline and no longer.

Rule of this module: callers share no lock and no count with the threads. A signal handler may raise
between any two steps of a caller in the main thread, and what it would leave behind (a lock held, a
thread counted that never ran) would be there for ever. Who is idle is noted by the threads
themselves, in which no handler runs.

Not `concurrent.futures`: its threads are joined at exit, so that one hanging call would hold up the
end of the process, and its futures have locks that both sides take.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from .breaker import OverloadedError

T = TypeVar("T")

LIMIT = 64
"""About so many; more are busy only while a fault lasts. Further calls wait in line."""
LEFT_BEHIND = 512
"""Threads beside these whose callers have gone, in calls that hang. With a try every few seconds
that is more than hang before the kernel gives a dead connection up, after a quarter of an hour."""
IDLE_SECONDS = 10.0


class Job(Generic[T]):
    """A function on its way through a thread, and what came of it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._context = contextvars.copy_context()
        self._gate = threading.Lock()  # closed until the job is done
        self._gate.acquire()
        self.given_up = False
        self.begun = False
        self._done = False
        self._told: deque[Callable[[Job[T]], None]] = deque()
        self._result: T | None = None
        self._error: BaseException | None = None

    def give_up(self) -> None:
        """Leave the function out where no thread has taken it yet, and its thread where one has."""
        self.given_up = True

    def wait(self, timeout: float | None) -> bool:
        """Wait until the job is done, and tell whether it is."""
        if not self._gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            return False
        self._gate.release()
        return True

    def result(self) -> T:
        """Return what the function of a job that is done returned, or raise what it raised."""
        error = self._error
        if error is None:
            return self._result  # type: ignore[return-value]  # set before the job is done
        try:
            raise error
        finally:
            del self, error  # its traceback holds this frame

    def then(self, callback: Callable[[Job[T]], None]) -> None:
        """Call back when the job is done, in its thread, or here where it is done already."""
        self._told.append(callback)
        if self._done:
            self._tell()

    def carry_out(self) -> None:
        if self.given_up:
            self._error = TimeoutError()
        else:
            self.begun = True
            try:
                self._result = self._context.run(self._function)
            except BaseException as error:
                # An asyncio future takes no StopIteration and would never be done.
                stopped = isinstance(error, StopIteration)
                self._error = RuntimeError("StopIteration") if stopped else error
        del self._function, self._context  # they may hold much
        self._done = True
        self._gate.release()
        self._tell()

    def _tell(self) -> None:
        while self._told:
            try:
                callback = self._told.popleft()
            except IndexError:  # the other side was faster
                return
            callback(self)


def wait(jobs: Iterable[Job[Any]], seconds: float) -> None:
    """Wait until these jobs are done, so long at most."""
    until = time.monotonic() + seconds
    for job in list(jobs):
        job.wait(until - time.monotonic())


class Workers:
    """Runs functions in reused daemon threads, in the caller's context."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget all threads; after a fork there are none."""
        self._crew = Crew(self._limit)

    def submit(self, function: Callable[[], T]) -> Job[T]:
        """Start a function, or queue it where all threads are busy.

        Raises RuntimeError where there is no thread and none can be started.
        """
        job = Job(function)
        self._crew.take(job)
        return job

    def run(self, function: Callable[[], T], timeout: float | None) -> T:
        """Return the function's result, or raise `TimeoutError` when the time is over.

        `OverloadedError` is one too: the function has not even begun.
        """
        job = self.submit(function)
        try:
            if job.wait(timeout):
                return job.result()
        finally:
            job.give_up()  # it may still be queued
        raise TimeoutError if job.begun else OverloadedError


class Crew:
    """Threads that take jobs from one queue, each until it has been idle for a while."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[Job[Any]] = SimpleQueue()
        self.threads: set[threading.Thread] = set()
        self.idle: set[threading.Thread] = set()
        self._running: dict[threading.Thread, Job[Any]] = {}

    def take(self, job: Job[Any]) -> None:
        self._jobs.put(job)
        error = self._staff()
        if error is not None and not any(thread.is_alive() for thread in list(self.threads)):
            job.give_up()
            raise error

    def _staff(self) -> RuntimeError | None:
        """Start a thread where more jobs wait than threads do."""
        if self._jobs.qsize() <= len(self.idle):
            return None
        if len(self.threads) >= self._limit and self._is_full():
            return None
        thread = threading.Thread(target=self._serve, name="semcache", daemon=True)
        self.threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # the system has none left; it may have one later
            self.threads.discard(thread)
            return error
        return None

    def _is_full(self) -> bool:
        left_behind = 0
        for thread in list(self.threads):
            if not thread.is_alive():  # an interrupt has cut its start short: it will never run
                self.threads.discard(thread)
                continue
            job = self._running.get(thread)
            left_behind += job is not None and job.given_up
        return len(self.threads) >= self._limit + min(left_behind, LEFT_BEHIND)

    def _serve(self) -> None:
        me = threading.current_thread()
        self.threads.add(me)  # while it started it may have been taken for dead
        while True:
            self.idle.add(me)
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                self.idle.discard(me)
                self.threads.discard(me)
                if self._jobs.empty():
                    return
                self.threads.add(me)  # somebody has counted on this thread
                continue
            self.idle.discard(me)
            self._staff()  # somebody may have counted on this thread just now
            self._running[me] = job
            job.carry_out()
            del self._running[me], job
