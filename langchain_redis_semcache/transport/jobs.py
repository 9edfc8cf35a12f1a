"""Batches of commands on an event loop, each with its time: to wait for its turn, and of Redis.

Rule of this module: what a call may take of Redis begins when it is sent and ends when the replies
have arrived. That others come first, or that the loop is busy, is no failure of Redis.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._effects import Command
from ..bounded.breaker import OverloadedError
from .replies import Ours

LAG = 0.005
"""Seconds: a timer that is later than this had to wait for a loop that was blocked or busy."""
GRACE = 0.1
"""Seconds for what has arrived while the loop was blocked to be read."""
LAST = 0.1
"""Seconds that the next round trip has at least, where the one before has been answered."""
GRACES = 3
"""A loop that is blocked again and again must hear of an outage all the same."""


@dataclass(slots=True)
class Budget:
    """Seconds that a call may still take of Redis, and may wait for its turn before that."""

    left: float
    begun: bool = False
    """What has begun goes first, or under load nothing would ever come to its end."""


@dataclass(slots=True, eq=False)
class Job:
    """One batch, packed before it is gathered with others, and whoever waits for its replies."""

    packed: bytes
    commands: Sequence[Command]
    atomic: bool
    budget: Budget
    replies: asyncio.Future[Sequence[Any]] = field(repr=False)
    ours: Ours = None
    until: float = math.inf
    sent_at: float | None = None
    _graces: int = GRACES

    def queued(self, now: float) -> None:
        """Note that the loop has come to sending, and may leave this one for later."""
        self.until = now + max(0.0, self.budget.left)

    def sent(self, now: float) -> None:
        self.budget.begun = True
        self.sent_at = now
        self.queued(now)

    def arrived(self, now: float) -> None:
        if self.sent_at is not None:
            # Much of it may have been the loop's own doing: there was an answer, and there is time
            # for another one.
            self.budget.left = max(LAST, self.budget.left - (now - self.sent_at))

    def is_late(self, now: float) -> bool:
        """Tell whether its time is over, and not only because the loop was blocked until now."""
        if self.until > now:
            return False
        if self.sent_at is None or not self._graces or now - self.until < LAG:
            return True
        self._graces -= 1
        self.until = now + GRACE
        return False

    def end(self) -> None:
        """Tell whoever waits that the time is over."""
        self.fail(OverloadedError() if self.sent_at is None else TimeoutError())

    def answer(self, replies: Sequence[Any]) -> bool:
        """Hand over the replies; tell whether anybody still waits for them."""
        if self.replies.done():
            return False
        self.replies.set_result(replies)
        return True

    def fail(self, error: BaseException) -> None:
        if not self.replies.done():
            self.replies.set_exception(error)
