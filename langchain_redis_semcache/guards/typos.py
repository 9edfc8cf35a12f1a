"""Which two words are one, mistyped.

Rule of this module: a word that nobody knows is a slip of one that is known and nearly the same.
Of two that are known, or two that are not, only slips count that seldom make another word: two
letters exchanged, a letter doubled or not, and in long words one left out or a vowel for another.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby

from .lexicon import lexicon
from .wording import stem, synonyms

__all__ = ["known_words", "mistyped"]

_VOWELS = frozenset("aeiouy")
_LONG = 6  # letters from which one missing makes no other word, nearly always


def mistyped(x: str, y: str, language: str) -> bool:
    """Whether two words look like one of them mistyped."""
    if abs(len(x) - len(y)) > 1 or min(len(x), len(y)) < 3 or x == y:
        return False
    if frozenset((x, y)) in _confusable(language):
        return False
    known = known_words(language)
    if known and (x in known) != (y in known):
        word, slip = (x, y) if x in known else (y, x)
        # AngularJS is no slip of Angular.
        return word[0] == slip[0] and slip[:-1] != word and _slipped(word, slip)
    if _single(x) == _single(y):
        return True  # "brocolli"
    shorter, longer = sorted((x, y), key=len)
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    if len(shorter) < len(longer):
        return _left_out(shorter, longer, start)
    a, b = shorter[start:], longer[start:]
    if a[:2] == b[1::-1] and a[2:] == b[2:]:
        return True  # "lsit"
    replaced = a[1:] == b[1:] and a[0] in _VOWELS and b[0] in _VOWELS
    return replaced and start > 0 and len(x) >= _LONG


def _single(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _left_out(shorter: str, longer: str, place: int) -> bool:
    if shorter[place:] != longer[place + 1 :]:
        return False
    return 0 < place < len(shorter) and len(shorter) >= _LONG


def _slipped(x: str, y: str) -> bool:
    """Whether one letter is missing, another one, or exchanged with the next."""
    shorter = min(len(x), len(y))
    start = 0
    while start < shorter and x[start] == y[start]:
        start += 1
    tail = 0
    while tail < shorter - start and x[-1 - tail] == y[-1 - tail]:
        tail += 1
    x, y = x[start : len(x) - tail], y[start : len(y) - tail]
    return max(len(x), len(y)) <= 1 or (len(x) == 2 and x == y[::-1])


@cache
def known_words(language: str) -> frozenset[str]:
    """The stems of all words of a language that has a list of them."""
    lists = lexicon(language)
    further = lists.words("vocabulary")
    if not further:
        return frozenset()
    return frozenset(map(stem, further | lists.stopwords | lists.words("harmless"))) | {
        *synonyms(language)
    }


@cache
def _confusable(language: str) -> frozenset[frozenset[str]]:
    lines = lexicon(language).lines("confusable")
    return frozenset(frozenset(pair.split("|")) for line in lines for pair in line.split())
