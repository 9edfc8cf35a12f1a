"""What the shell reads and writes: durations, and stored text made fit for a terminal; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import Entry

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST_CAUSE = 300
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def duration(text: str) -> float:
    """Read "90s", "15m", "12h", "7d" or "2w" as seconds."""
    found = _DURATION.fullmatch(text)
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} is no duration: write e.g. 15m, 12h, 7d or 2w")
    return float(found[1]) * _UNITS[found[2]]


def spoken(seconds: float) -> str:
    """Write seconds in the unit that one would say them in."""
    name, size = "s", 1
    for unit, length in _UNITS.items():
        if unit != "w" and seconds >= 2 * length:
            name, size = unit, length
    return f"{seconds / size:.0f} {name}"


def clean(text: str, lines: bool = False) -> str:
    """Take out what could steer a terminal: whoever asked may have written it."""
    kept = "\n\t" if lines else ""
    return "".join(c if c.isprintable() or c in kept else " " for c in text)


def cut(text: str, width: int) -> str:
    """Put text on one line of at most so many characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else f"{line[: max(1, width - 1)]}…"


def about(one: Entry) -> Sequence[str]:
    """Say of an entry what is neither question nor answer."""
    told = []
    if one.age is not None:
        told.append(f"{spoken(one.age)} old")
    told.append("no ttl" if one.ttl is None else f"{spoken(one.ttl)} left")
    told += [one.model] if one.model else []
    told += [f"namespace {one.namespace}"] if one.namespace else []
    told += [f"tags {', '.join(one.tags)}"] if one.tags else []
    told += [f"served at least {one.served:,} x"] if one.served else []
    return [clean(part) for part in told]


def one_line(error: BaseException) -> str:
    """Say what an exception says, on one line."""
    return " ".join(str(error).split())[:LONGEST_CAUSE]
