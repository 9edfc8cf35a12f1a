"""Small words that decide: all/some, only, is/was, can/should, why/how.

Rule of this module: a class of words is a line of a file; two questions that take different senses
of one class are different questions if, apart from these words, hardly anything differs.
"""

from __future__ import annotations

from functools import cache, lru_cache

from .lexicon import DEFAULT_LANGUAGE, lexicon
from .reading import FREE, VETO, Text, pair
from .wording import edits, joined, phrases, stem

__all__ = ["asks_otherwise", "scope", "tense"]

Senses = dict[str, frozenset[int]]
"""The classes of which a text has a word, with the senses that it takes."""

_REACH = ("classes", "tenses", "modals")  # a second small word that differs is no excuse
_WANTED = "manner"  # the class of the forms that an answer may have
_EDITS = 1  # words besides these that may differ
_EDITS_OF_AMOUNT = 3
_TELLING = frozenset(("quantifier", "when", "window", "time"))
_ROOT = 4  # letters that two forms of a word share


def scope(asked: str, cached: str, /) -> float:
    """Veto two questions that reach differently far.

    all/some, both/either, only/also, including/except, at least/at most, last/next. Some words make
    another question by being added ("only", "except"), others do not ("are there" / "are there
    any").
    """
    a, b = pair(asked, cached)
    if _alike(a, b, "classes"):
        return FREE
    of_a, of_b = senses(a, "classes"), senses(b, "classes")
    added = _units(a, "classes") ^ _units(b, "classes")
    telling = not a.lexicon.alone.isdisjoint(added)
    other = {kind for kind in of_a.keys() & of_b.keys() if of_a[kind].isdisjoint(of_b[kind])}
    if _WANTED in other:  # whatever else differs
        return VETO
    denied = not a.lexicon.negators.isdisjoint(a.words | b.words)  # no one is/someone is not
    few = _EDITS_OF_AMOUNT if not other.isdisjoint(_TELLING) and not denied else _EDITS
    return VETO if (telling or other) and _hardly_else(a, b, *_REACH, edited=few) else FREE


def tense(asked: str, cached: str, /) -> float:
    """Veto questions about another time, or about what can, should or must be.

    is/was/will be, live/lived, have played/will play, can I/should I/must I; not "how can I" / "how
    should I" and not "how long does it take" / "how long will it take".
    """
    a, b = pair(asked, cached)
    if _past(a, b) or _done_or_to_come(a, b) or _imagined(a, b):
        return VETO
    return VETO if _other_time(a, b) or _other_mood(a, b) else FREE


def asks_otherwise(a: Text, b: Text) -> bool:
    """Whether one question asks why, and the other how or when, of the same."""
    if _alike(a, b, "asked"):
        return False
    of_a, of_b = _aspect(a), _aspect(b)
    if "which" in a.words & b.words:  # "... and why?"
        return False
    if not of_a or not of_b or of_a == of_b or {of_a, of_b} in _ONE_ANSWER:
        return False
    if {of_a, of_b} == _OF_ONESELF and not a.lexicon.personal.isdisjoint(a.words | b.words):
        return False
    if "thing" in (of_a, of_b):  # "what is my next day off" / "when is my next day off"
        return "place" in (of_a, of_b) and _asked_of_one(a, b)
    in_both = not a.lexicon.question_words.isdisjoint(a.words & b.words)  # how to know when
    few = 0 if {of_a, of_b} <= _MEASURED else _EDITS if in_both else _EDITS + 1
    return _hardly_else(a, b, "asked", "tenses", edited=few) or _asked_of_one(a, b)


def _asked_of_one(a: Text, b: Text) -> bool:
    """Whether both begin with what they ask for, and ask it of the same: who can/how do I."""
    asks = a.lexicon.question_words
    if a.tokens[0] not in asks or b.tokens[0] not in asks:
        return False
    return len(senses(a, "asked")) == len(senses(b, "asked")) == 1 and _about(a) == _about(b)


def _about(text: Text) -> frozenset[str]:
    return frozenset(map(stem, text.content))


