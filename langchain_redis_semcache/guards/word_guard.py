"""One word for another, in two questions that are the same but for it.

Rule of this module: the one word that differs is meant, unless it is known to be harmless: a
synonym, another form, an abbreviation, a slip of the fingers or an empty word.
"""

from __future__ import annotations

from functools import cache

from .additions import added, states
from .content import empty, numbers, says_more
from .lexicon import frequent, lexicon
from .quantities import numerals, units
from .reading import FREE, VETO, Text, pair
from .same_words import abbreviates, folded, interchangeable, one_word
from .typos import known_words
from .wording import frame, gap, stem, synonyms

__all__ = ["words"]

_PENALTY = 0.12  # 0.08 to 0.15 cost next to nothing: what is a word apart is mostly very near
_FEW = 12  # words of any kind that may differ before anybody looks closer
_LEAST = 3  # words of a question that is more than a search
_PHRASE = 2  # words in which a phrase is looked for
_LONG = 40  # words of a phrase in which nobody compares each with each
_FRAME = 0.7  # the part of the longer question that is shared where the rest is what is asked
_HALF, _MOST = 0.5, 6  # or this part, if it has so many words
_PLACES, _ALIGNED = 2, 0.75  # places that may differ, and the part that may not
_SHOWN = 2  # words that show a language, at least


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
    if not (_recognised(a) and _recognised(b)):
        return FREE  # of a language that nobody recognises no synonyms are known
    if not synonyms(language):
        return FREE
    start, left, right = gap(a, b)
    if not left or not right:
        return added(a, b, start, left or right)
    if len(left) == len(right) == 1:
        return FREE if _as_good(left[0], right[0], language) else VETO
    few = max(len(left), len(right)) <= _PHRASE
    longer = max(len(frame(a)), len(frame(b)))
    shared = len(frame(a)) - len(left)
    if states(a) and states(b):
        return FREE
    if _one_place(frame(a), frame(b), language):
        return VETO
    if max(len(left), len(right)) > _LONG or (shared < _HALF * longer and not few):
        return FREE
    if not _differ(left, right, language):
        return FREE
    if shared >= _FRAME * longer:
        return VETO
    # All that they share comes first: a question with another condition.
    said = start == shared >= max(_MOST, _HALF * longer)
    alone = few and _beside(language).isdisjoint((*left, *right))
    return _PENALTY if said or alone else FREE


def _recognised(text: Text) -> bool:
    """Whether a text shows its language: by a frequent word, or as most of its words are known."""
    language = text.lexicon.language
    if not frequent(language).isdisjoint(text.words):
        return True
    known = known_words(language).intersection(map(stem, text.words))
    return len(known) >= max(_SHOWN, len(text.words) / 2)


def _one_place(left: tuple[str, ...], right: tuple[str, ...], language: str) -> bool:
    """Whether one word of content stands in the place of another, and the rest is alike."""
    if len(left) != len(right):
        return False
    places = [(x, y) for x, y in zip(left, right, strict=True) if x != y]
    if len(places) > _PLACES or len(left) - len(places) < _ALIGNED * len(left):
        return False
    beside = empty(language)
    return any(
        x not in right
        and y not in left
        and beside.isdisjoint((x, y))
        and not _as_good(x, y, language)
        for x, y in places
    )


def _as_good(x: str, y: str, language: str) -> bool:
    """Whether one word for another makes no other question."""
    if all(word[-1].isdecimal() or word in numbers(language) for word in (x, y)):
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
    return says_more(left, right, language) and says_more(right, left, language)


@cache
def _measures(language: str) -> dict[str, object]:
    """Units by their stems."""
    return {stem(word): unit for word, unit in units(language).items()}


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
