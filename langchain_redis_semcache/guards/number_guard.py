"""Numbers and units: questions that ask for other amounts are other questions.

Rule of this module: a number counts by its amount and its unit, however it is written, and wherever
it stands; only in a personal story may one be left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from .quantities import Quantity, units
from .reading import FREE, VETO, Text, likeness, pair

__all__ = ["numbers"]

# Chosen on plateaus (benchmarks/guards.py): neighbouring values change next to nothing.
_NEARLY_THE_SAME = 0.8  # likeness from which two texts are one text with an edit
_RETOLD = 0.6  # likeness below which a personal story was told anew, details differ by chance
_STORY = 6  # words of content that make a story


def numbers(asked: str, cached: str, /) -> float:
    """Veto two questions whose numbers or units differ.

    "60 letters" / "120 letters", "2 km" / "2 miles", "top 5" / "top ten", "x + 3" / "x - 3"; not
    "1k" / "1,000", "90 minutes" / "1.5 hours", "half" / "50%", "1 week" / "a week".

    A number on one side only is a veto as well ("laptops" / "laptops under $500"), unless a
    personal story was retold in other words: whether someone adds "for 3 days now" is chance. In
    problems with three numbers or more, an added clause changes the result whatever it says.
    """
    a, b = pair(asked, cached)
    if _other_operators(asked, cached):
        return VETO
    if not a.quantities and not b.quantities:
        return FREE
    left, right = _unmatched(a, b), _unmatched(b, a)
    if (left and right) and not all(quantity.text == "1" for quantity in left + right):
        return VETO
    alike = likeness(a, b)
    # A lone 1 is an article or a pronoun as often as a number.
    if any(quantity.text != "1" for quantity in left + right):
        return FREE if alike < _RETOLD and _is_story(a, b) else VETO
    if alike >= _NEARLY_THE_SAME and _counted(a) != _counted(b):
        return VETO
    return VETO if _clause_added(a, b) else FREE


@cache  # compiled at the first use
def _operator() -> re.Pattern[str]:
    """Signs between two operands: "x + 3", "n<5", "a^2"; not a dash, "e-mail", "and/or" or C++."""
    signs = r"[+*^=<>\u2264\u2265\u00d7\u00f7]|[=<>!]=|(?<=\s)[-\u2212/](?=\s)"
    return re.compile(rf"(?<=[\w)])\s*({signs})\s*(?=[\w(])")


_SIGNS = frozenset("+*^=<>-/\u2264\u2265\u00d7\u00f7\u2212")


def _other_operators(asked: str, cached: str) -> bool:
    if _SIGNS.isdisjoint(asked) or _SIGNS.isdisjoint(cached):  # most have none
        return False
    one, other = (sorted(_operator().findall(raw)) for raw in (asked, cached))
    return one != other and bool(one) and bool(other)


def _is_story(a: Text, b: Text) -> bool:
    personal = not all(text.lexicon.personal.isdisjoint(text.words) for text in (a, b))
    return personal and min(len(a.content), len(b.content)) >= _STORY


def _unmatched(one: Text, other: Text) -> list[Quantity]:
    """The quantities of one text that the other does not have, "an hour" being 60 minutes."""
    if one.quantities == other.quantities:
        return []
    missing = _without(one.quantities, other.quantities)
    if missing:
        known = units(other.lexicon.language)
        implied = {known[word] for word in other.words if word in known}
        missing = [q for q in missing if (q.dimension, q.amount) not in implied]
    return missing


def _without(these: Iterable[Quantity], those: Iterable[Quantity]) -> list[Quantity]:
    """Drop what those have too; a number without a unit equals one with any unit."""
    bare_texts, bare_amounts, texts, amounts = set(), set(), set(), set()
    measured = set()
    for text, amount, dimension in those:
        amount = round(amount, 6)
        if dimension is None:
            bare_texts.add(text)
            bare_amounts.add(amount)
        else:
            texts.add(text)
            amounts.add(amount)
            measured.add((dimension, amount))

    def known(quantity: Quantity) -> bool:
        text, amount, dimension = quantity
        amount = round(amount, 6)
        if dimension is None:
            # Bare numbers are compared as written: "3.10" and "3.1" may be versions.
            return text in bare_texts or text in texts or amount in amounts
        return (dimension, amount) in measured or text in bare_texts or amount in bare_amounts

    return [quantity for quantity in these if not known(quantity)]


def _counted(text: Text) -> Counter[str]:
    return Counter(quantity.text for quantity in text.quantities if quantity.text != "1")


def _clause_added(a: Text, b: Text) -> bool:
    """Whether one arithmetic text is the other and a little more."""
    if len(a.quantities) < 3 or len(b.quantities) < 3:
        return False
    in_a = Counter(token for token in a.tokens if token not in a.lexicon.stopwords)
    in_b = Counter(token for token in b.tokens if token not in b.lexicon.stopwords)
    shared = sum((in_a & in_b).values())
    shorter, longer = sorted((sum(in_a.values()), sum(in_b.values())))
    if shared < 0.85 * shorter:
        return False
    return longer - shared >= 3 or (
        sorted(q.text for q in a.quantities) != sorted(q.text for q in b.quantities)
    )
