"""Daemon threads for what may hang: the caller waits until its deadline and no longer.

Not `concurrent.futures`: its threads are joined at exit, and one hanging call would hold up the
end of the process.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .._signals import let_through

T = TypeVar("T")

LIMIT = 64
"""More threads than this are busy only while a fault lasts; further calls wait in line."""
IDLE_SECONDS = 10.0

_Job = tuple[contextvars.Context, Callable[[], Any], "Future[Any]"]


class Workers:
    """Runs functions in reused daemon threads, in the caller's context."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget all threads; after a fork there are none."""
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Start a function, or queue it where all threads are busy."""
        future: Future[T] = Future()
        self._jobs.put((contextvars.copy_context(), function, future))
        if not self._idle.acquire(blocking=False):
            self._start_thread()
        return future

    def run(self, function: Callable[[], T], timeout: float | None) -> T:
        """Return the function's result, or raise `TimeoutError` when the time is over."""
        future = self.submit(function)
        try:
            return future.result(timeout)
        except FutureTimeoutError as error:
            future.cancel()  # it may still be queued
            let_through(error)
            # Python 3.10 has two TimeoutErrors; the function's own ends up here as well.
            raise TimeoutError from None

    def _start_thread(self) -> None:
        with self._lock:
            if self._threads >= self._limit:
                return
            self._threads += 1
        # The thread keeps to the queue it was started for, whatever a fork makes of this object.
        arguments = (self._jobs, self._idle, self._ended)
        threading.Thread(target=_serve, args=arguments, name="semcache", daemon=True).start()

    def _ended(self) -> None:
        with self._lock:
            self._threads -= 1
        if not self._jobs.empty():  # put there while the last thread was about to end
            self._start_thread()


def _serve(jobs: SimpleQueue[_Job], idle: threading.Semaphore, ended: Callable[[], None]) -> None:
    while True:
        try:
            job = jobs.get_nowait()
        except Empty:
            idle.release()
            try:
                job = jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                if idle.acquire(blocking=False):
                    break
                continue  # somebody counts on this thread: a job is on its way
        _carry_out(*job)
        del job
    ended()


def _carry_out(
    context: contextvars.Context, function: Callable[[], Any], future: Future[Any]
) -> None:
    # A future that runs cannot be cancelled any more: setting its result is safe.
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = context.run(function)
    except BaseException as error:
        # An asyncio future takes no StopIteration and would never be done.
        stopped = isinstance(error, StopIteration)
        future.set_exception(RuntimeError("StopIteration") if stopped else error)
    else:
        future.set_result(result)
