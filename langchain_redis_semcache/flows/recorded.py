"""Looking at the hits that were recorded.

Rule of this module: a hit is shown while the answer that it got is there. What was deleted or
overwritten, or has expired, is gone here as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .._effects import Command, ErrorReply, Flow, as_text
from ..entry import recorded as stored
from ..entry.recorded import RecordedHit
from ..errors import ConfigurationError
from .admin import send
from .lookup import Core

_ID = re.compile(r"\d{1,20}-\d{1,20}")
FEW = 100
"""Hits that are read in one round trip."""


def recorded(
    core: Core, limit: int | None, before: str | None, after: str | None
) -> Iterator[Flow[Sequence[RecordedHit]]]:
    """Return flows to be run one after the other; each finds some hits.

    Newest first, or, of those that came after one, as they came.
    """
    for name, one in (("before", before), ("after", after)):
        if one is not None and not (isinstance(one, str) and _ID.fullmatch(one)):
            raise ConfigurationError(f"{name} must be the id of a recorded hit, not {one!r}")
    if before is not None and after is not None:
        raise ConfigurationError("give before or after, not both")
    read = stored.newest if after is None else stored.oldest
    walk = _Walk(read, before or after, math.inf if limit is None else limit)
    while walk.left > 0:
        yield walk.batch(core)


@dataclass
class _Walk:
    """How far somebody has looked, and which way."""

    read: Callable[[str, str | None, int], Command]
    at: str | None
    left: float

    def batch(self, core: Core) -> Flow[Sequence[RecordedHit]]:
        root = core.settings.schema.root
        (reply,) = yield from send([self.read(root, self.at, FEW)], ("wrongtype",))
        found = stored.items(reply)
        hits = yield from _still_there(core, found)
        hits = hits[: int(min(self.left, FEW))]
        self.left -= len(hits)
        if len(found) < FEW:
            self.left = 0
        else:
            self.at = found[-1][0]
        return hits


def _still_there(
    core: Core, found: Sequence[tuple[str, dict[str, Any]]]
) -> Flow[list[RecordedHit]]:
    """Leave out the hits whose answers are there no more."""
    settings = core.settings
    told = [stored.read(settings.schema.root, one, f, settings.signer) for one, f in found]
    hits = [one for one in told if one is not None]
    if not hits:
        return []
    commands: list[Command] = [("HGET", hit.entry, "created_at") for hit, _ in hits]
    there = yield from send(commands, ("wrongtype",))
    return [
        hit
        for (hit, created), now in zip(hits, there, strict=True)
        if not isinstance(now, ErrorReply) and as_text(now) == as_text(created)
    ]
