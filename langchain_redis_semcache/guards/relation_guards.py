"""Negation, opposites and direction: the same words in another relation.

Rule of this module: a word that turns the meaning round objects only while nothing else in the two
questions turns it back, and while little else differs.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from .lexicon import DEFAULT_LANGUAGE
from .opposites import opposed, without_sides
from .reading import FREE, VETO, Text, pair, share
from .roles import another_does_it, asked_of_object, exchanged, other_subject, turned_passive
from .wording import edits, stem

__all__ = ["direction", "negation", "opposites"]

_EDITED_WORDS = 4  # words besides the negation that may differ between a question and its denial
_ONE_EACH = 2
_ROOT = 4  # letters that two forms of a word share
_BESIDE = frozenset(("to", "of", "be", "from", "with"))
_RELATED = 0.4  # likeness below which two opposite words need not be about the same thing

# --- negation -------------------------------------------------------------------------------------


def negation(asked: str, cached: str, /) -> float:
    """Veto a question and its denial.

    "Which planets have rings?" / "Which planets don't have rings?", "with sugar" / "without sugar".
    Only one side may be negated ("won't start" / "does not start" are the same), what it negates
    must occur in the other, and little else may differ: in a longer text a "not" is about something
    else. A second reversal cancels the first: "unable to", "eggless", "mandatory" / "not optional".
    """
    a, b = pair(asked, cached)
    negators_a, negators_b = _negators(a), _negators(b)
    if _denied(a, b):
        return VETO
    if negators_a and negators_b:
        return VETO if _denies_more(a, b) or _denies_more(b, a) else FREE
    if not negators_a and not negators_b:
        return FREE
    denial, plain = (a, b) if negators_a else (b, a)
    if not plain.lexicon.soft_negators.isdisjoint(plain.words):
        return FREE
    if len((a.content ^ b.content) - denial.lexicon.negators) > _EDITED_WORDS or opposed(a, b):
        return FREE
    form = stem if plain.lexicon.language == DEFAULT_LANGUAGE else _beginning
    forms = {form(word) for word in plain.words}
    return FREE if forms.isdisjoint(map(form, _negated(denial))) else VETO


def _beginning(word: str) -> str:
    """What the forms of a word share in languages whose endings nobody cuts: eier/eiern."""
    return word[:_ROOT]


def _denied(a: Text, b: Text) -> bool:
    """Whether one text is the other with a word like "fail" or "lack", and nothing else."""
    known = a.lexicon
    if known.denials.isdisjoint(a.words ^ b.words):
        return False
    turning = known.denials | known.negators | known.soft_negators
    if turning.isdisjoint(a.words) == turning.isdisjoint(b.words):
        return False
    beside = {stem(word) for word in turning | known.auxiliaries} | _BESIDE
    left, right = ([word for word in side if word not in beside] for side in edits(a, b))
    denial, plain = (right, left) if turning.isdisjoint(a.words) else (left, right)
    # "What may I eat?" / "What should I avoid?"
    return not denial and len(plain) <= (known.language == DEFAULT_LANGUAGE)


def _denies_more(a: Text, b: Text) -> bool:
    """Whether a text denies something that the other says, besides what both deny.

    "It won't start but the lights work" / "it won't start and the lights don't work".
    """
    negators = a.lexicon.negators
    if sum(t in negators for t in a.tokens) <= sum(t in negators for t in b.tokens):
        return False
    if len((a.content ^ b.content) - negators) > _EDITED_WORDS:
        return False
    of_a, of_b = (list(map(stem, _denied_first(text))) for text in (a, b))
    denied = Counter(of_a)
    denied.subtract(of_b)
    more = [word for word, times in denied.items() if times]
    return len(more) == 1 and denied[more[0]] > 0 and more[0] in set(map(stem, b.words))


def _denied_first(text: Text) -> list[str]:
    """The first word of content after each negator."""
    known, found, denied = text.lexicon, list[str](), False
    for token in text.tokens:
        if token in known.negators:
            denied = True
        elif denied and token in known.not_negated:
            denied = False
        elif denied and token not in known.stopwords:
            found.append(token)
            denied = False
    return found


def _negators(text: Text) -> frozenset[str]:
    found = text.words & text.lexicon.negators
    # In Portuguese "no" means "in the"; the other words of denial are English only.
    english = text.lexicon.language == DEFAULT_LANGUAGE
    if english and found == {"no"} and text.lexicon.telling.isdisjoint(text.words):
        return frozenset()
    return found


def _negated(text: Text) -> list[str]:
    """The three words of content after a negator, as far as its clause goes.

    And the one before it in other languages: "Wie kündige ich mein Abo nicht?"
    """
    known, found, open_places = text.lexicon, list[str](), 0
    if known.language != DEFAULT_LANGUAGE:
        for before, token in pairwise(text.tokens):
            if token in known.negators and before not in known.stopwords:
                found.append(before)
    for token in text.tokens:
        if token in known.negators:
            open_places = 3
        elif open_places:
            if token in known.clause_ends or (open_places == 3 and token in known.not_negated):
                open_places = 0
            elif token not in known.stopwords:
                found.append(token)
                open_places -= 1
    return found


# --- opposites ------------------------------------------------------------------------------------


def opposites(asked: str, cached: str, /) -> float:
    """Veto when one question has a word and the other its opposite.

    enable/disable, before/after, best/worst, import/export, buy/sell, turn on/turn off, ...
    A question that has both ("rent or buy") objects to neither. Not when the opposite is reversed
    again, by a negation ("mandatory" / "not optional") or by the order of a comparison ("X is
    bigger than Y" / "Y is smaller than X"), nor when the two texts have little else in common.
    """
    a, b = pair(asked, cached)
    if not opposed(a, b) or bool(_negators(a)) != bool(_negators(b)):
        return FREE
    if _compared_the_other_way(a, b):
        return FREE
    language = a.lexicon.language
    if len(a.content ^ b.content) <= _ONE_EACH:
        return VETO
    alike = share(without_sides(a.content, language), without_sides(b.content, language))
    return VETO if alike >= _RELATED else FREE


def _compared_the_other_way(a: Text, b: Text) -> bool:
    if "than" not in a.words and "than" not in b.words and "compared" not in a.words | b.words:
        return False
    shared = without_sides(a.content & b.content, a.lexicon.language)
    order_a = [token for token in a.tokens if token in shared]
    order_b = [token for token in b.tokens if token in shared]
    return len(order_a) >= 2 and sorted(order_a) == sorted(order_b) and order_a != order_b


# --- direction ------------------------------------------------------------------------------------


def direction(asked: str, cached: str, /) -> float:
    """Veto when two things have exchanged their roles.

    "from Paris to London" / "from London to Paris", "convert usd to eur" / "convert eur to usd",
    "Did A beat B?" / "Did B beat A?"; not "from A to B" / "to B from A", "A or B" / "B or A".
    """
    a, b = pair(asked, cached)
    turned = _reversed_way(a, b) or exchanged(a, b) or turned_passive(a, b)
    turned = turned or another_does_it(a, b)
    return VETO if turned or other_subject(a, b) or asked_of_object(a, b) else FREE


def _reversed_way(a: Text, b: Text) -> bool:
    """Whether what one text comes from is what the other goes to, and vice versa."""
    way = a.lexicon.sources | a.lexicon.targets
    if way.isdisjoint(a.words) or way.isdisjoint(b.words):
        return False
    from_a, to_a = _ends(a)
    from_b, to_b = _ends(b)
    crossed = not from_a.isdisjoint(to_b) and not to_a.isdisjoint(from_b)
    return crossed and from_a.isdisjoint(from_b) and to_a.isdisjoint(to_b)


def _ends(text: Text) -> tuple[set[str], set[str]]:
    """The words after "from" or before "to", and the words after "to"."""
    come, go = text.lexicon.sources, text.lexicon.targets
    beside = text.lexicon.stopwords - come - go
    sources: set[str] = set()
    targets: set[str] = set()
    stops = ["", *[token for token in text.tokens if token not in beside], ""]
    for place, stop in enumerate(stops):
        if stop in come:
            sources.add(stops[place + 1])
        elif stop in go:
            sources.add(stops[place - 1])
            targets.add(stops[place + 1])
    return sources - {""}, targets - {""}
