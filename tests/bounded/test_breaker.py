"""A fault costs one timeout: the breaker opens, probes with one call, and closes."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from langchain_redis_semcache.bounded.breaker import JUST_BEFORE, Breaker, State, SuspendedError

FIRST, LONGEST = 1.0, 4.0


class Lab:
    """A breaker with a clock that is set by hand."""

    def __init__(self, failures: int = 1) -> None:
        self.now = 100.0
        self.changes: list[State] = []
        self.breaker = Breaker(
            self.changes.append,
            failures=failures,
            first=FIRST,
            longest=LONGEST,
            clock=lambda: self.now,
        )

    def call(self, error: BaseException | None = None) -> str:
        try:
            with self.breaker:
                if error is not None:
                    raise error
        except SuspendedError:
            return "suspended"
        except BaseException:
            return "failed"
        return "done"


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def open_lab(lab: Lab) -> Lab:
    lab.call(OSError())
    lab.changes.clear()
    return lab


def test_closed(lab: Lab) -> None:
    """While nothing fails, every call goes through and nothing is reported."""
    assert [lab.call() for _ in range(3)] == ["done"] * 3
    assert lab.changes == []


@pytest.mark.parametrize("failures", [1, 3])
def test_opens(failures: int) -> None:
    """It opens after so many failures in a row; a success in between starts the count again."""
    lab = Lab(failures)
    for _ in range(failures - 1):
        lab.call(OSError())
    lab.call()
    for _ in range(failures):
        assert lab.breaker.state == "closed"
        assert lab.call(OSError()) == "failed"
    assert lab.breaker.state == "open"
    assert lab.call() == "suspended"
    assert lab.changes == ["open"]


def test_closes(open_lab: Lab) -> None:
    """After the backoff one call probes; its success closes the breaker."""
    open_lab.now += FIRST * 1.25
    assert open_lab.call() == "done"
    assert open_lab.changes == ["half_open", "closed"]
    assert open_lab.call() == "done"


def test_backoff_doubles(open_lab: Lab) -> None:
    """Each failed probe doubles the backoff, with jitter, up to the longest; success resets it."""
    waited = []
    for _ in range(5):
        start = open_lab.now
        while open_lab.call(OSError()) == "suspended":
            open_lab.now += 0.05
        waited.append(open_lab.now - start)
    for seconds, base in zip(waited, [1.0, 2.0, 4.0, 4.0, 4.0], strict=True):
        assert 0.75 * base - 1e-6 <= seconds <= 1.25 * base + 0.06
    open_lab.now += LONGEST * 1.25
    open_lab.call()
    open_lab.call(OSError())
    open_lab.now += FIRST * 1.25
    assert open_lab.call() == "done"


def test_one_probe(open_lab: Lab) -> None:
    """While the probe is under way nobody else gets through."""
    open_lab.now += LONGEST
    assert open_lab.breaker.allow()
    assert not any(open_lab.breaker.allow() for _ in range(3))
    open_lab.breaker.success()
    assert open_lab.breaker.allow()


def test_one_probe_of_many_threads(open_lab: Lab) -> None:
    """Of a hundred threads that come back at once, one probes."""
    open_lab.now += LONGEST
    barrier = threading.Barrier(20)
    allowed: list[bool] = []

    def come_back() -> None:
        barrier.wait()
        allowed.append(open_lab.breaker.allow())

    threads = [threading.Thread(target=come_back) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 1
    assert open_lab.changes == ["half_open"]


def test_lost_probe(open_lab: Lab) -> None:
    """A probe that never reports back does not keep the breaker from closing for ever."""
    open_lab.now += LONGEST
    assert open_lab.breaker.allow()
    assert not open_lab.breaker.allow()
    open_lab.now += LONGEST
    assert open_lab.breaker.allow()
    assert open_lab.changes == ["half_open"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SuspendedError()])
def test_says_nothing(error: BaseException) -> None:
    """A call that was cancelled or not made is no failure, and the next one may probe."""
    lab = Lab()
    lab.call(error)
    assert lab.breaker.state == "closed"
    lab.call(OSError())
    lab.now += LONGEST
    lab.call(error)
    assert lab.changes == ["open", "half_open", "open"]
    assert lab.call() == "done"


def test_stragglers(lab: Lab) -> None:
    """Calls that were under way when it opened lengthen nothing; one that succeeds closes it."""
    lab.call(OSError())
    for _ in range(5):
        lab.breaker.failure()
    lab.now += FIRST * 1.25
    assert lab.call() == "done"
    lab.call(OSError())
    lab.breaker.success()
    assert lab.breaker.state == "closed"


def test_reset(open_lab: Lab) -> None:
    """After a fork it is closed and its lock is free."""
    open_lab.breaker.lock.acquire()
    open_lab.breaker.reset()
    assert open_lab.call() == "done"


def test_race_to_probe() -> None:
    """Who waited for the lock while another's success closed it goes through."""

    def clock() -> float:  # read under the lock: what happens here happened before
        if breaker.state == "open" and closing:
            breaker._state = "closed"
        return 0.0

    closing: list[bool] = []
    changes: list[State] = []
    breaker = Breaker(changes.append, failures=1, first=FIRST, longest=LONGEST, clock=clock)
    breaker.failure()
    assert not breaker.allow()
    closing.append(True)
    assert breaker.allow()
    assert changes == ["open"]


