"""What a cache's owner does by hand: look at what is stored, and undo it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from .blocks import flat
from .switches import Switches
from .transfers import Transfers

if TYPE_CHECKING:
    from ..driver.drivers import Drivers
    from ..entry.recorded import RecordedHit
    from ..entry.stored import Entry, Filters
    from ..flows.by_hand import ByHand
    from ..flows.doctor import Finding
    from ..stats import Stats


class Administration(Switches, Transfers):
    """A cache's methods for its owner; where Redis does not answer they raise."""

    _by_hand: ByHand
    _drivers: Drivers

    def doctor(self) -> list[Finding]:
        """Examine the server and what is stored under this name; changes and embeds nothing."""
        return self._drivers.run(self._by_hand.doctor())

    async def adoctor(self) -> list[Finding]:
        """Examine what `doctor` examines."""
        return await self._drivers.arun(self._by_hand.doctor())

    def names(self) -> list[str]:
        """List the names with something stored in this Redis, whichever this cache has."""
        return self._drivers.run(self._by_hand.names())

    async def anames(self) -> list[str]:
        """List what `names` lists."""
        return await self._drivers.arun(self._by_hand.names())

    def totals(self) -> Stats:
        """Return what all processes of this name have counted, as far as they have told."""
        return self._drivers.run(self._by_hand.totals())

    async def atotals(self) -> Stats:
        """Return what `totals` returns."""
        return await self._drivers.arun(self._by_hand.totals())

    def entries(self, *, limit: int | None = None, **wanted: Unpack[Filters]) -> Iterator[Entry]:
        """Find what is stored, of any embedding model of this name, in no order.

        All filters must fit: `text` (these words in question or answer, in any order), `tag`,
        `model`, `namespace`, and `older` in seconds or a timedelta.
        """
        return self._drivers.each(self._by_hand.entries(limit, **wanted))

    def aentries(
        self, *, limit: int | None = None, **wanted: Unpack[Filters]
    ) -> AsyncIterator[Entry]:
        """Find what `entries` finds: `async for entry in cache.aentries(tag="faq")`."""
        return self._drivers.aeach(self._by_hand.entries(limit, **wanted))

    def get(self, key: str) -> Entry | None:
        """Show one entry by its key, as hits and `explain` name it; None where there is none."""
        return self._drivers.run(self._by_hand.get(key))

    async def aget(self, key: str) -> Entry | None:
        """Show one entry by its key."""
        return await self._drivers.arun(self._by_hand.get(key))

    def aliases(self, key: str) -> list[Entry]:
        """Find the other wordings that a verifier let an entry be served for."""
        return self._drivers.run(self._by_hand.aliases(key))

    async def aaliases(self, key: str) -> list[Entry]:
        """Find what `aliases` finds."""
        return await self._drivers.arun(self._by_hand.aliases(key))

    def remove(
        self, key: str | None = None, *, dry_run: bool = False, **wanted: Unpack[Filters]
    ) -> list[Entry]:
        """Remove one entry, or all that `entries` finds, with their aliases; return them.

        Nothing is removed at a `dry_run`.
        """
        return self._drivers.run(self._by_hand.remove(key, dry_run, **wanted))

    async def aremove(
        self, key: str | None = None, *, dry_run: bool = False, **wanted: Unpack[Filters]
    ) -> list[Entry]:
        """Remove what `remove` removes."""
        return await self._drivers.arun(self._by_hand.remove(key, dry_run, **wanted))

    def recorded(
        self, *, limit: int | None = None, before: str | None = None, after: str | None = None
    ) -> Iterator[RecordedHit]:
        """Show the hits that were recorded (`recording=`), the last one first.

        Of answers that are there no more none is shown. `before` is the id of one of them; with
        `after` those that came later are shown as they came.
        """
        return self._drivers.each(self._by_hand.recorded(limit, before, after))

    def arecorded(
        self, *, limit: int | None = None, before: str | None = None, after: str | None = None
    ) -> AsyncIterator[RecordedHit]:
        """Show what `recorded` shows: `async for hit in cache.arecorded()`."""
        return self._drivers.aeach(self._by_hand.recorded(limit, before, after))

    def delete_entry(self, entry: str) -> bool:
        """Remove one entry by its key, as hits and `explain` name it; tell whether it was there."""
        return self._drivers.run(self._by_hand.delete_entry(entry))

    async def adelete_entry(self, entry: str) -> bool:
        """Remove one entry by its key."""
        return await self._drivers.arun(self._by_hand.delete_entry(entry))

    def delete_tagged(self, *tags: str | Iterable[str]) -> int:
        """Remove all entries that carry any of the tags; return how many."""
        return self._drivers.run(self._by_hand.delete_tagged(flat(tags)))

    async def adelete_tagged(self, *tags: str | Iterable[str]) -> int:
        """Remove all entries that carry any of the tags; return how many."""
        return await self._drivers.arun(self._by_hand.delete_tagged(flat(tags)))
