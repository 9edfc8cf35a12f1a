"""Daemon threads for what may hang: the caller waits until its deadline and no longer.

Not `concurrent.futures`: its threads are joined at exit, and one hanging call would hold up the
end of the process.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT = 64
"""More threads than this hang only while a fault lasts; further calls fail at once."""
IDLE_SECONDS = 10.0

_Job = tuple[contextvars.Context, Callable[[], Any], "Future[Any]"]


class Workers:
    """Runs functions in reused daemon threads, in the caller's context."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget all threads; after a fork there are none."""
        self._idle: deque[SimpleQueue[_Job]] = deque()
        self._threads = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Start a function; raises `TimeoutError` where all threads are busy."""
        future: Future[T] = Future()
        job: _Job = (contextvars.copy_context(), function, future)
        try:
            self._idle.pop().put(job)
        except IndexError:
            self._start(job)
        return future

    def run(self, function: Callable[[], T], timeout: float | None) -> T:
        """Return the function's result, or raise `TimeoutError` when the time is over."""
        future = self.submit(function)
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            # Python 3.10 has two TimeoutErrors; the function's own ends up here as well.
            raise TimeoutError from None

    def _start(self, job: _Job) -> None:
        with self._lock:
            if self._threads >= self._limit:
                raise TimeoutError("all worker threads are busy")
            self._threads += 1
        inbox: SimpleQueue[_Job] = SimpleQueue()
        inbox.put(job)
        threading.Thread(target=self._serve, args=(inbox,), name="semcache", daemon=True).start()

    def _serve(self, inbox: SimpleQueue[_Job]) -> None:
        idle, lock = self._idle, self._lock
        while True:
            try:
                context, function, future = inbox.get(timeout=IDLE_SECONDS)
            except Empty:
                try:
                    idle.remove(inbox)
                except ValueError:
                    continue  # just taken: a job is on its way
                break
            try:
                result = context.run(function)
            except BaseException as error:
                idle.append(inbox)
                future.set_exception(error)
            else:
                idle.append(inbox)
                future.set_result(result)
            del context, function, future
        with lock:
            self._threads -= 1
