"""The caller waits until its deadline; threads are reused, bounded and never waited for."""

from __future__ import annotations

import asyncio
import contextvars
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import pytest

from langchain_redis_semcache.bounded import threads
from langchain_redis_semcache.bounded.awaited import in_thread
from langchain_redis_semcache.bounded.threads import Job, Workers

T = TypeVar("T")

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


def outcome(job: Job[T]) -> T:
    assert job.wait(SECONDS)
    return job.result()


def settled(workers: Workers) -> None:
    """All threads have noted that they are idle, which they do after their caller has gone on."""
    crew = workers._crew
    assert eventually(lambda: len(crew.idle) == len(crew.threads))


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    return condition()


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
    settled(workers)
    assert workers.run(ident, SECONDS) == first
    settled(workers)
    held = [Held(), Held()]
    jobs = [workers.submit(one) for one in held]
    assert all(one.began.wait(SECONDS) for one in held)
    for one in held:
        one.go.set()
    assert all(map(outcome, jobs))
    assert len(workers._crew.threads) >= 2


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError(), KeyboardInterrupt()])
def test_errors(error: BaseException) -> None:
    """What the function raises reaches the caller, and the thread goes on."""

    def fail() -> None:
        raise error

    workers = Workers()
    with pytest.raises(type(error)):
        workers.run(fail, SECONDS)
    settled(workers)
    assert workers.run(lambda: 1, SECONDS) == 1
    assert len(workers._crew.threads) == 1


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
    assert outcome(first)
    outcome(last)
    assert made == ["in line"]
    assert len(workers._crew.threads) == 1


def test_cancelled_while_running() -> None:
    """A task that gives up on a call does not take the thread with it."""
    workers, held = Workers(limit=1), Held()

    async def give_up() -> None:
        with pytest.raises((TimeoutError, asyncio.TimeoutError)):
            await asyncio.wait_for(in_thread(workers, held), 0.01)

    asyncio.run(give_up())
    held.go.set()
    assert workers.run(lambda: 1, SECONDS) == 1


def test_what_hangs_takes_no_place() -> None:
    """Calls that were given up and still hang leave room for as many others, up to a limit."""
    workers, hung = Workers(limit=2), [Held() for _ in range(5)]
    for one in hung:
        job = workers.submit(one)
        assert one.began.wait(SECONDS)
        job.give_up()
    assert workers.run(lambda: 1, SECONDS) == 1
    for one in hung:
        one.go.set()
    settled(workers)


def test_what_hangs_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that lasts for hours does not cost a thread per call."""
    monkeypatch.setattr(threads, "LEFT_BEHIND", 2)
    workers, held = Workers(limit=1), Held()
    jobs = [workers.submit(held) for _ in range(3)]
    for count, job in enumerate(jobs, 1):
        workers.submit(held)
        assert eventually(lambda count=count: len(workers._crew._running) == count)
        job.give_up()
    workers.submit(held)
    with pytest.raises(TimeoutError):
        workers.run(lambda: 1, 0.05)
    assert len(workers._crew.threads) == 3
    held.go.set()
    assert workers.run(lambda: 1, SECONDS) == 1


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread without work ends, and the next call starts another."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    workers = Workers()
    thread = workers.run(threading.current_thread, SECONDS)
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert not workers._crew.threads
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
        for job in [workers.submit(lambda n=n: made.append(n)) for n in range(100)]:
            outcome(job)

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
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(in_thread(Workers(), lambda: next(iter(()))), SECONDS)


def test_a_thread_that_is_counted_on_as_it_ends() -> None:
    """A job that was put in line just when the last thread went is done by it."""
    workers = Workers(limit=1)
    crew = workers._crew

    class Empty(threads.SimpleQueue):
        job: Job[str] | None = None

        def get(self, block: bool = True, timeout: float | None = None) -> Job[str]:
            if self.job is None:
                self.job = workers.submit(lambda: "done")  # nobody is started: one seems idle
                raise threads.Empty
            return super().get(block, timeout)

    crew._jobs = jobs = Empty()
    first = workers.submit(lambda: "first")
    assert outcome(first) == "first"
    assert jobs.job is not None
    assert outcome(jobs.job) == "done"


def test_nobody_is_counted_on_twice() -> None:
    """A job that counted on a thread which had just taken another one gets a thread of its own."""
    workers, held = Workers(), Held()
    workers.run(ident, SECONDS)
    settled(workers)
    (only,) = workers._crew.idle
    workers.submit(held)
    assert held.began.wait(SECONDS)
    workers._crew.idle.add(only)  # as if it had not noted yet what it does
    job = workers.submit(lambda: "done")
    workers._crew.idle.discard(only)
    workers._crew._staff()
    assert outcome(job) == "done"
    held.go.set()


class Refused:
    """Thread starts, the first of which the system refuses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        start = threading.Thread.start

        def refusing(thread: threading.Thread) -> None:
            if self.left:
                self.left -= 1
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refusing)


def test_threads_that_cannot_start_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call fails at once where no thread can be started, and the next one that can is made."""
    workers = Workers(limit=2)
    Refused(monkeypatch, 100)
    for _ in range(100):
        with pytest.raises(RuntimeError, match="can't start"):
            workers.run(lambda: 1, SECONDS)
    assert workers.run(lambda: 1, SECONDS) == 1


def test_a_thread_that_cannot_start_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for which there is no further thread waits for one that there is."""
    workers, held = Workers(), Held()
    first = workers.submit(held)
    assert held.began.wait(SECONDS)
    refused = Refused(monkeypatch, 1)
    second = workers.submit(lambda: "second")
    assert not refused.left
    held.go.set()
    assert outcome(second) == "second"
    assert outcome(first)


class StruckError(Exception):
    """What the handler below raises."""


class Striking:
    """A signal handler that raises at random steps of the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self.armed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.armed:
            self.count += 1
            raise StruckError


# Of a start that is interrupted late, `threading` loses track and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timers on Windows")
def test_interrupts_leave_all_threads_usable() -> None:
    """However often a signal handler raises, and wherever: later calls find every thread."""
    workers, striking, made = Workers(limit=4), Striking(), 0
    before = signal.signal(signal.SIGALRM, striking)
    try:
        while striking.count < 3000:
            try:
                striking.armed = True
                # Again and again: what strikes while an object is deleted is swallowed by Python.
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 2e-4), 1e-3)
                while True:
                    workers.run(lambda: None, SECONDS)
                    made += 1
            except StruckError:
                striking.armed = False
            except (RuntimeError, KeyError) as error:
                # Struck while `threading` let go of a lock of its own, or looked up a thread that
                # had begun, where a thread starts.
                striking.armed = False
                if not isinstance(error.__context__, StruckError):
                    raise
    finally:
        striking.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    held = [Held() for _ in range(4)]
    jobs = [workers.submit(one) for one in held]
    assert all(one.began.wait(SECONDS) for one in held)
    for one in held:
        one.go.set()
    assert all(map(outcome, jobs))
    assert made


def test_a_start_that_was_cut_short() -> None:
    """A thread that an interrupt kept from starting is not counted for ever."""
    workers = Workers(limit=2)
    workers._crew.threads |= {threading.Thread(), threading.Thread()}
    assert workers.run(lambda: 1, SECONDS) == 1
    assert len(workers._crew.threads) == 1
