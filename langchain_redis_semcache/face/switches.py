"""What all processes of a name share and whoever is on call changes: a switch, two settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..driver.drivers import Drivers
    from ..flows.by_hand import ByHand
    from ..flows.shared import Changeable, SharedSettings


class Switches:
    """A cache's methods for all processes of its name; where Redis does not answer they raise."""

    _by_hand: ByHand
    _drivers: Drivers

    def off(self) -> SharedSettings:
        """Stop serving and storing in all processes of this name, within 5 seconds."""
        return self._drivers.run(self._by_hand.share(on=False))

    async def aoff(self) -> SharedSettings:
        """Stop what `off` stops."""
        return await self._drivers.arun(self._by_hand.share(on=False))

    def on(self) -> SharedSettings:
        """Undo `off`."""
        return self._drivers.run(self._by_hand.share(on=True))

    async def aon(self) -> SharedSettings:
        """Undo `off`."""
        return await self._drivers.arun(self._by_hand.share(on=True))

    def set(
        self, *, distance_threshold: float | None = None, ttl: float | timedelta | None = None
    ) -> SharedSettings:
        """Change these for all processes of this name, within 5 seconds, until `unset`.

        `options()` blocks go on to have their own. With a `signing_key` only what is stricter than
        the constructor's is gone by.
        """
        return self._drivers.run(self._by_hand.set(distance_threshold, ttl))

    async def aset(
        self, *, distance_threshold: float | None = None, ttl: float | timedelta | None = None
    ) -> SharedSettings:
        """Change what `set` changes."""
        return await self._drivers.arun(self._by_hand.set(distance_threshold, ttl))

    def unset(self, *names: Changeable) -> SharedSettings:
        """Have all processes go by their constructors again; in everything where nothing is named.

        The switch is not meant: `on()` turns it.
        """
        return self._drivers.run(self._by_hand.unset(names))

    async def aunset(self, *names: Changeable) -> SharedSettings:
        """Undo what `unset` undoes."""
        return await self._drivers.arun(self._by_hand.unset(names))

    def settings(self) -> SharedSettings:
        """Return what all processes of this name share, as it is in Redis."""
        return self._drivers.run(self._by_hand.settings())

    async def asettings(self) -> SharedSettings:
        """Return what `settings` returns."""
        return await self._drivers.arun(self._by_hand.settings())
