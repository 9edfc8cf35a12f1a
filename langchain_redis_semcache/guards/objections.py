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

from ..errors import ConfigurationError
from .form_guard import form
from .function_guards import scope, tense
from .instruction_guard import instructions
from .number_guard import numbers
from .reading import FREE, VETO
from .relation_guards import direction, negation, opposites
from .script_guard import script
from .template_guard import template
from .thing_guards import dates, identifiers, names, quotes
from .word_guard import words

LONGEST = 20_000  # characters of a text that guards read: a few milliseconds of work


class Guard(Protocol):
    """Compares two questions; symmetric, never raises."""

    def __call__(self, asked: str, cached: str, /) -> float:
        """Return the penalty added to their distance: 0.0 for none, infinity for a veto."""
        ...


def objection(asked: str, cached: str, guards: Mapping[str, Guard]) -> tuple[float, str | None]:
    """Ask the guards in order until one vetoes; return the penalty and the guard behind it.

    A text longer than `LONGEST` is not read: whatever it says, it objects to all but itself.
    """
    if asked == cached:
        return FREE, None
    if max(len(asked), len(cached)) > LONGEST:
        return VETO, "length"
    total, worst, culprit = FREE, FREE, None
    for name, guard in guards.items():
        penalty = guard(asked, cached)
        total += penalty
        if penalty > worst:
            worst, culprit = penalty, name
            if penalty == VETO:
                break
    return total, culprit


def check_guards(guards: Mapping[str, Guard]) -> dict[str, Guard]:
    """Refuse what cannot be asked."""
    if not isinstance(guards, Mapping) or not all(
        isinstance(name, str) and callable(guard) for name, guard in guards.items()
    ):
        raise ConfigurationError(
            "guards must be a mapping of names to functions guard(asked, cached) -> float, e.g. "
            "guards={**DEFAULT_GUARDS, 'mine': my_guard}, or {} for none"
        )
    return dict(guards)


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
        "scope": scope,
        "tense": tense,
        "instructions": instructions,
        "template": template,
        "words": words,
        "script": script,
        "form": form,
    }
)
