"""Which language two questions are in, and the words of a language that writes without spaces.

Rule of this module: both questions of a pair are read in one language, the one that most of their
frequent words belong to; a pair that shows none is read as English.
"""

from __future__ import annotations

from functools import cache

from .lexicon import DEFAULT_LANGUAGE, frequent, languages, lexicon, telling
from .scripts import scripts_of

__all__ = ["language_of", "segmented"]

_CHINESE = "zh"


def language_of(words: frozenset[str]) -> str:
    """The language that most words are frequent in."""
    scripts = scripts_of("".join(words))
    if "han" in scripts and scripts.isdisjoint(("kana", "hangul")):
        return _CHINESE
    best, most = DEFAULT_LANGUAGE, max(1, _frequent(words, DEFAULT_LANGUAGE))
    for language in languages()[1:]:
        found = _frequent(words, language)
        if found > most:
            best, most = language, found
    return best


def _frequent(words: frozenset[str], language: str) -> int:
    """How many words are frequent in a language; those that no other language has count thrice."""
    return len(words & frequent(language)) + 2 * len(words & telling(language))


def segmented(tokens: list[str], language: str) -> list[str]:
    """The tokens in words: Chinese by the longest that the lists know, elided articles cut off."""
    if language == _CHINESE:
        return [word for token in tokens for word in _cut(token)]
    elisions = lexicon(language).elisions
    if not elisions:
        return tokens
    found: list[str] = []
    for token in tokens:
        first, apostrophe, rest = token.partition("'")
        found.extend((first, rest) if apostrophe and first in elisions else (token,))
    return found


def _cut(token: str) -> list[str]:
    if "han" not in scripts_of(token):
        return [token]
    known, longest = _vocabulary()
    found: list[str] = []
    place = 0
    while place < len(token):
        size = next((n for n in range(longest, 1, -1) if token[place : place + n] in known), 1)
        found.append(token[place : place + size])
        place += size
    return found


@cache
def _vocabulary() -> tuple[frozenset[str], int]:
    chinese = lexicon(_CHINESE)
    lines = [line for file in chinese.folder.glob("*.txt") for line in chinese.lines(file.stem)]
    words = frozenset(part for line in lines for word in line.split() for part in word.split("="))
    return words, max(map(len, words))
