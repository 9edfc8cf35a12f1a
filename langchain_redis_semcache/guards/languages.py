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
    counts = dict.fromkeys(languages(), 0)
    for word in words:
        for language, weight in _weights().get(word, ()):
            counts[language] += weight
    most = max(counts.values())
    if most <= max(1, counts[DEFAULT_LANGUAGE]):
        return DEFAULT_LANGUAGE
    best = [language for language, count in counts.items() if count == most]
    # "Que", "un" and "o" are of several: then other words of their lists decide.
    return max(best, key=lambda language: _known(words, language)) if best[1:] else best[0]


def _known(words: frozenset[str], language: str) -> int:
    """How many words stand in any list of a language."""
    entries, beginnings = _listed(language)
    return sum(word in entries or word.startswith(beginnings) for word in words)


@cache
def _listed(language: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """All words of the lists of a language, and the beginnings that stand for all endings."""
    known = lexicon(language)
    lines = [line for file in known.folder.glob("*.txt") for line in known.lines(file.stem)]
    words = {part for line in lines for word in line.split() for part in word.split("=")}
    whole = frozenset(word for word in words if not word.endswith("*"))
    return whole, tuple(word[:-1] for word in words if word.endswith("*"))


@cache
def _weights() -> dict[str, list[tuple[str, int]]]:
    """What a word that is frequent counts for its languages: thrice where no other one has it."""
    found: dict[str, list[tuple[str, int]]] = {}
    for language in languages():
        for word in frequent(language):
            weight = 3 if word in telling(language) else 1
            found.setdefault(word, []).append((language, weight))
    return found


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
    words, _ = _listed(_CHINESE)
    return words, max(map(len, words))
