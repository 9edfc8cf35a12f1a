"""A question as the guards see it: its words, read once, and the quantities among them.

Everything here is total (any string gives a reading) and linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache

from ._guard_words import STOPWORDS
from ._quantities import NUMERALS, quantities

FREE = 0.0  # what a guard returns that does not object
VETO = math.inf

_DIGIT = re.compile(r"\d")
_APOSTROPHE = "\u2019"


@cache  # compiled at the first use, since importing the package must not take long
def _token(plain: bool) -> re.Pattern[str]:
    """Words (don't, c++), numbers (5, 1,000, 3.10, 1/2, 15:30) and marks that mean something."""
    # The plain pattern is twice as fast.
    letter, marks = ("[a-z]", "[.!?;,$%/&]") if plain else (r"[^\W\d_]", "[.!?;,$€£¥₹%°/½¼¾&]")
    return re.compile(rf"c\+\+|c#|{letter}+(?:'{letter}+)*|\d+(?:[.,:/]\d+)*|{marks}")


class Text:
    """One question: its words in lower case, those of them that carry meaning, its numbers."""

    __slots__ = ("capitals", "content", "quantities", "tokens", "words")

    def __init__(self, raw: str) -> None:
        lower = raw.lower()
        self.capitals = lower[1:] != raw[1:]
        """Whether there is a capital letter beyond the first character."""
        plain = lower.isascii()
        self.tokens: list[str] = _token(plain).findall(
            lower if plain else lower.replace(_APOSTROPHE, "'")
        )
        self.words = frozenset(self.tokens)
        self.content = self.words - STOPWORDS
        has_number = _DIGIT.search(lower) or not self.words.isdisjoint(NUMERALS)
        self.quantities = quantities(self.tokens) if has_number else []


@lru_cache(maxsize=16)
def read(text: str) -> Text:
    """Read a text; the small cache is what lets all guards of one pair share the reading."""
    return Text(text)


def likeness(a: Text, b: Text) -> float:
    return share(a.content, b.content)


def share(words: frozenset[str], others: frozenset[str]) -> float:
    """How many of their words two texts share, from 0 to 1."""
    larger = max(len(words), len(others))
    return len(words & others) / larger if larger else 1.0
