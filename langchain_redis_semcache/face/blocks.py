"""The `with` blocks of a cache: options for the calls that are made inside of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

from .._checks import check_threshold, seconds
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..flows.options import OptionStack


class Blocks:
    """A cache's methods that change options; they work in threads and tasks, and nest."""

    _options: OptionStack

    def tags(self, *tags: str | Iterable[str]) -> AbstractContextManager[None]:
        """Attach tags to the entries stored inside of the block, for `delete_tagged`.

        Nested blocks add up.
        """
        added = flat(tags)
        if not added:
            raise _no_tags()
        outer = self._options.current().tags
        return self._options.using(tags=tuple(dict.fromkeys((*outer, *added))))

    def bypass(self) -> AbstractContextManager[None]:
        """Neither look up nor store inside of the block."""
        return self._options.using(lookup=False, update=False, reason="bypass")

    def refresh(self) -> AbstractContextManager[None]:
        """Ask the model inside of the block and overwrite what was stored."""
        return self._options.using(lookup=False, update=True, reason="refresh")

    def read_only(self) -> AbstractContextManager[None]:
        """Look up but store nothing inside of the block."""
        return self._options.using(update=False, reason="read_only")

    def options(
        self, *, ttl: float | timedelta | None = None, distance_threshold: float | None = None
    ) -> AbstractContextManager[None]:
        """Use another ttl or threshold inside of the block."""
        changes: dict[str, float] = {}
        if ttl is not None:
            changes["ttl"] = seconds("ttl", ttl, "e.g. ttl=60")
        if distance_threshold is not None:
            changes["distance_threshold"] = check_threshold(distance_threshold)
        return self._options.using(**changes)


def flat(tags: tuple[str | Iterable[str], ...]) -> list[str]:
    """Take tags as arguments and as lists alike."""
    found: list[str] = []
    for one in tags:
        found += [one] if isinstance(one, str) or not isinstance(one, Iterable) else one
    if not all(isinstance(tag, str) and tag for tag in found):
        raise _no_tags()
    return found


def _no_tags() -> ConfigurationError:
    return ConfigurationError("tags must be non-empty strings, e.g. cache.tags('faq', 'v2')")
