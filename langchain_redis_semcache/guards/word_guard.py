"""One word for another, in two questions that are the same but for it.

Rule of this module: the one word that differs is meant, unless it is known to be harmless: a
synonym, another form, an abbreviation, a slip of the fingers or an empty word.
"""

from __future__ import annotations

from functools import cache

from .lexicon import frequent, lexicon
from .quantities import numerals, units
from .reading import FREE, VETO, Text, pair, read
from .same_words import abbreviates, folded, interchangeable, one_word
from .wording import frame, gap, stem, synonyms

__all__ = ["content", "same_content", "words"]

_PENALTY = 0.12  # 0.08 to 0.15 cost next to nothing: what is a word apart is mostly very near
_FEW = 12  # words of any kind that may differ before anybody looks closer
_EMPTIED = 8  # words of content of a template that may differ
_MANY = 100  # words among which a missing one is looked for
_LEAST = 3  # words of a question that is more than a search
_PHRASE = 2  # words in which a phrase is looked for
_FRAME = 0.7  # the part of the longer question that is shared where the rest is what is asked
_HALF, _MOST = 0.5, 6  # or this part, if it has so many words
_PLACES, _ALIGNED = 2, 0.75  # places that may differ, and the part that may not
_SAID = 4  # words at the beginning that say what is asked


def words(asked: str, cached: str, /) -> float:
    """Veto two questions that are the same but for what one asks, and penalise the less alike.

    "the duties of a landlord" / "the duties of a caretaker", "from noon" / "until noon", "thawed in
    the fridge" / "thawed on the counter"; not "buy a bike" / "purchase a bike", "verify it" /
    "verification", "a list" / "a lsit", "in the UK" / "in the United Kingdom", "how can I" / "how
    do I", nor what is asked in another order.
    """
    a, b = pair(asked, cached)
    if len(a.words ^ b.words) > _FEW or min(len(a.tokens), len(b.tokens)) < _LEAST:
        return FREE
    language = a.lexicon.language
    if any(frequent(language).isdisjoint(text.words) for text in (a, b)):
        return FREE  # of a language that nobody recognises no synonyms are known
    if not synonyms(language):
        return FREE
    start, left, right = gap(a, b)
    if not left or not right:
        added, before = left or right, frame(a)[start - 1] if start else ""
        return VETO if _adjunct(added, before, language) and not _states(a) else FREE
    if len(left) == len(right) == 1:
        return FREE if _as_good(left[0], right[0], language) else VETO
    few = max(len(left), len(right)) <= _PHRASE
    longer = max(len(frame(a)), len(frame(b)))
    shared = len(frame(a)) - len(left)
    if _states(a) and _states(b):
        return FREE
    if _one_place(frame(a), frame(b), language):
        return VETO
    if (shared < _HALF * longer and not few) or not _differ(left, right, language):
        return FREE
    if shared >= _FRAME * longer:
        return VETO
    said = start >= _SAID and shared >= max(_MOST, _HALF * longer)
    alone = few and _beside(language).isdisjoint((*left, *right))
    return _PENALTY if said or alone else FREE


def _adjunct(words: tuple[str, ...], before: str, language: str) -> bool:
    """Whether words that one question has more are a circumstance, a condition or a part."""
    if not words or "_".join(words) in _stems("asides", language):
        return False
    if before in _stems("degrees", language):
        return True
    if len(words) < _PHRASE:
        return False
    if not _stems("alone", language).isdisjoint(words):
        return True
    begins = words[0] in _stems("adjuncts", language)
    ends = words[-1] in _stems("parts", language)
    return (begins or ends) and _more(words, (), language)


def _one_place(left: tuple[str, ...], right: tuple[str, ...], language: str) -> bool:
    """Whether one word of content stands in the place of another, and the rest is alike."""
    if len(left) != len(right):
        return False
    places = [(x, y) for x, y in zip(left, right, strict=True) if x != y]
    if len(places) > _PLACES or len(left) - len(places) < _ALIGNED * len(left):
        return False
    beside = _empty(language)
    return any(
        x not in right
        and y not in left
        and beside.isdisjoint((x, y))
        and not _as_good(x, y, language)
        for x, y in places
    )


def _states(text: Text) -> bool:
    """Whether a text is a statement and asks for nothing."""
    return text.tokens[-1] == "." and text.lexicon.question_words.isdisjoint(text.words)


def _as_good(x: str, y: str, language: str) -> bool:
    """Whether one word for another makes no other question."""
    numbers = _numerals(language)
    if all(word[-1].isdecimal() or word in numbers for word in (x, y)):
        return True  # other guards look at numbers
    known = _measures(language)
    if x in known and known[x] == known.get(y):
        return True  # "%" / "percent"
    return interchangeable(x, y, language) or one_word(x, y, language)


def _differ(left: tuple[str, ...], right: tuple[str, ...], language: str) -> bool:
    """Whether either side has a word of content that nothing in the other stands for."""
    if "".join(left) == "".join(right):  # "chat roulette"
        return False
    if abbreviates(left, right) or abbreviates(right, left):
        return False
    left, right = folded(left, language), folded(right, language)
    return _more(left, right, language) and _more(right, left, language)


def _more(words: tuple[str, ...], others: tuple[str, ...], language: str) -> bool:
    beside = _empty(language) | _counted(language)
    return any(
        word[-1].isalpha()
        and word not in beside
        and not any(one_word(word, other, language) for other in others)
        for word in words
    )


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
    if len(missing) > _EMPTIED:
        return False
    beside = [word for word in known if word not in empty][:_MANY]
    return all(any(one_word(word, other, language) for other in beside) for word in missing)


@cache
def _empty(language: str) -> frozenset[str]:
    known = lexicon(language)
    words = (*known.stopwords, *known.courtesies, *known.fillers, *known.words("harmless"))
    return frozenset(map(stem, words))


@cache
def _measures(language: str) -> dict[str, object]:
    """Units by their stems."""
    return {stem(word): unit for word, unit in units(language).items()}


@cache
def _stems(name: str, language: str) -> frozenset[str]:
    entries = (entry.split("_") for entry in lexicon(language).words(name))
    return frozenset("_".join(map(stem, words)) for words in entries)


@cache
def _numerals(language: str) -> frozenset[str]:
    return frozenset(map(stem, numerals(language).starts))


@cache
def _counted(language: str) -> frozenset[str]:
    """Stems of numbers and units."""
    return frozenset(map(stem, units(language))) | _numerals(language)


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
