"""Entries from one cache to another, and answers that are there before anybody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..driver.drivers import Drivers
    from ..flows.by_hand import ByHand
    from ..flows.warming import Row


class Transfers:
    """A cache's methods that fill it or empty it into files; where Redis fails they raise."""

    _by_hand: ByHand
    _drivers: Drivers

    def dump(self, *, vectors: bool = False) -> Iterator[str]:
        """Write all entries of this name, one line of JSON each: `file.writelines(cache.dump())`.

        Aliases are not written: a verifier finds them anew.
        """
        return self._drivers.each(self._by_hand.export(vectors))

    def adump(self, *, vectors: bool = False) -> AsyncIterator[str]:
        """Write what `dump` writes."""
        return self._drivers.aeach(self._by_hand.export(vectors))

    def load(
        self,
        lines: Iterable[str],
        *,
        embed: bool = True,
        progress: Callable[[str], object] | None = None,
    ) -> Counter[str]:
        """Store what `dump` wrote, and say how many lines came to what.

        Entries that are there stay; one whose time is over is left out. Vectors of another
        embedding model, and missing ones, are embedded; without `embed` entries go where they came
        from, which takes their vectors. `progress` is called with what each line came to:
        "stored", "present", "expired", "unreadable", "not_embedded" or "without_vector".
        """
        return _counted(self._drivers.each(self._by_hand.restore(lines, embed)), progress)

    async def aload(
        self,
        lines: Iterable[str],
        *,
        embed: bool = True,
        progress: Callable[[str], object] | None = None,
    ) -> Counter[str]:
        """Store what `load` stores."""
        return await _acounted(self._drivers.aeach(self._by_hand.restore(lines, embed)), progress)

    def warm(
        self,
        rows: Iterable[Row],
        model: Any,
        *,
        system: str | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Counter[str]:
        """Store answers to questions before they are asked, as `model` would be asked them.

        A row is a question, which the model answers, or a pair of question and answer. Questions
        that are stored already are left alone. `progress` is called with what each came to:
        "stored", "present", "refused" (not to be cached) or "failed".
        """
        return _counted(self._drivers.each(self._by_hand.warm(rows, model, system)), progress)

    async def awarm(
        self,
        rows: Iterable[Row],
        model: Any,
        *,
        system: str | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Counter[str]:
        """Store what `warm` stores."""
        flows = self._by_hand.warm(rows, model, system)
        return await _acounted(self._drivers.aeach(flows), progress)


def _counted(outcomes: Iterator[str], progress: Callable[[str], object] | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts[outcome] += 1
        if progress is not None:
            progress(outcome)
    return counts


async def _acounted(
    outcomes: AsyncIterator[str], progress: Callable[[str], object] | None
) -> Counter[str]:
    counts: Counter[str] = Counter()
    async for outcome in outcomes:
        counts[outcome] += 1
        if progress is not None:
            progress(outcome)
    return counts
