"""The pace at which tasks go on: what they do next takes 50 to 200 µs each, and a loop has others.

Replies of one pipeline, or embeddings of one batch, arrive together; without a limit all that
waited for them would run in one tick of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

PER_TICK = 8
"""More do not get more done, and make a timer that is due wait for longer."""


class Pace:
    """Lets so many go on per tick of the running loop, first come, first served."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = PER_TICK
        self._waiting: deque[Callable[[], bool]] = deque()

    def turn(self) -> asyncio.Future[None] | None:
        """Return what to await before going on, or None."""
        if self._is_free():
            return None
        turn = self._loop.create_future()
        self._waiting.append(partial(_begin, turn))
        return turn

    def in_turn(self, go: Callable[[], bool]) -> None:
        """Call this now or in its turn; it says whether anybody went on by it."""
        if self._is_free():
            go()
        else:
            self._waiting.append(go)

    def _is_free(self) -> bool:
        if not self._left or self._waiting:
            return False
        if self._left == PER_TICK:
            self._loop.call_soon(self._next_tick)
        self._left -= 1
        return True

    def _next_tick(self) -> None:
        self._left = PER_TICK
        while self._left and self._waiting:
            if self._waiting.popleft()():
                self._left -= 1
        if self._left < PER_TICK:
            self._loop.call_soon(self._next_tick)


def _begin(turn: asyncio.Future[None]) -> bool:
    if turn.done():  # cancelled
        return False
    turn.set_result(None)
    return True
