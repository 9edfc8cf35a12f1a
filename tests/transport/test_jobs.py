"""What a call may take of Redis begins when it is sent and ends when the replies have arrived."""

from __future__ import annotations

import asyncio

import pytest

from langchain_redis_semcache.bounded.breaker import OverloadedError
from langchain_redis_semcache.transport.jobs import GRACE, GRACES, LAG, LAST, Budget, Job


def job(budget: Budget) -> Job:
    return Job(b"", [("PING",)], False, budget, asyncio.get_running_loop().create_future())


async def test_waiting_costs_nothing_of_redis_time() -> None:
    """A job has its whole budget when its turn comes, and what it does not use is left."""
    budget = Budget(0.5)
    one = job(budget)
    one.queued(10.0)
    assert (one.until, budget.begun) == (10.5, False)
    one.sent(10.4)
    assert (one.until, budget.begun) == (10.9, True)
    one.arrived(10.6)
    assert budget.left == pytest.approx(0.3)
    one.sent(11.0)
    one.arrived(11.4)
    assert budget.left == LAST
    one.answer([1])
    one.end()
    assert await one.replies == [1]


async def test_whose_turn_did_not_come() -> None:
    """That is no failure of Redis: it was not asked."""
    one = job(Budget(0.5))
    assert not one.is_late(1e9)
    one.queued(10.0)
    assert not one.is_late(10.49)
    assert one.is_late(10.5)
    one.end()
    with pytest.raises(OverloadedError):
        await one.replies


async def test_no_reply_in_time() -> None:
    """That is a failure of Redis."""
    one = job(Budget(0.5))
    one.sent(10.0)
    assert one.is_late(10.5)
    one.end()
    with pytest.raises(TimeoutError) as raised:
        await one.replies
    assert type(raised.value) is TimeoutError


async def test_a_blocked_loop_is_forgiven() -> None:
    """Where the timer itself is late the replies may have arrived, unread; that has an end too."""
    one = job(Budget(0.5))
    one.sent(10.0)
    now = 10.5
    for _ in range(GRACES):
        now += 2 * LAG
        assert not one.is_late(now)
        assert one.until == now + GRACE
        now = one.until
    assert one.is_late(now + 2 * LAG)
