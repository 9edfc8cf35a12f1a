"""The words that a question is about, and those that say nothing by themselves.

Rule of this module: words are compared as stems; stopwords, courtesies, fillers and what
harmless.txt lists are empty.
"""

from __future__ import annotations

from functools import cache

from .lexicon import lexicon
from .quantities import numerals, units
from .reading import read
from .same_words import one_word
from .wording import stem

__all__ = ["content", "empty", "numbers", "same_content", "says_more", "stems"]

_EMPTIED = 8  # words of content of a template that may differ
_MANY = 100  # words among which a missing one is looked for


def content(raw: str) -> frozenset[str]:
    """The words that a question is about, as stems: all but the empty ones."""
    text = read(raw)
    found = {stem(word.removesuffix("'s")) for word in text.content if word[-1].isalnum()}
    return frozenset(found - empty(text.lexicon.language))


def same_content(left: list[str], right: list[str], language: str) -> bool:
    """Whether each word of content of either text is in the other, or one that means the same."""
    return _within(left, right, language) and _within(right, left, language)


def _within(words: list[str], others: list[str], language: str) -> bool:
    nothing = empty(language)
    known = {stem(word) for word in others}
    missing = {stem(word) for word in words} - known - nothing
    if len(missing) > _EMPTIED:
        return False
    beside = [word for word in known if word not in nothing][:_MANY]
    return all(any(one_word(word, other, language) for other in beside) for word in missing)


def says_more(words: tuple[str, ...], others: tuple[str, ...], language: str) -> bool:
    """Whether there is a word of content that no other word stands for."""
    beside = frozenset(others)
    return any(
        word[-1].isalpha()
        and word not in empty(language)
        and word not in _counted(language)
        and not any(one_word(word, other, language) for other in beside)
        for word in frozenset(words) - beside
    )


@cache
def empty(language: str) -> frozenset[str]:
    """Words without content."""
    known = lexicon(language)
    words = (*known.stopwords, *known.courtesies, *known.fillers, *known.words("harmless"))
    return frozenset(map(stem, words))


@cache
def numbers(language: str) -> frozenset[str]:
    """Numbers written as words."""
    return frozenset(map(stem, numerals(language).starts))


@cache
def _counted(language: str) -> frozenset[str]:
    """Stems of numbers and units."""
    return frozenset(map(stem, units(language))) | numbers(language)


@cache
def stems(name: str, language: str) -> frozenset[str]:
    """The words of a list, and its phrases a_b."""
    entries = (entry.split("_") for entry in lexicon(language).words(name))
    return frozenset("_".join(map(stem, words)) for words in entries)
