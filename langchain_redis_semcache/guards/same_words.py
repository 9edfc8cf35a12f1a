"""Which two words, or phrases, are one: synonyms, other forms, abbreviations, slips of the fingers.

Rule of this module: what the lists do not vouch for is another word.
"""

from __future__ import annotations

from functools import cache

from .lexicon import lexicon
from .typos import mistyped
from .wording import groups, joined, stem, synonyms

__all__ = ["abbreviates", "folded", "interchangeable", "one_word"]

_VOWELS = frozenset("aeiou")
_SHORT = 5  # letters from which a word is written without its vowels
_ROOT = 4  # letters at the beginning that two forms of a word share, at least

_NONE: frozenset[int] = frozenset()


def one_word(x: str, y: str, language: str) -> bool:
    """Whether two stems are of one word, or of two that mean the same nearly everywhere."""
    known = synonyms(language)
    if not known.get(x, _NONE).isdisjoint(known.get(y, _NONE)):
        return True
    if stem(x) == y or stem(y) == x:  # embedding(s) / embed
        return True
    return _one_form(x, y, language) or mistyped(x, y, language) or _shortened(x, y)


def interchangeable(x: str, y: str, language: str) -> bool:
    """Whether two small words ask the same where nothing else differs: can/do, which/what."""
    small = groups(("interchangeable",), language)
    return not small.get(x, _NONE).isdisjoint(small.get(y, _NONE))


def abbreviates(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether one word is short for others: uk/united kingdom, nda/nondisclosure agreement."""
    if len(left) != 1:
        return False
    short, initials = left[0], "".join(word[0] for word in right)
    return (
        short[0] == initials[0]
        and _runs_through(initials, short)
        and _runs_through(short, "".join(right))
    )


def folded(words: tuple[str, ...], language: str) -> tuple[str, ...]:
    """The stems, where a phrase that has synonyms counts as one: turn on, throw away."""
    known = _phrases(language)
    return tuple(words if known.keys().isdisjoint(words) else joined(list(words), known))


def _shortened(x: str, y: str) -> bool:
    """Whether one word is the other without its vowels: msg/message, pwd/password."""
    short, word = sorted((x, y), key=len)
    if len(word) <= _SHORT or short[0] != word[0] or not _VOWELS.isdisjoint(short):
        return False
    return _runs_through(short, word)


def _runs_through(letters: str, word: str) -> bool:
    """Whether the letters stand in a word in their order."""
    rest = iter(word)
    return all(letter in rest for letter in letters)


def _one_form(x: str, y: str, language: str) -> bool:
    """Whether two words differ by endings that make no other word: verif(y)/verification."""
    start = 0
    for one, other in zip(x, y, strict=False):
        if one != other:
            break
        start += 1
    if start < _ROOT:
        return False
    endings = {x[start:] or "-", y[start:] or "-"}
    return any(endings <= group for group in _endings(language))


@cache
def _phrases(language: str) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in synonyms(language):
        if "_" in entry:
            words = tuple(entry.split("_"))
            found.setdefault(words[0], []).append(words)
    return {first: sorted(entries, key=len, reverse=True) for first, entries in found.items()}


@cache
def _endings(language: str) -> list[frozenset[str]]:
    return [frozenset(line.split()) for line in lexicon(language).lines("endings")]
