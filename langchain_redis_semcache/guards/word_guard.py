"""One word for another, in two questions that are the same but for it.

Rule of this module: the one word that differs is meant, unless it is known to be harmless: a
synonym, another form, an abbreviation, a slip of the fingers or an empty word.
"""

from __future__ import annotations

from functools import cache

from .lexicon import frequent, lexicon
from .opposites import on_off
from .quantities import numerals, units
from .reading import FREE, VETO, Text, pair, read
from .typos import mistyped
from .wording import gap, stem

__all__ = ["content", "same_content", "words"]

_PENALTY = 0.12  # 0.08 to 0.15 cost next to nothing: what is a word apart is mostly very near
_FEW = 8  # words of any kind that may differ before anybody looks closer
_MANY = 100  # words among which a missing one is looked for
_LEAST_SHARED = 3  # words that the two have in common
_PHRASE = 2  # words in which a phrase is looked for
_VOWELS = frozenset("aeiou")
_ROOT = 5  # letters at the beginning that two forms of a long word share, at least


def words(asked: str, cached: str, /) -> float:
    """Penalise two questions that are the same but for one word of content, or two.

    "the duties of a landlord" / "the duties of a caretaker", "in Excel" / "in Google Sheets"; not
    "buy a bike" / "purchase a bike", "verify it" / "verification", "a list" / "a lsit", "in the
    UK" / "in the United Kingdom". A penalty and no veto, since no list of synonyms is complete;
    but a veto for "cheaper" / "cheapest".
    """
    a, b = pair(asked, cached)
    if len(a.words ^ b.words) > _FEW or min(len(a.tokens), len(b.tokens)) <= _LEAST_SHARED:
        return FREE
    language = a.lexicon.language
    if any(frequent(language).isdisjoint(text.words) for text in (a, b)):
        return FREE  # of a language that nobody recognises no synonyms are known
    if not _synonyms(language):
        return FREE
    _, left, right = gap(a, b)
    if not left or not right or max(len(left), len(right)) > _PHRASE:
        return FREE
    if any(word[-1].isdecimal() for word in (*left, *right)):
        return FREE
    if len(left) + len(right) > 2:
        return FREE if _one_phrase(left, right, language) else _PENALTY
    x, y = left[0], right[0]
    if not (_is_degree(x, a) and _is_degree(y, b)):
        beside = _beside(language)
        if (x in beside and y in beside) or not _empty(language).isdisjoint((x, y)):
            return FREE
    if x[-2:] + y[-2:] in ("erst", "ster") and x[:_ROOT] == y[:_ROOT]:
        return VETO  # cheaper/cheapest
    return FREE if _one_word(x, y, language) else _PENALTY


def _one_phrase(left: tuple[str, ...], right: tuple[str, ...], language: str) -> bool:
    """Whether two phrases may be one: with a word alike, in one spelling, or abbreviated."""
    beside = _beside(language) | on_off(language)
    if any(word in beside for word in (*left, *right)):
        return True
    if any(_one_word(x, y, language) for x in left for y in right):
        return True
    if "".join(left) == "".join(right):  # "chat roulette"
        return True
    return _abbreviates(left, right) or _abbreviates(right, left)


def _abbreviates(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether one word is short for others: uk/united kingdom, nda/nondisclosure agreement."""
    if len(left) != 1:
        return False
    short, initials = left[0], "".join(word[0] for word in right)
    return (
        short[0] == initials[0]
        and _runs_through(initials, short)
        and _runs_through(short, "".join(right))
    )


def _shortened(x: str, y: str) -> bool:
    """Whether one word is the other without its vowels: msg/message, pwd/password."""
    short, word = sorted((x, y), key=len)
    if len(word) <= _ROOT or short[0] != word[0] or not _VOWELS.isdisjoint(short):
        return False
    return _runs_through(short, word)


def _runs_through(letters: str, word: str) -> bool:
    """Whether the letters stand in a word in their order."""
    rest = iter(word)
    return all(letter in rest for letter in letters)


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
    return x[:root] == y[:root] or mistyped(x, y, language) or _shortened(x, y)


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
