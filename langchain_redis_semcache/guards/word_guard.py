"""One word for another, in two questions that are the same but for it.

Rule of this module: the one word that differs is meant, unless it is known to be harmless: a
synonym, another form, an abbreviation, a slip of the fingers or an empty word.
"""

from __future__ import annotations

from functools import cache

from .lexicon import lexicon
from .quantities import numerals, units
from .reading import FREE, VETO, Text, pair, read
from .typos import mistyped
from .wording import gap, stem

__all__ = ["content", "same_content", "words"]

_PENALTY = 0.12  # 0.08 to 0.15 cost next to nothing: what is a word apart is mostly very near
_FEW = 8  # words of any kind that may differ before anybody looks closer
_MANY = 100  # words among which a missing one is looked for
_LEAST_SHARED = 3  # words that the two have in common
_ROOT = 5  # letters at the beginning that two forms of a long word share, at least


def words(asked: str, cached: str, /) -> float:
    """Penalise two questions that are the same but for one word of content.

    "the duties of a landlord" / "the duties of a caretaker"; not "buy a bike" / "purchase a bike",
    "verify it" / "verification", "a list" / "a lsit". A penalty and no veto, since no list of
    synonyms is complete; but a veto for "cheaper" / "cheapest".
    """
    a, b = pair(asked, cached)
    if len(a.words ^ b.words) > _FEW:
        return FREE
    if any(text.lexicon.telling.isdisjoint(text.words) for text in (a, b)):
        return FREE  # of a language that nobody recognises no synonyms are known
    if not _synonyms(a.lexicon.language):
        return FREE
    _, left, right = gap(a, b)
    if len(left) != 1 or len(right) != 1 or min(len(a.tokens), len(b.tokens)) <= _LEAST_SHARED:
        return FREE
    x, y = left[0], right[0]
    language = a.lexicon.language
    beside = _beside(language)
    if (x in beside or y in beside) and not (_is_degree(x, a) and _is_degree(y, b)):
        return FREE
    if x[-1].isdecimal() or y[-1].isdecimal():
        return FREE
    if x[-2:] + y[-2:] in ("erst", "ster") and x[:_ROOT] == y[:_ROOT]:
        return VETO  # cheaper/cheapest
    return FREE if _one_word(x, y, language) else _PENALTY


def _is_degree(word: str, text: Text) -> bool:
    """Whether a stem is that of a comparative or a superlative: cheaper than, the cheapest."""
    return word.endswith("est") or (word.endswith("er") and "than" in text.words)


def content(raw: str) -> frozenset[str]:
    """The words that a question is about, as stems: all but the empty ones."""
    text = read(raw)
    found = {stem(word.removesuffix("'s")) for word in text.content if word[-1].isalnum()}
    return frozenset(found - _empty(text.lexicon.language))


def same_content(left: list[str], right: list[str], language: str) -> bool:
    """Whether each word of content of either text is in the other, or one that means the same."""
    return _within(left, right, language) and _within(right, left, language)


def _within(words: list[str], others: list[str], language: str) -> bool:
    empty = _empty(language)
    known = {stem(word) for word in others}
    missing = {stem(word) for word in words} - known - empty
    if len(missing) > _FEW:
        return False
    beside = [word for word in known if word not in empty][:_MANY]
    return all(any(_one_word(word, other, language) for other in beside) for word in missing)


def _one_word(x: str, y: str, language: str) -> bool:
    synonyms = _synonyms(language)
    if not synonyms.get(x, frozenset()).isdisjoint(synonyms.get(y, frozenset())):
        return True
    root = max(_ROOT, (min(len(x), len(y)) * 3) // 4)
    return x[:root] == y[:root] or mistyped(x, y, language)


@cache
def _synonyms(language: str) -> dict[str, frozenset[int]]:
    """The lines in which a word stands, by its stem."""
    found: dict[str, set[int]] = {}
    for number, line in enumerate(lexicon(language).lines("synonyms")):
        for word in line.split():
            found.setdefault(stem(word), set()).add(number)
    return {word: frozenset(lines) for word, lines in found.items()}


@cache
def _empty(language: str) -> frozenset[str]:
    known = lexicon(language)
    words = (*known.stopwords, *known.courtesies, *known.fillers, *known.words("harmless"))
    return frozenset(map(stem, words))


@cache
def _beside(language: str) -> frozenset[str]:
    """Stems of words that are empty, or that other guards look at."""
    known = lexicon(language)
    found = {*known.stopwords, *known.negators, *known.words("harmless"), *units(language)}
    found |= numerals(language).starts
    for name in ("classes", "tenses", "modals", "asked"):
        for _, entries in known.keyed(name):
            # Of a phrase, "as a list", only the whole is a small word.
            found.update(entry for entry in entries if "_" not in entry)
    return frozenset(map(stem, found))
