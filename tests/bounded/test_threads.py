"""The caller waits until its deadline; threads are reused, bounded and never waited for."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from langchain_redis_semcache.bounded import threads
from langchain_redis_semcache.bounded.threads import Workers

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="")
SECONDS = 10.0


class Held:
    """A function that has begun and waits to be let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        self.go.wait(SECONDS)
        return threading.current_thread().name


def ident() -> int:
    return threading.get_ident()


def test_result_and_context() -> None:
    """A function runs in another thread, in the caller's context."""
    VARIABLE.set("tenant")
    workers = Workers()
    assert workers.run(VARIABLE.get, SECONDS) == "tenant"
    assert workers.run(ident, SECONDS) != ident()


def test_threads_are_reused() -> None:
    """Calls one after the other share a thread; calls at once do not."""
    workers = Workers()
    first = workers.run(ident, SECONDS)
    assert workers.run(ident, SECONDS) == first
    held = [Held(), Held()]
    futures = [workers.submit(one) for one in held]
    assert all(one.began.wait(SECONDS) for one in held)
    for one in held:
        one.go.set()
    assert all(future.result(SECONDS) for future in futures)
    assert workers._threads == 2


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError(), KeyboardInterrupt()])
def test_errors(error: BaseException) -> None:
    """What the function raises reaches the caller, and the thread goes on."""

    def fail() -> None:
        raise error

    workers = Workers()
    with pytest.raises(type(error)):
        workers.run(fail, SECONDS)
    assert workers.run(lambda: 1, SECONDS) == 1
    assert workers._threads == 1


def test_deadline() -> None:
    """A function that hangs costs its caller no more than the deadline."""
    workers, held = Workers(), Held()
    with pytest.raises(TimeoutError):
        workers.run(held, 0.01)
    assert workers.run(lambda: 1, SECONDS) == 1
    held.go.set()


def test_limit() -> None:
    """Where all threads are busy calls wait in line, and one that was given up is not made."""
    workers, held = Workers(limit=1), Held()
    first = workers.submit(held)
    made: list[str] = []
    with pytest.raises(TimeoutError):
        workers.run(lambda: made.append("given up"), 0.01)
    last = workers.submit(lambda: made.append("in line"))
    held.go.set()
    assert first.result(SECONDS)
    last.result(SECONDS)
    assert made == ["in line"]
    assert workers._threads == 1


def test_cancelled_while_running() -> None:
    """A task that gives up on a call does not take the thread with it."""
    workers, held = Workers(limit=1), Held()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(workers.submit(held)), 0.01)

    asyncio.run(give_up())
    held.go.set()
    assert workers.run(lambda: 1, SECONDS) == 1


def test_cancelled_before_it_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was given up before its thread took it is left out; the thread serves on."""
    started: list[Callable[[], None]] = []
    workers = Workers()
    monkeypatch.setattr(
        threads.threading, "Thread", lambda target, args, **_: Later(started, target, args)
    )
    future = workers.submit(lambda: pytest.fail("was run"))
    assert future.cancel()
    monkeypatch.undo()
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    started[0]()
    assert workers._threads == 0
    assert workers.run(lambda: 1, SECONDS) == 1


class Later:
    """A thread that is started by hand."""

    def __init__(
        self,
        threads: list[Callable[[], None]],
        target: Callable[..., None],
        args: tuple[object, ...],
    ) -> None:
        self._threads = threads
        self._run = lambda: target(*args)

    def start(self) -> None:
        self._threads.append(self._run)


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread without work ends, and the next call starts another."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    workers = Workers()
    thread = workers.run(threading.current_thread, SECONDS)
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert workers._threads == 0
    assert workers.run(lambda: 1, SECONDS) == 1


@pytest.mark.parametrize("limit", [1, 64])
def test_race_with_the_end(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """A job that is given to a thread about to end is done all the same."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 1e-6)
    workers = Workers(limit)
    for n in range(300):
        assert workers.run(lambda n=n: n, SECONDS) == n


def test_many_at_once() -> None:
    """Every one of many calls from many threads is made, once."""
    workers, made = Workers(limit=3), list[int]()

    def call_all() -> None:
        for future in [workers.submit(lambda n=n: made.append(n)) for n in range(100)]:
            future.result(SECONDS)

    threads = [threading.Thread(target=call_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(4 * list(range(100)))


def test_reset() -> None:
    """After a fork there are no threads, and new ones are started."""
    workers, held = Workers(limit=1), Held()
    workers.submit(held)
    workers.reset()
    assert workers.run(lambda: 1, SECONDS) == 1
    held.go.set()


def test_no_wait_at_exit() -> None:
    """A call that hangs does not keep the process from ending."""
    code = """
import threading
from langchain_redis_semcache.bounded.threads import Workers
began = threading.Event()
Workers().submit(lambda: (began.set(), threading.Event().wait()))
began.wait()
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


async def test_stop_iteration() -> None:
    """A function that raises StopIteration fails at once, not at the deadline."""
    future = Workers().submit(lambda: next(iter(())))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(asyncio.wrap_future(future), SECONDS)


def test_taken_at_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is counted on just when it would end waits for the job on its way."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.001)
    workers, made = Workers(limit=1), list[int]()

    class CountedOn(threading.Semaphore):
        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            if not made:
                made.append(1)
                return False  # somebody was faster
            return super().acquire(blocking, timeout)

    threads._serve(workers._jobs, CountedOn(0), lambda: made.append(2))
    assert made == [1, 2]


def test_job_of_a_thread_that_ended() -> None:
    """A job that was put in line while the last thread ended gets another thread."""
    workers = Workers(limit=1)
    workers._threads = 1  # about to end
    future = workers.submit(lambda: "done")
    workers._ended()
    assert future.result(SECONDS) == "done"
