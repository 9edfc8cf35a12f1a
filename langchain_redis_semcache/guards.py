"""Guards: what cosine distance cannot see of two questions, read from their words.

Rule of this module: a guard compares two texts and returns what is to be added to their distance,
0.0 for "no objection" and infinity for a veto. It can only turn a hit into a miss, so when in doubt
it says nothing: a missed objection costs one wrong answer, a wrong objection a hit on every repeat.
Every guard is symmetric, total (any string at all) and linear in the length of the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from ._guard_form import form
from ._guard_numbers import numbers
from ._guard_relations import direction, negation, opposites
from ._guard_things import dates, identifiers, names, quotes
from ._text import FREE, VETO

__all__ = [
    "DEFAULT_GUARDS",
    "Guard",
    "dates",
    "direction",
    "form",
    "identifiers",
    "names",
    "negation",
    "numbers",
    "objection",
    "opposites",
    "quotes",
]


class Guard(Protocol):
    """Compares two questions; symmetric, never raises."""

    def __call__(self, asked: str, cached: str, /) -> float:
        """Return the penalty added to their distance: 0.0 for none, infinity for a veto."""
        ...


def objection(asked: str, cached: str, guards: Mapping[str, Guard]) -> tuple[float, str | None]:
    """Ask the guards in order until one vetoes; return the penalty and the guard behind it."""
    if asked == cached:
        return FREE, None
    total, worst, culprit = FREE, FREE, None
    for name, guard in guards.items():
        penalty = guard(asked, cached)
        total += penalty
        if penalty > worst:
            worst, culprit = penalty, name
            if penalty == VETO:
                break
    return total, culprit


# In the order in which they are asked: the most telling first.
DEFAULT_GUARDS: Mapping[str, Guard] = MappingProxyType(
    {
        "numbers": numbers,
        "negation": negation,
        "opposites": opposites,
        "direction": direction,
        "quotes": quotes,
        "identifiers": identifiers,
        "dates": dates,
        "names": names,
        "form": form,
    }
)
