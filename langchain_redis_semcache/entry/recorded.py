"""A served hit as it is recorded for review: an item of one stream below the cache's root.

Rule of this module: whoever may write to Redis may have written any of it. What is not exactly as
this version writes it, or not signed where there is a key, is left out; nothing raises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._effects import Command, as_text
from .signing import Signer
from .stored import is_entry

LONGEST = 2_000
"""Characters of a text that are kept: that bounds what the stream takes."""
_TEXTS = ("asked", "stored", "answer", "entry", "model")


@dataclass(frozen=True)
class RecordedHit:
    """A hit that was served: what was asked, and which stored question and answer it got."""

    id: str
    """In the stream, where it orders the hits by time."""
    asked: str
    stored: str
    answer: str
    """Its text, or the beginning of it."""
    distance: float
    kind: Literal["exact", "semantic"]
    entry: str
    """The entry's key."""
    model: str
    time: float
    """When it was served, in seconds since 1970."""


def stream(root: str) -> str:
    """Return the key of the stream of a name."""
    return f"{root}recorded"


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def add(root: str, hit: RecordedHit, created: bytes, keep: int, signer: Signer | None) -> Command:
    """Return the command that records a hit; its id is given by the server."""
    told = {name: getattr(hit, name) for name in (*_TEXTS, "distance", "kind", "time")}
    fields = {b"of": hit.entry.encode(), b"created_at": created}
    fields[b"response"] = json.dumps(told, separators=(",", ":")).encode()
    if signer is not None:
        fields[b"signature"] = signer.sign(stream(root), fields)
    pairs = [part for pair in fields.items() for part in pair]
    return ("XADD", stream(root), "MAXLEN", "~", keep, "*", *pairs)


def forgetting(root: str, lifetime: float, now: float) -> list[Command]:
    """Return the commands by which nothing is kept for longer than an entry lives, or hardly."""
    oldest = max(0, int((now - lifetime) * 1000))
    return [
        ("XTRIM", stream(root), "MINID", "~", oldest),
        ("PEXPIRE", stream(root), max(1, int(lifetime * 1000))),
    ]


def newest(root: str, before: str | None, count: int) -> Command:
    """Return the command that asks for the newest hits, or those before one of them."""
    return ("XREVRANGE", stream(root), f"({before}" if before else "+", "-", "COUNT", count)


def oldest(root: str, behind: str | None, count: int) -> Command:
    """Return the command that asks for the oldest items, or those behind one of them."""
    return ("XRANGE", stream(root), f"({behind}" if behind else "-", "+", "COUNT", count)


def items(reply: Any) -> list[tuple[str, dict[str, Any]]]:
    """Read a reply to XRANGE as ids and fields."""
    found = []
    for item in reply if isinstance(reply, (list, tuple)) else ():
        if isinstance(item, (list, tuple)) and len(item) == 2:
            identity, pairs = item
            if isinstance(pairs, Mapping):  # as redis-py's clients read them
                pairs = [part for pair in pairs.items() for part in pair]
            if isinstance(pairs, (list, tuple)):
                fields = dict(zip(map(as_text, pairs[::2]), pairs[1::2], strict=False))
                found.append((as_text(identity), fields))
    return found


def read(
    root: str, identity: str, fields: dict[str, Any], signer: Signer | None
) -> tuple[RecordedHit, bytes] | None:
    """Return a recorded hit, and when the answer that it got was stored."""
    signed = {name.encode(): value for name, value in fields.items()}
    if signer is not None and not signer.verify(stream(root), signed):
        return None
    try:
        told = json.loads(fields["response"])
        texts = [told[name] for name in _TEXTS]
        numbers = [float(told[name]) for name in ("distance", "time")]
        kind = told["kind"]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in texts) or kind not in ("exact", "semantic"):
        return None
    if not all(map(math.isfinite, numbers)):
        return None
    asked, stored, answer, entry, model = texts
    created = fields.get("created_at")
    if not isinstance(created, bytes) or not is_entry(root, entry):
        return None
    if as_text(fields.get("of")) != entry:
        return None
    distance, at = numbers
    hit = RecordedHit(identity, asked, stored, answer, distance, kind, entry, model, at)
    return hit, created