def test_passes_errors_on(lab: Lab) -> None:
    """The caller gets the call's own error."""
    error: Any = ValueError("x")
    with pytest.raises(ValueError, match="x"), lab.breaker:
        raise error


@pytest.mark.parametrize("error", [None, OSError()], ids=str)
def test_glance(lab: Lab, error: Exception | None) -> None:
    """Who only wants to see is treated like the next call, and changes nothing for it."""

    def glance() -> str:
        try:
            with lab.breaker.glance():
                if error is not None:
                    raise error
        except SuspendedError:
            return "suspended"
        except OSError:
            return "failed"
        return "done"

    seen = "done" if error is None else "failed"
    assert glance() == seen
    assert lab.breaker.state == "closed"
    lab.call(OSError())
    assert glance() == "suspended"
    lab.now += FIRST * 1.25
    assert glance() == seen
    assert lab.changes == ["open"]
    assert lab.call() == "done"


# -- one of many calls -----------------------------------------------------------------------------


def attempted(lab: Lab, seconds: float, error: Exception | None, meanwhile: bool) -> None:
    """Attempt a call that takes so long, while another one succeeds or not."""
    with suppress(OSError), lab.breaker.attempt():
        lab.now += seconds
        if meanwhile:
            with lab.breaker.attempt():
                pass
        lab.now += JUST_BEFORE * 1.1
        if error is not None:
            raise error


def test_alone(lab: Lab) -> None:
    """A failure during which nothing succeeded opens it at once: an outage costs one timeout."""
    attempted(lab, 0.5, None, meanwhile=False)
    lab.now += 0.001
    attempted(lab, 0.5, OSError(), meanwhile=False)
    assert lab.breaker.state == "open"


def test_one_of_many(lab: Lab) -> None:
    """A slow call while others are answered opens nothing, however often one in a hundred is."""
    for _ in range(50):
        attempted(lab, 0.5, OSError(), meanwhile=True)
        for _ in range(99):
            attempted(lab, 0.001, None, meanwhile=False)
    assert lab.changes == []


def test_quick_failure(lab: Lab) -> None:
    """A failure right after a success is one of many, even if nothing succeeded meanwhile."""
    attempted(lab, 0.001, None, meanwhile=False)
    with suppress(OSError), lab.breaker.attempt():
        raise OSError
    assert lab.breaker.state == "closed"


def test_too_many(lab: Lab) -> None:
    """Where a good part of the calls fails it opens although others are answered."""
    for _ in range(4):
        attempted(lab, 0.5, OSError(), meanwhile=True)
    assert lab.breaker.state == "open"


def test_attempts_are_suspended(open_lab: Lab) -> None:
    """An attempt is held back like any call, probes like any call, and its success closes."""
    with pytest.raises(SuspendedError), open_lab.breaker.attempt():
        raise AssertionError("not made")
    open_lab.now += FIRST * 1.25
    attempted(open_lab, 0.001, None, meanwhile=False)
    assert open_lab.changes == ["half_open", "closed"]
