"""Which two words are one, mistyped.

Rule of this module: only slips that seldom make another word: two letters exchanged, a letter
doubled or not, and in long words one letter left out or a vowel for another.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby

from .lexicon import lexicon

__all__ = ["mistyped"]

_VOWELS = frozenset("aeiouy")
_LONG = 6  # letters from which one missing makes no other word, nearly always


def mistyped(x: str, y: str, language: str) -> bool:
    """Whether two words look like one of them mistyped."""
    if abs(len(x) - len(y)) > 1 or min(len(x), len(y)) < 3 or x == y:
        return False
    if frozenset((x, y)) in _confusable(language):
        return False
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


@cache
def _confusable(language: str) -> frozenset[frozenset[str]]:
    lines = lexicon(language).lines("confusable")
    return frozenset(frozenset(pair.split("|")) for line in lines for pair in line.split())
