"""The pace at which tasks go on: what they do next takes 50 to 200 µs each, and a loop has others.

Replies of one pipeline, or embeddings of one batch, arrive together; without a limit all that
waited for them would run in one tick of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque

PER_TICK = 8
"""More do not get more done, and make a timer that is due wait for longer."""


class Pace:
    """Lets so many go on per tick of the running loop, first come, first served."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = PER_TICK
        self._waiting: deque[asyncio.Future[None]] = deque()

    def turn(self) -> asyncio.Future[None] | None:
        """Return what to await before going on, or None."""
        if self._left and not self._waiting:
            if self._left == PER_TICK:
                self._loop.call_soon(self._next_tick)
            self._left -= 1
            return None
        turn = self._loop.create_future()
        self._waiting.append(turn)
        return turn

    def _next_tick(self) -> None:
        self._left = PER_TICK
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else cancelled
                turn.set_result(None)
                self._left -= 1
        if self._left < PER_TICK:
            self._loop.call_soon(self._next_tick)
