"""Which names have something stored in this Redis, for whoever does not know the name.

Rule of this module: asked by hand only. Names are read off the search indexes, which Redis lists at
once; only where it does not list any are keys walked through, as long as that may take.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from .._effects import ErrorReply, Flow, as_text
from ..entry.schema import name_of
from .admin import send
from .lookup import Core

COUNT = 1000
"""Keys that Redis looks at in one round trip: a fraction of a millisecond."""
SECONDS = 20.0


def names(core: Core) -> Flow[list[str]]:
    """Return the names of the caches in this Redis, as far as this user may know of them."""
    (listed,) = yield from send([("FT._LIST",)], tolerated=("unknown command", "permission"))
    found = set() if isinstance(listed, ErrorReply) else _named(map(as_text, listed))
    if found:
        return sorted(found)
    until = time.monotonic() + SECONDS
    cursor = "0"
    while True:
        command = ("SCAN", cursor, "MATCH", "*::*", "COUNT", COUNT)
        (reply,) = yield from send([command], tolerated=("permission",))
        if isinstance(reply, ErrorReply):
            return []
        found |= _named(map(as_text, reply[1]))
        cursor = as_text(reply[0])
        if cursor == "0" or time.monotonic() > until:
            return sorted(found)


def _named(keys: Iterable[str]) -> set[str]:
    return {name for name in map(name_of, keys) if name is not None}
