"""A question as the guards see it: its words, read once, and the quantities among them.

Everything here is total (any string gives a reading) and linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache

from .languages import language_of, segmented
from .lexicon import lexicon
from .quantities import numerals, quantities

FREE = 0.0  # what a guard returns that does not object
VETO = math.inf

_DIGIT = re.compile(r"\d")
_APOSTROPHE = "\u2019"


@cache  # compiled at the first use, since importing the package must not take long
def _token(plain: bool) -> re.Pattern[str]:
    """Words (don't, c++), numbers (-5, .5, 1,000, 1/2, 15:30) and marks that mean something."""
    # The plain pattern is twice as fast.
    letter, marks = ("[a-z]", "[.!?;,$%/&]") if plain else (r"[^\W\d_]", "[.!?;,$€£¥₹%°/½¼¾&]")
    number = r"(?:(?<![\w).,/-])-)?(?:(?<![\w.,/:])\.)?\d+(?:[.,:/]\d+)*"
    return re.compile(rf"c\+\+|c#|{letter}+(?:'{letter}+)*|{number}|{marks}")


@cache
def _prefix() -> re.Pattern[str]:
    """Prefixes that some write with a hyphen: non-refundable, re-enter, e-mail."""
    return re.compile(r"(^|\s)(non|re|un|de|dis|pre|e)-(?=[a-z])")


class Text:
    """One question: its words in lower case, those of them that carry meaning, its numbers."""

    __slots__ = ("capitals", "content", "lexicon", "quantities", "tokens", "words")

    def __init__(self, raw: str, language: str) -> None:
        self.capitals = raw.lower()[1:] != raw[1:]
        """Whether there is a capital letter beyond the first character."""
        self.tokens = segmented(_tokens(raw), language)
        self.words = frozenset(self.tokens)
        self.lexicon = lexicon(language)
        self.content = self.words - self.lexicon.stopwords
        starts = numerals(language).starts
        has_number = _DIGIT.search(raw) or not self.words.isdisjoint(starts)
        self.quantities = quantities(self.tokens, language) if has_number else []


@lru_cache(maxsize=16)
def _tokens(raw: str) -> list[str]:
    lower = raw.lower()
    if "-" in lower:
        lower = _prefix().sub(r"\1\2", lower)
    plain = lower.isascii()
    return _token(plain).findall(lower if plain else lower.replace(_APOSTROPHE, "'"))


@lru_cache(maxsize=16)
def _read(raw: str, language: str) -> Text:
    return Text(raw, language)


@lru_cache(maxsize=8)
def pair(asked: str, cached: str) -> tuple[Text, Text]:
    """Read two texts in one language; the small cache lets all guards share the reading."""
    language = language_of(frozenset(_tokens(asked)).union(_tokens(cached)))
    return _read(asked, language), _read(cached, language)


def read(text: str) -> Text:
    """Read one text."""
    return pair(text, text)[0]


def forget() -> None:
    """Drop what was read last."""
    for cached in (_tokens, _read, pair):
        cached.cache_clear()


def plain_words(text: str) -> list[str]:
    """The words of a text without case and punctuation: where these agree it is the same text."""
    return "".join(c if c.isalnum() else " " for c in text.casefold()).split()


def likeness(a: Text, b: Text) -> float:
    return share(a.content, b.content)


def share(words: frozenset[str], others: frozenset[str]) -> float:
    """How many of their words two texts share, from 0 to 1."""
    larger = max(len(words), len(others))
    return len(words & others) / larger if larger else 1.0