_HAVE = "have"  # whoever would have it done
_GONE = frozenset(("past", "perfect"))
_BE = frozenset(("be", "been"))
# "when is it" / "how long before it is", "how heavy is it" / "how much does it weigh"
_MEASURED = {"time", "how long", "how much", "how often", "how old", "size"}
_OF_ONESELF = {"manner", "place"}  # "where can I find" / "how can I find"
# "when" / "which year"
_ONE_ANSWER = tuple({"choice", aspect} for aspect in ("reason", "time", "place", "person", "size"))


def _aspect(text: Text) -> str | None:
    return next(iter(senses(text, "asked")), None)


def _past(a: Text, b: Text) -> bool:
    """Whether a verb in the past is all that differs: live/lived, will win/won."""
    language = a.lexicon.language
    here, there = (words - _future(language) for words in (a.words - b.words, b.words - a.words))
    if len(here) == len(there) == 2:  # who approves reports/who approved a report
        here, there = _of_other_number(here, there), _of_other_number(there, here)
    if len(here) != 1 or len(there) != 1:
        return False
    one, other = min(here), min(there)
    if _words("tenses", language).isdisjoint(a.words | b.words):
        one, other = one.removesuffix("s"), other.removesuffix("s")  # who hosts/who hosted
    return _is_past(one, other, language) or _is_past(other, one, language)


@cache
def _beside_a_verb(language: str) -> frozenset[str]:
    listed = [_words(name, language) for name in ("tenses", "done", "modals")]
    return lexicon(language).words("additions").union(*listed)


