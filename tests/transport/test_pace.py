"""How many tasks go on within one tick of an event loop."""

from __future__ import annotations

import asyncio
from functools import partial

from langchain_redis_semcache.transport.pace import PER_TICK, Pace


def run(cancelled: int | None = None) -> list[list[int]]:
    """Let three ticks' worth of tasks take their turn; the numbers that went on in each tick."""

    async def main() -> list[list[int]]:
        pace = Pace()
        ticks: list[list[int]] = [[]]

        async def go(number: int) -> None:
            if (turn := pace.turn()) is not None:
                await turn
            ticks[-1].append(number)

        tasks = [asyncio.create_task(go(number)) for number in range(3 * PER_TICK)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            if cancelled is not None:
                tasks[cancelled].cancel()
            ticks.append([])
        return [tick for tick in ticks if tick]

    return asyncio.run(main())


def test_pace() -> None:
    """No more than so many go on per tick, in the order in which they came, and all do."""
    ticks = run()
    assert max(map(len, ticks)) == PER_TICK
    assert [number for tick in ticks for number in tick] == list(range(3 * PER_TICK))


def test_cancelled() -> None:
    """A task that was cancelled while it waited takes nobody's turn."""
    ticks = run(cancelled=PER_TICK)
    expected = [number for number in range(3 * PER_TICK) if number != PER_TICK]
    assert [number for tick in ticks for number in tick] == expected
    assert len(ticks[1]) == PER_TICK


def test_one_at_a_time() -> None:
    """Who comes alone does not wait."""

    async def main() -> None:
        pace = Pace()
        for _ in range(3 * PER_TICK):
            assert pace.turn() is None
            await asyncio.sleep(0)

    asyncio.run(main())


def test_calls_take_turns_too() -> None:
    """What is called in its turn counts as what awaits it, unless nobody went on by it."""

    async def main() -> list[list[bool]]:
        pace = Pace()
        ticks: list[list[bool]] = [[]]

        def go(goes: bool) -> bool:
            ticks[-1].append(goes)
            return goes

        for goes in [True] * PER_TICK + [False] * 3 + [True] * PER_TICK:
            pace.in_turn(partial(go, goes))
        turn = pace.turn()
        assert turn is not None
        while not turn.done():
            ticks.append([])
            await asyncio.sleep(0)
        return ticks

    first, second, *_, last = asyncio.run(main())
    assert first == [True] * PER_TICK
    assert second == [False] * 3 + [True] * PER_TICK
    assert last == []
