"""An outage is cheap: one timeout and not one per call, visible in events and stats."""

from __future__ import annotations

import time

import pytest

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import Application, eventually, new_question
from integration_tests.faults.proxy import FaultProxy
from langchain_redis_semcache.bounded.breaker import Breaker, State, SuspendedError
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.events import BreakerChanged


def states(app: Application, subject: str = "redis") -> list[str]:
    return [e.state for e in app.events if isinstance(e, BreakerChanged) and e.subject == subject]


def test_one_timeout_and_not_one_per_call(app: Application, proxy: FaultProxy) -> None:
    """A hanging Redis costs the first call a timeout and the next ones nothing."""
    app.warm_up()
    before = len(app.cache.delays)
    proxy.deaf()
    started = time.monotonic()
    for _ in range(30):
        app(new_question())
    took = time.monotonic() - started
    slow = [delay for delay in app.cache.delays[before:] if delay > 0.3]
    assert len(slow) <= 1 + took / 0.6  # each pause is longer than the timeout before it
    assert len(slow) <= 3


def test_states_are_events_and_stats(app: Application, proxy: FaultProxy) -> None:
    """Each change of state is an event, and stats tell the present one."""
    app.warm_up()
    assert app.cache.stats.breakers["redis"] == "closed"
    proxy.refuse()
    eventually(
        lambda: not app(new_question()) and states(app)
    )  # what fails at once may do so twice
    assert states(app)[0] == "open"
    assert app.cache.stats.breakers["redis"] == "open"
    proxy.pass_through()
    app.recovers()
    assert app.cache.stats.breakers["redis"] == "closed"
    assert states(app)[-2:] == ["half_open", "closed"]


def test_a_storm_during_the_outage_and_at_its_end(app: Application, proxy: FaultProxy) -> None:
    """A hundred calls at once are served by the model without a pile-up, and one of them probes."""
    app.patience += 1.0  # a hundred calls share two cores
    known = app.warm_up()
    proxy.deaf()
    for _ in range(3):
        app.storm([new_question() for _ in range(100)])
        app.in_time()
    opened = proxy.connections_total
    app.storm([new_question() for _ in range(100)])
    assert proxy.connections_total - opened <= 3
    proxy.pass_through()
    app.storm([new_question() for _ in range(100)])
    app.in_time()
    app.recovers()
    assert app(known)


def test_a_storm_at_the_first_moment(make_app: MakeApplication, proxy: FaultProxy) -> None:
    """A hundred first calls that find a black hole wait for one timeout together."""
    app = make_app(proxy.url)
    app.patience += 1.0
    proxy.deaf()
    app.storm([new_question() for _ in range(100)])
    app.in_time()
    timeouts = [failure for failure in app.failures() if "Timeout" in failure]
    assert len(timeouts) < 150, "those who had waited once waited again to store"
    app.discreet()


def test_a_cancelled_probe_does_not_keep_the_cache_off(
    app: Application, proxy: FaultProxy, way: str
) -> None:
    """Where the call that probes is cancelled, the next one probes."""
    if way == "sync":
        pytest.skip("a sync call cannot be cancelled")
    import asyncio

    app.warm_up()
    proxy.deaf()
    app(new_question())
    eventually(lambda: app.cache._drivers.breakers.at("redis")._retry_at < time.monotonic())

    async def cancelled() -> None:
        call = asyncio.ensure_future(app.model.ainvoke(new_question()))
        await asyncio.sleep(0.1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    app.loop.run(cancelled())
    assert "half_open" in states(app)
    proxy.pass_through()
    app.recovers(3)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def changes() -> list[State]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(changes: list[State], clock: Clock) -> Breaker:
    return Breaker(changes.append, failures=1, first=1.0, longest=4.0, clock=clock)


def outcome(breaker: Breaker, error: BaseException | None = None) -> str:
    try:
        with breaker:
            if error is not None:
                raise error
    except SuspendedError:
        return "suspended"
    except BaseException as raised:
        return type(raised).__name__
    return "ok"


def test_pauses_double_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    """The pauses grow with jitter from the first to the longest, and start anew after a success."""
    for nominal in (1.0, 2.0, 4.0, 4.0):
        assert outcome(breaker, OSError()) == "OSError"
        clock.now += nominal * 0.74
        assert outcome(breaker) == "suspended"
        clock.now += nominal * 0.52
    assert outcome(breaker) == "ok"
    assert outcome(breaker, OSError()) == "OSError"
    clock.now += 1.26
    assert outcome(breaker) == "ok"


def test_one_probe_at_a_time(breaker: Breaker, clock: Clock, changes: list[State]) -> None:
    """While a probe is under way nobody else is let through, unless it never comes back."""
    outcome(breaker, OSError())
    clock.now += 2
    assert breaker.allow()
    assert not breaker.allow()
    clock.now += 4.1
    assert breaker.allow()
    assert changes == ["open", "half_open"]


def test_cancellation_decides_nothing(breaker: Breaker, clock: Clock) -> None:
    """A cancelled call neither opens nor closes."""
    assert outcome(breaker, KeyboardInterrupt()) == "KeyboardInterrupt"
    assert breaker.state == "closed"
    outcome(breaker, OSError())
    clock.now += 2
    outcome(breaker, KeyboardInterrupt())
    assert breaker.state == "open"
    assert outcome(breaker) == "ok"


def test_reset_after_a_fork(breaker: Breaker, clock: Clock) -> None:
    """A child whose parent was probing, with the lock held, does not wait for the parent."""
    outcome(breaker, OSError())
    clock.now += 2
    breaker.allow()
    breaker.lock.acquire()
    breaker.reset()
    assert outcome(breaker) == "ok"


def test_a_worker_outlives_a_call_that_nobody_waits_for() -> None:
    """A thread whose caller gave up finishes its work and serves the next caller."""
    workers = Workers(limit=1)

    def slow() -> None:
        time.sleep(0.2)

    abandoned = workers.submit(slow)
    abandoned.give_up()
    with pytest.raises(TimeoutError):
        workers.run(slow, 0.01)

    def served() -> bool:
        try:
            return workers.run(lambda: True, 1.0)
        except TimeoutError:
            return False

    eventually(served, 5)
