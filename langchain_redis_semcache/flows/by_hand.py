"""What a cache's owner does by hand, as flows: to be had by name, decided in the modules named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from .._effects import Flow
from ..entry.stored import Entry, Filters, Wanted, check_limit
from ..stats import Stats
from . import admin, entries, switch
from .lookup import Core
from .options import OptionStack
from .shared import SharedSettings

if TYPE_CHECKING:
    from ..entry.recorded import RecordedHit
    from .doctor import Finding
    from .explain import Explanation
    from .health import Health
    from .warming import Row


class ByHand:
    """The owner's flows of one cache."""

    def __init__(self, core: Core, options: OptionStack) -> None:
        self._core = core
        self._options = options

    def setup(self) -> Flow[None]:
        return admin.setup(self._core)

    def clear(self) -> Flow[None]:
        return admin.clear(self._core)

    def delete_entry(self, entry: str) -> Flow[bool]:
        return admin.delete_entry(self._core, entry)

    def delete_tagged(self, tags: Sequence[str]) -> Flow[int]:
        return admin.delete_tagged(self._core, tags)

    def entries(
        self, limit: int | None, **wanted: Unpack[Filters]
    ) -> Iterator[Flow[Sequence[Entry]]]:
        return entries.entries(self._core, Wanted(**wanted), check_limit(limit))

    def get(self, key: str) -> Flow[Entry | None]:
        return entries.get(self._core, key)

    def aliases(self, key: str) -> Flow[list[Entry]]:
        return entries.aliases(self._core, key)

    def remove(
        self, key: str | None, dry_run: bool, **wanted: Unpack[Filters]
    ) -> Flow[list[Entry]]:
        return entries.remove(self._core, key, Wanted(**wanted), dry_run)

    def tell(self) -> Flow[None]:
        return self._core.totals.tell()

    def totals(self) -> Flow[Stats]:
        return entries.totals(self._core)

    def export(self, vectors: bool) -> Iterator[Flow[Sequence[str]]]:
        from .transfer import export

        return export(self._core, vectors)

    def restore(self, lines: Iterable[str], embed: bool) -> Iterator[Flow[Sequence[str]]]:
        from .transfer import restore

        return restore(self._core, lines, embed)

    def warm(
        self, rows: Iterable[Row], model: Any, system: str | None
    ) -> Iterator[Flow[Sequence[str]]]:
        from .warming import warm

        return warm(self._core, self._options, rows, model, system)

    def share(self, **wanted: bool) -> Flow[SharedSettings]:
        return switch.share(self._core, wanted)

    def set(
        self, distance_threshold: float | None, ttl: float | timedelta | None
    ) -> Flow[SharedSettings]:
        wanted = switch.wanted(distance_threshold=distance_threshold, ttl=ttl)
        return switch.share(self._core, wanted)

    def unset(self, names: Sequence[str]) -> Flow[SharedSettings]:
        return switch.share(self._core, switch.unwanted(names))

    def settings(self) -> Flow[SharedSettings]:
        return switch.settings(self._core)

    # Few ask for these: they are imported then.

    def feedback(
        self, answer: Any, right: bool, asked: str | None, labels: str | PathLike[str] | None
    ) -> Flow[bool]:
        from .feedback import feedback

        return feedback(self._core, answer, right, asked, labels)

    def health(self, seconds: float) -> Flow[Health]:
        from .health import health

        return health(self._core, seconds)

    def recorded(
        self, limit: int | None, before: str | None, after: str | None
    ) -> Iterator[Flow[Sequence[RecordedHit]]]:
        from .recorded import recorded

        return recorded(self._core, check_limit(limit), before, after)

    def doctor(self) -> Flow[list[Finding]]:
        from .doctor import doctor

        return doctor(self._core)

    def names(self) -> Flow[list[str]]:
        from .names import names

        return names(self._core)

    def explain(self, given: Any, model: Any, like: str | None) -> Flow[Explanation]:
        from . import explain
        from .held import strings
        from .like import explain_like

        if like is not None:
            return explain_like(self._core, self._options, given, like)
        if model is None:
            return explain.explain_served(self._core, given)
        return explain.explain(self._core, self._options, *strings(given, model))
