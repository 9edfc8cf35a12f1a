"""Guards: what cosine distance cannot see of two questions, read from their words.

Rule of this module: a guard compares two texts and returns what is to be added to their distance,
0.0 for "no objection" and infinity for a veto. It can only turn a hit into a miss, so when in doubt
it says nothing: a missed objection costs one wrong answer, a wrong objection a hit on every repeat.
Every guard is symmetric, total (any string at all) and linear in the length of the texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

from ._guard_words import (
    AUXILIARIES,
    CLAUSE_STARTS,
    DATES,
    ENGLISH,
    FILLERS,
    NAMES,
    NEGATORS,
    NOT_REALLY,
    OPPOSITES,
    PARTICLES,
    PERSONAL,
    QUESTION_WORDS,
    SCOPE_ENDS,
    SOFT_NEGATORS,
    STOPWORDS,
    SYMMETRIC,
    UNITS,
)
from ._text import Quantity, Text, read

__all__ = [
    "DEFAULT_GUARDS",
    "Guard",
    "dates",
    "direction",
    "form",
    "identifiers",
    "names",
    "negation",
    "numbers",
    "objection",
    "opposites",
    "quotes",
]

VETO = math.inf
FREE = 0.0

# Chosen on plateaus (benchmarks/guards.py): neighbouring values change next to nothing.
_NEARLY_THE_SAME = 0.8  # likeness from which two texts are one text with an edit
_RETOLD = 0.6  # likeness below which a personal story was told anew, details differ by chance
_STORY = 6  # words of content that make a story
_RELATED = 0.4  # likeness below which two opposite words need not be about the same thing
_EDITED_WORDS = 4  # words besides the negation that may differ between a question and its denial
_FORM_PENALTY = 0.03


class Guard(Protocol):
    """Compares two questions; symmetric, never raises."""

    def __call__(self, asked: str, cached: str, /) -> float:
        """Return the penalty added to their distance: 0.0 for none, infinity for a veto."""
        ...


def objection(asked: str, cached: str, guards: Mapping[str, Guard]) -> tuple[float, str | None]:
    """Ask the guards in order until one vetoes; return the penalty and the guard behind it."""
    if asked == cached:
        return FREE, None
    total, worst, culprit = FREE, FREE, None
    for name, guard in guards.items():
        penalty = guard(asked, cached)
        total += penalty
        if penalty > worst:
            worst, culprit = penalty, name
            if penalty == VETO:
                break
    return total, culprit


# --- numbers --------------------------------------------------------------------------------------


def numbers(asked: str, cached: str, /) -> float:
    """Veto two questions whose numbers or units differ.

    "60 letters" / "120 letters", "2 km" / "2 miles", "top 5" / "top ten"; not "1k" / "1,000",
    "90 minutes" / "1.5 hours", "half" / "50%", "1 week" / "a week".

    A number on one side only is a veto as well ("laptops" / "laptops under $500"), unless a
    personal story was retold in other words: whether someone adds "for 3 days now" is chance. In
    problems with three numbers or more, an added clause changes the result whatever it says.
    """
    a, b = read(asked), read(cached)
    if not a.quantities and not b.quantities:
        return FREE
    left, right = _unmatched(a, b), _unmatched(b, a)
    if (left and right) and not all(quantity.text == "1" for quantity in left + right):
        return VETO
    alike = _likeness(a, b)
    # A lone 1 is an article or a pronoun as often as a number.
    if any(quantity.text != "1" for quantity in left + right):
        return FREE if alike < _RETOLD and _is_story(a, b) else VETO
    if alike >= _NEARLY_THE_SAME and _counted(a) != _counted(b):
        return VETO
    return VETO if _clause_added(a, b) else FREE


def _is_story(a: Text, b: Text) -> bool:
    personal = not (PERSONAL.isdisjoint(a.words) and PERSONAL.isdisjoint(b.words))
    return personal and min(len(a.content), len(b.content)) >= _STORY


def _unmatched(one: Text, other: Text) -> list[Quantity]:
    """The quantities of one text that the other does not have, "an hour" being 60 minutes."""
    if one.quantities == other.quantities:
        return []
    missing = _without(one.quantities, other.quantities)
    if missing:
        implied = {UNITS[word] for word in other.words if word in UNITS}
        missing = [q for q in missing if (q.dimension, q.amount) not in implied]
    return missing


def _without(these: Iterable[Quantity], those: Iterable[Quantity]) -> list[Quantity]:
    """Drop what those have too; a number without a unit equals one with any unit."""
    bare_texts, bare_amounts, texts, amounts = set(), set(), set(), set()
    measured = set()
    for text, amount, dimension in those:
        amount = round(amount, 6)
        if dimension is None:
            bare_texts.add(text)
            bare_amounts.add(amount)
        else:
            texts.add(text)
            amounts.add(amount)
            measured.add((dimension, amount))

    def known(quantity: Quantity) -> bool:
        text, amount, dimension = quantity
        amount = round(amount, 6)
        if dimension is None:
            # Bare numbers are compared as written: "3.10" and "3.1" may be versions.
            return text in bare_texts or text in texts or amount in amounts
        return (dimension, amount) in measured or text in bare_texts or amount in bare_amounts

    return [quantity for quantity in these if not known(quantity)]


def _counted(text: Text) -> Counter[str]:
    return Counter(quantity.text for quantity in text.quantities if quantity.text != "1")


def _clause_added(a: Text, b: Text) -> bool:
    """Whether one arithmetic text is the other and a little more."""
    if len(a.quantities) < 3 or len(b.quantities) < 3:
        return False
    in_a = Counter(token for token in a.tokens if token not in STOPWORDS)
    in_b = Counter(token for token in b.tokens if token not in STOPWORDS)
    shared = sum((in_a & in_b).values())
    shorter, longer = sorted((sum(in_a.values()), sum(in_b.values())))
    if shared < 0.85 * shorter:
        return False
    return longer - shared >= 3 or (
        sorted(q.text for q in a.quantities) != sorted(q.text for q in b.quantities)
    )


# --- negation -------------------------------------------------------------------------------------


def negation(asked: str, cached: str, /) -> float:
    """Veto a question and its denial.

    "Which planets have rings?" / "Which planets don't have rings?", "with sugar" / "without sugar".
    Only one side may be negated ("won't start" / "does not start" are the same), what it negates
    must occur in the other, and little else may differ: in a longer text a "not" is about something
    else. A second reversal cancels the first: "unable to", "eggless", "mandatory" / "not optional".
    """
    a, b = read(asked), read(cached)
    negators_a, negators_b = _negators(a), _negators(b)
    if bool(negators_a) == bool(negators_b):
        return FREE
    denial, plain = (a, b) if negators_a else (b, a)
    if not SOFT_NEGATORS.isdisjoint(plain.words):
        return FREE
    if len((a.content ^ b.content) - NEGATORS) > _EDITED_WORDS or _opposed(a, b):
        return FREE
    stems = {_stem(word) for word in plain.words}
    return FREE if stems.isdisjoint(map(_stem, _negated(denial.tokens))) else VETO


def _negators(text: Text) -> frozenset[str]:
    found = text.words & NEGATORS
    # In Portuguese "no" means "in the"; the other words of denial are English only.
    if found == {"no"} and ENGLISH.isdisjoint(text.words):
        return frozenset()
    return found


def _negated(tokens: list[str]) -> list[str]:
    """The three words of content after a negator, as far as its clause goes."""
    found: list[str] = []
    open_places = 0
    for token in tokens:
        if token in NEGATORS:
            open_places = 3
        elif open_places:
            if token in SCOPE_ENDS or (open_places == 3 and token in NOT_REALLY):
                open_places = 0
            elif token not in STOPWORDS:
                found.append(token)
                open_places -= 1
    return found


def _stem(word: str) -> str:
    """Cut the commonest endings, so that "rises" meets "rising"; the result is no word."""
    for ending in ("ing", "ies", "es", "ed", "ly", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


# --- opposites ------------------------------------------------------------------------------------


def opposites(asked: str, cached: str, /) -> float:
    """Veto when one question has a word and the other its opposite.

    enable/disable, before/after, best/worst, import/export, buy/sell, turn on/turn off, ...
    A question that has both ("rent or buy") objects to neither. Not when the opposite is reversed
    again, by a negation ("mandatory" / "not optional") or by the order of a comparison ("X is
    bigger than Y" / "Y is smaller than X"), nor when the two texts have little else in common.
    """
    a, b = read(asked), read(cached)
    if not _opposed(a, b) or bool(_negators(a)) != bool(_negators(b)):
        return FREE
    if _compared_the_other_way(a, b):
        return FREE
    rest_a, rest_b = a.content - _TAKING_SIDES, b.content - _TAKING_SIDES
    return VETO if _share(rest_a, rest_b) >= _RELATED else FREE


def _opposed(a: Text, b: Text) -> bool:
    """Whether one text takes one side of a pair, the other text the other, and neither both."""
    if (a.words - b.words).isdisjoint(_TAKING_SIDES) or (b.words - a.words).isdisjoint(
        _TAKING_SIDES
    ):
        return False
    sides_a, sides_b = _sides(a.words), _sides(b.words)
    return any(
        -side in sides_b and side not in sides_b and -side not in sides_a for side in sides_a
    )


_TAKING_SIDES = frozenset(OPPOSITES).union(*(particles[1:] for particles in PARTICLES))


def _sides(words: frozenset[str]) -> set[int]:
    """The sides of the pairs of opposites that a text takes: +n or -n for pair n."""
    found = {side for word in words & _TAKING_SIDES for side in OPPOSITES.get(word, ())}
    for number, (verbs, on, off) in enumerate(PARTICLES, 10_000):
        if not verbs.isdisjoint(words):
            # "turn off notifications on my phone": "on" is an everyday word, "off" is not.
            if off in words:
                found.add(-number)
            elif on in words:
                found.add(number)
    return found


def _compared_the_other_way(a: Text, b: Text) -> bool:
    if "than" not in a.words and "than" not in b.words and "compared" not in a.words | b.words:
        return False
    shared = (a.content & b.content) - OPPOSITES.keys()
    order_a = [token for token in a.tokens if token in shared]
    order_b = [token for token in b.tokens if token in shared]
    return len(order_a) >= 2 and sorted(order_a) == sorted(order_b) and order_a != order_b


# --- direction ------------------------------------------------------------------------------------


def direction(asked: str, cached: str, /) -> float:
    """Veto when two things have exchanged their roles.

    "from Paris to London" / "from London to Paris", "convert usd to eur" / "convert eur to usd",
    "Did A beat B?" / "Did B beat A?"; not "from A to B" / "to B from A", "A or B" / "B or A".
    """
    a, b = read(asked), read(cached)
    return VETO if _reversed_way(a, b) or _exchanged(a, b) else FREE


def _reversed_way(a: Text, b: Text) -> bool:
    """Whether what one text comes from is what the other goes to, and vice versa."""
    if _WAY.isdisjoint(a.words) or _WAY.isdisjoint(b.words):
        return False
    from_a, to_a = _ends(a.tokens)
    from_b, to_b = _ends(b.tokens)
    crossed = not from_a.isdisjoint(to_b) and not to_a.isdisjoint(from_b)
    return crossed and from_a.isdisjoint(from_b) and to_a.isdisjoint(to_b)


_TOWARDS = frozenset(("to", "into", "onto"))
_WAY = _TOWARDS | {"from"}
_BESIDE_THE_WAY = STOPWORDS - _WAY


def _ends(tokens: list[str]) -> tuple[set[str], set[str]]:
    """The words after "from" or before "to", and the words after "to"."""
    sources: set[str] = set()
    targets: set[str] = set()
    stops = ["", *[token for token in tokens if token not in _BESIDE_THE_WAY], ""]
    for place in [place for place, stop in enumerate(stops) if stop in _WAY]:
        if stops[place] == "from":
            sources.add(stops[place + 1])
        else:
            sources.add(stops[place - 1])
            targets.add(stops[place + 1])
    return sources - {""}, targets - {""}


def _exchanged(a: Text, b: Text) -> bool:
    """Whether the texts are "x m y" and "y m x" within the same words before and after."""
    if len(a.words ^ b.words) > 6:
        return False
    left, right = _laid_out(a.tokens), _laid_out(b.tokens)
    if len(left) != len(right) or left == right:
        return False
    start, end = 0, len(left)
    while left[start] == right[start]:
        start += 1
    while left[end - 1] == right[end - 1]:
        end -= 1
    left, right = left[start:end], right[start:end]
    for x in range(1, min(5, len(left))):
        for y in range(1, min(5, len(left) - x + 1)):
            middle = left[x:-y]
            if right == left[-y:] + middle + left[:x]:
                return not SYMMETRIC.issuperset(middle)
    return False


def _laid_out(tokens: list[str]) -> list[str]:
    return [_SELF.get(token, token) for token in tokens if token not in FILLERS]


_SELF = {"me": "i"}


# --- quoted strings, identifiers ------------------------------------------------------------------

_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“\n]+)“|«([^«»\n]+)»|`([^`\n]+)`")
_CHUNK = re.compile(r"[^\s\"'`“”„\u2018\u2019«»()\[\]{}<>,;!?]+")
_CODE = re.compile(
    r"[A-Za-z0-9]_[A-Za-z0-9]"  # snake_case
    r"|[a-z][A-Z]"  # camelCase
    r"|[A-Za-z]{2}\.[a-z]{2}|::"  # os.path, std::vector, example.com
    r"|^[~.]{0,2}[\\/][a-z]|[a-z]/[a-z.]{1,40}/[a-z]"  # paths
    r"|^--?[a-z]"  # --flag
    r"|\d\.\d{1,9}\.\d"  # 1.2.3
    r"|[A-Za-z]-?\d{3}"  # AB-10442
)


_PUNCTUATION = ".,;:?!()\"'"


def quotes(asked: str, cached: str, /) -> float:
    """Veto when both questions quote something and neither quotation is in the other text.

    The error "connection refused" / the error "connection reset". Quotation marks alone do not
    matter, and a quotation on one side only does not either.
    """
    of_a = _quotations(asked)
    return _exclusive(of_a, _quotations(cached), asked, cached) if of_a else FREE


def identifiers(asked: str, cached: str, /) -> float:
    """Veto when both questions name code, files, versions or orders, and not the same ones.

    os.path.join / os.path.split, order AB-10442 / order AB-10447, 1.2.3 / 1.2.4, /etc/hosts.
    """
    words_a, words_b = set(asked.split()), set(cached.split())
    of_a = _identifiers(words_a - words_b)
    return _exclusive(of_a, _identifiers(words_b - words_a), asked, cached) if of_a else FREE


def _quotations(raw: str) -> set[str]:
    return {"".join(groups).strip(" .,?!").casefold() for groups in _QUOTED.findall(raw)}


def _identifiers(words: set[str]) -> set[str]:
    # Nearly every word is plain, and asking for that is ten times as fast as the patterns.
    unusual = [word for word in words if not (word.islower() and word.isalpha())]
    bare = [word.strip(_PUNCTUATION) for word in unusual]
    return {
        part.rstrip(".:").casefold()
        for word in bare
        if not (word.isalpha() and (word.islower() or word.istitle()))
        for part in _CHUNK.findall(word)
        if _CODE.search(part)
    }


def _exclusive(of_a: set[str], of_b: set[str], a: str, b: str) -> float:
    if not of_a or not of_b or of_a == of_b:
        return FREE
    a, b = a.casefold(), b.casefold()
    return VETO if any(s not in b for s in of_a) and any(s not in a for s in of_b) else FREE


# --- dates, names ---------------------------------------------------------------------------------

_CAPITALISED = re.compile(r" ([A-Z][A-Za-z]+(?:'[a-z]+)?)")


def dates(asked: str, cached: str, /) -> float:
    """Veto two questions that name different weekdays, months or feasts."""
    return VETO if _other_thing(read(asked), read(cached), DATES) else FREE


def names(asked: str, cached: str, /) -> float:
    """Veto when the questions are about two different things of one kind.

    Known names of a closed kind count anywhere and in any case: France/Germany, python/java,
    metres/feet, aspirin/ibuprofen. Other names count when both are capitalised within an English
    sentence and stand between the same two words, unless they look like one word in two spellings.
    """
    a, b = read(asked), read(cached)
    if _other_thing(a, b, NAMES):
        return VETO
    if ENGLISH.isdisjoint(a.words) or ENGLISH.isdisjoint(b.words):  # German capitalises nouns
        return FREE
    mine = _proper(asked) - b.words - STOPWORDS
    others = _proper(cached) - a.words - STOPWORDS if mine else mine
    if not others:
        return FREE
    places_a, places_b = _places(a.tokens, mine), _places(b.tokens, others)
    for place in places_a.keys() & places_b.keys():
        if not _same_name(places_a[place], places_b[place]):
            return VETO
    return FREE


def _other_thing(a: Text, b: Text, table: Mapping[str, tuple[str, str]]) -> bool:
    """Whether each text has a thing of one kind that the other has not."""
    if table.keys().isdisjoint(a.words - b.words):
        return False
    of_a, of_b = _by_kind(a.words, table), _by_kind(b.words, table)
    return any(
        things - of_b.get(kind, things) and of_b[kind] - things for kind, things in of_a.items()
    )


def _by_kind(words: frozenset[str], table: Mapping[str, tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, thing in [table[word] for word in words if word in table]:
        found.setdefault(kind, set()).add(thing)
    return found


def _proper(raw: str) -> frozenset[str]:
    """Words with a capital letter that do not begin a sentence."""
    return frozenset(
        match[1].lower()
        for match in _CAPITALISED.finditer(raw)
        if raw[match.start() - 1] == "," or raw[match.start() - 1].islower()
    )


def _places(tokens: list[str], chosen: frozenset[str]) -> dict[tuple[str, str], str]:
    """The chosen words by the words around them."""
    padded = ["", *(token for token in tokens if token not in FILLERS), ""]
    return {
        (padded[i - 1], padded[i + 1]): token for i, token in enumerate(padded) if token in chosen
    }


def _same_name(x: str, y: str) -> bool:
    """Whether two words may be one name: France/French, Ghandi/Gandhi, Arnab/Arnav."""
    if x[:4] == y[:4]:
        return True
    letters = Counter(x)
    letters.subtract(y)
    return len(x) > 4 and sum(map(abs, letters.values())) <= 2


# --- form -----------------------------------------------------------------------------------------


def form(asked: str, cached: str, /) -> float:
    """Penalise a yes-or-no question against one that asks what or how.

    "Is X common?" / "How can I avoid X?" A penalty and no veto: people also ask "Is there a way to"
    for "How do I", and such pairs are near each other, while the wrong ones lie near the threshold
    (medical questions, MiniLM at 0.15: 6 of 13 wrong hits go, and 23 of 294 right ones).
    """
    a, b = read(asked), read(cached)
    open_a, open_b = not QUESTION_WORDS.isdisjoint(a.words), not QUESTION_WORDS.isdisjoint(b.words)
    if open_a == open_b:
        return FREE
    return _FORM_PENALTY if _asks_yes_or_no((b if open_a else a).tokens) else FREE


def _asks_yes_or_no(tokens: list[str]) -> bool:
    before = "."
    for token, following in pairwise(tokens):
        # "Can you tell me" is a request.
        if token in AUXILIARIES and before in CLAUSE_STARTS and following != "you":
            return True
        before = token
    return False


def _likeness(a: Text, b: Text) -> float:
    return _share(a.content, b.content)


def _share(words: frozenset[str], others: frozenset[str]) -> float:
    """How many of their words two texts share, from 0 to 1."""
    larger = max(len(words), len(others))
    return len(words & others) / larger if larger else 1.0


# In the order in which they are asked: the most telling first.
DEFAULT_GUARDS: Mapping[str, Guard] = MappingProxyType(
    {
        "numbers": numbers,
        "negation": negation,
        "opposites": opposites,
        "direction": direction,
        "quotes": quotes,
        "identifiers": identifiers,
        "dates": dates,
        "names": names,
        "form": form,
    }
)