def _of_other_number(words: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Leave out nouns that the others have in the singular or the plural."""
    return frozenset(
        w for w in words if w + "s" not in others and w.removesuffix("s") not in others
    )


def _done_or_to_come(a: Text, b: Text) -> bool:
    """Whether a verb is of what has been done in one, and of what is to come in the other."""
    if _alike(a, b, "tenses"):
        return False
    language = a.lexicon.language
    for one, other in ((a, b), (b, a)):
        done, to_come = one.words - other.words, other.words - one.words
        if done.isdisjoint(_words("done", language)) or "future" not in senses(other, "tenses"):
            continue
        small = _beside_a_verb(language)
        verbs, rest = done - small, to_come - small
        if len(verbs) == len(rest) == 1 and _is_past(min(verbs), min(rest), language):
            return True
    return False


def _imagined(a: Text, b: Text) -> bool:
    """Whether one asks what would have been, and the other what was: could it have, did it."""
    if _alike(a, b, "modals"):
        return False
    language = a.lexicon.language
    unreal = _words("imagined", language)
    one, other = (a, b) if unreal & (a.words - b.words) else (b, a)
    if unreal.isdisjoint(one.words - other.words) or not unreal.isdisjoint(other.words):
        return False
    if _HAVE not in one.words - other.words:
        return False
    return "past" in senses(other, "tenses") and _hardly_else(a, b, *_REACH, "done", edited=2)


def _is_past(past: str, verb: str, language: str) -> bool:
    if len(verb) > 2 and past in (verb + "d", verb + "ed"):
        return True
    return past in _irregular(language).get(verb, ())


@cache
def _irregular(language: str) -> dict[str, list[str]]:
    return dict(lexicon(language).keyed("irregular"))


@cache
def _future(language: str) -> frozenset[str]:
    return frozenset(dict(lexicon(language).keyed("tenses")).get("future", ()))


def _other_time(a: Text, b: Text) -> bool:
    if _alike(a, b, "tenses"):
        return False
    of_a, of_b = senses(a, "tenses").keys(), senses(b, "tenses").keys()
    if not of_a or not of_b or not of_a.isdisjoint(of_b):
        return False
    both = of_a | of_b
    asks = not a.lexicon.question_words.isdisjoint(a.words)
    if "perfect" in both and "future" not in both and (asks or "ongoing" not in both):
        return False
    if both.isdisjoint(_GONE) and a.words.isdisjoint(_BE) and b.words.isdisjoint(_BE):
        return False  # "how long does it take" / "how long will it take"
    return _hardly_else(a, b, *_REACH)


def _other_mood(a: Text, b: Text) -> bool:
    if _alike(a, b, "modals"):
        return False
    of_a, of_b = senses(a, "modals").keys(), senses(b, "modals").keys()
    if not of_a or not of_b or not of_a.isdisjoint(of_b):
        return False
    asks = a.lexicon.question_words
    if a.words & asks != b.words & asks or "how" in a.words:
        return False
    if a.lexicon.language != DEFAULT_LANGUAGE and not asks.isdisjoint(a.words):
        return False  # "wie kann ich" / "wie soll ich"
    if not asks.isdisjoint(a.words) and "can" not in of_a | of_b:
        return False  # "what should I pack" / "what do I need to pack"
    if "you" in a.words & b.words and ("will" in of_a | of_b or not _moods_first(a, b)):
        return False  # "will you tell me" / "can you tell me"
    return _hardly_else(a, b, *_REACH)


def _moods_first(a: Text, b: Text) -> bool:
    """Whether both begin with a verb of the list: should you/must you."""
    listed = _words("modals", a.lexicon.language)
    return a.tokens[0] in listed and b.tokens[0] in listed


def _alike(a: Text, b: Text, name: str) -> bool:
    """Whether no word of a list is in one of the texts only; asked first, since it is cheap."""
    return (a.words ^ b.words).isdisjoint(_words(name, a.lexicon.language))


def _hardly_else(a: Text, b: Text, *names: str, edited: int = _EDITS) -> bool:
    language = a.lexicon.language
    words = _stems(names, language)
    for name in names:
        for phrase in (_units(a, name) | _units(b, name)) & _phrases(name, language):
            words |= set(map(stem, phrase.split("_")))
    left, right = ([word for word in side if word not in words] for side in edits(a, b))
    if len(left) == len(right) == 1 and left[0][:_ROOT] == right[0][:_ROOT]:
        return True  # hard/harder: one word
    return len(left) + len(right) <= edited


@cache
def _words(name: str, language: str) -> frozenset[str]:
    entries = [entry for _, words in lexicon(language).keyed(name) for entry in words]
    return frozenset(word for entry in entries for word in entry.split("_"))


@cache
def _stems(names: tuple[str, ...], language: str) -> frozenset[str]:
    entries = (entry for name in names for entry in _senses(name, language))
    return frozenset(stem(entry) for entry in entries if "_" not in entry) | {"be", "to"}


@cache
def _phrases(name: str, language: str) -> frozenset[str]:
    return frozenset(entry for entry in _senses(name, language) if "_" in entry)


@lru_cache(maxsize=16)  # asked for again by each rule
def _units(text: Text, name: str) -> frozenset[str]:
    """The words of a text, where the phrases of a list count as one; "." stands for both ends."""
    known = phrases(name, text.lexicon.language)
    tokens = [".", *text.tokens, "."]
    return frozenset(tokens if known.keys().isdisjoint(tokens) else joined(tokens, known))


def senses(text: Text, name: str) -> Senses:
    known = _senses(name, text.lexicon.language)
    units = _units(text, name) & known.keys()
    found: dict[str, set[int]] = {}
    # In the order of the list: the first of its classes is what a question asks for.
    for unit in sorted(units, key=_places(name, text.lexicon.language).__getitem__):
        for kind, sense in known[unit]:
            found.setdefault(kind, set()).add(sense)
    return {kind: frozenset(numbers) for kind, numbers in found.items()}


@cache
def _senses(name: str, language: str) -> dict[str, list[tuple[str, int]]]:
    """Every entry of a list of classes, with its class and the number of its sense."""
    found: dict[str, list[tuple[str, int]]] = {}
    for kind, entries in lexicon(language).keyed(name):
        sense = 0
        for entry in entries:
            if entry == "|":
                sense += 1
            else:
                found.setdefault(entry, []).append((kind, sense))
    return found


@cache
def _places(name: str, language: str) -> dict[str, int]:
    return {entry: place for place, entry in enumerate(_senses(name, language))}
