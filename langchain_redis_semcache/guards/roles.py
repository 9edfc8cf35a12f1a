"""Who does what to whom, by the order of the words around a verb.

Rule of this module: the two questions have the same words, but another one of them in the place of
the subject.
"""

from __future__ import annotations

from functools import cache
from itertools import chain

from .lexicon import DEFAULT_LANGUAGE, Lexicon, lexicon
from .reading import Text
from .wording import edits, frame, gap, stem

__all__ = [
    "another_does_it",
    "asked_of_object",
    "exchanged",
    "other_subject",
    "passive",
    "turned_passive",
]

_I = "i"
_TO_HAVE = frozenset(("to", "hav", "has", "not"))
_SELF = {"me": "i", "us": "we", "him": "he", "them": "they"}
_PEOPLE = frozenset(("i", "you", "one", "we"))  # who is anybody, whoever asks
_LEAST = 3  # letters that two forms of a verb share
_AROUND = 6  # words around a question that has its parts exchanged
_LEAST_TURNED = 3  # words of a question that is turned into the passive


def other_subject(a: Text, b: Text) -> bool:
    """Whether what follows the verb that asks is another word, and each text has both.

    "Can people I blocked see my comments?" / "Can I see the comments of people I blocked?"
    """
    known, (place, _, _) = a.lexicon, gap(a, b)
    left, right = frame(a), frame(b)
    modals, shorter = _modals(known.language), min(len(left), len(right))
    if 0 < place < shorter and modals.issuperset((left[place], right[place])):
        place += 1  # should I ask/will they ask
    if not 0 < place < shorter or left[place - 1] not in modals:
        return False
    by, differing = passive(known.language), a.words ^ b.words
    if not by["by"].isdisjoint(differing) or not by["be"].isdisjoint(differing):
        return False
    if "than" in a.words | b.words:
        return False
    x, *rest_a = (_SELF.get(word, word) for word in left[place:])
    y, *rest_b = (_SELF.get(word, word) for word in right[place:])
    people = {x, y} & _PEOPLE
    if x == y or len(people) != 1 or not known.negators.isdisjoint((x, y)):
        return False
    if not rest_a or not rest_b or {rest_a[0], rest_b[0]} & known.symmetric:
        return False
    does = left[place - 1] in by["do"]
    if y in rest_a and x in rest_b and not does:
        return True
    if rest_a[0] != rest_b[0] or rest_a[0] in _spelled(("stopwords",), known.language):
        return False
    # "Can I see my child's file?" / "Can my child see my file?"
    return y in rest_a if x in people else x in rest_b


def another_does_it(a: Text, b: Text) -> bool:
    """Whether I do it to somebody in one text, and he does it to me or mine in the other.

    "damage I cause to someone's car" / "damage someone causes to my car"
    """
    known = a.lexicon
    if any(known.personal.isdisjoint(text.words) for text in (a, b)):
        return False
    if len(a.words ^ b.words) > _AROUND:
        return False
    small = _modals(known.language), _spelled(("personal",), known.language), _TO_HAVE
    others = [word for side in edits(a, b) for word in side]
    if sum(all(word not in words for words in small) for word in others) > 1:
        return False
    (left, last_a), (right, last_b) = _doers(a), _doers(b)
    for verb in left.keys() & right.keys():
        (x, at_x), (y, at_y) = left[verb], right[verb]
        mine, his = last_a, last_b
        if y == _I != x:
            (x, at_x), (y, at_y), mine, his = (y, at_y), (x, at_x), last_b, last_a
        to_him = x == _I != y and mine.get(y, 0) > at_x
        if to_him and any(his.get(word, 0) > at_y for word in known.personal):
            return True
    return False


def _doers(text: Text) -> tuple[dict[str, tuple[str, int]], dict[str, int]]:
    """What stands before each word, but for auxiliaries, with its place; and all last places."""
    known = text.lexicon
    beside = _unsaid(known.language)
    be = passive(known.language)["be"]
    words = [stem(token.removesuffix("'s")) for token in text.tokens]
    found: dict[str, tuple[str, int]] = {}
    before = ""
    for place, word in enumerate(words):
        if word not in beside:
            # "I permanently delete it": who does it stands before that.
            doer = _I if before != _I and place > 1 and words[place - 2] == _I else before
            found.setdefault(word, (doer, place))
            before = word
        elif word in be:
            before = word
    return found, {word: place for place, word in enumerate(words)}


@cache
def _unsaid(language: str) -> frozenset[str]:
    known = lexicon(language)
    words = _modals(language).union(known.auxiliaries, known.fillers, known.personal, _TO_HAVE)
    return words - {_I}


def asked_of_object(a: Text, b: Text) -> bool:
    """Whether one asks what does something, and the other to what it is done.

    "What causes anaemia?" / "What does anaemia cause?", "who reports to her" / "who does she report
    to".
    """
    does = passive(a.lexicon.language)["do"]
    start, left, right = gap(a, b)
    if not start or frame(a)[start - 1] not in a.lexicon.question_words or not left or not right:
        return False
    if left[0] in does:
        left, right = right, left
    if right[0] not in does or len(left) < 2 or len(right) != len(left) + 1:
        return False
    # With the verb goes what belongs to it: reports to x/does x report to.
    verbs = [n for n, word in enumerate(right) if n and word[:_LEAST] == left[0][:_LEAST]]
    return any(n > 1 and sorted(right[1:n] + right[n + 1 :]) == sorted(left[1:]) for n in verbs)


def turned_passive(a: Text, b: Text) -> bool:
    """Whether one of two texts with the same words in the same order is in the passive.

    "Did Rome conquer Carthage?" / "Was Rome conquered by Carthage?"
    """
    known = passive(a.lexicon.language)
    by = known["by"]
    if by.isdisjoint(a.words ^ b.words) or len(a.words ^ b.words) > _AROUND:
        return False
    done, doing = (a, b) if by & a.words else (b, a)
    if not by.isdisjoint(doing.words) or known["be"].isdisjoint(done.words - doing.words):
        return False
    beside = set(map(stem, chain.from_iterable(known.values())))
    left, right = ([word for word in frame(text) if word not in beside] for text in (a, b))
    if len(left) != len(right) or len(left) < _LEAST_TURNED:
        return False
    return sum(x != y for x, y in zip(left, right, strict=True)) <= 1  # taught/teach


def exchanged(a: Text, b: Text) -> bool:
    """Whether the texts are "x m y" and "y m x" within the same words before and after.

    Around one of them there may be more that is empty: "I would like to know: ...", "... Thanks!"
    """
    if len(a.words ^ b.words) > _AROUND:
        return False
    if _of_all(a, b):
        return True
    language = a.lexicon.language
    empty = _spelled(("stopwords", "courtesies"), language)
    one, other = ({_form(w, language) for w in words} for words in (a.words, b.words))
    if not empty.issuperset(one ^ other):  # no word has merely changed its place
        return False
    shorter, longer = sorted((_laid_out(a), _laid_out(b)), key=len)
    if shorter == longer and sorted(a.tokens) == sorted(b.tokens):  # http to https
        left, right = ([t for t in text.tokens if t not in a.lexicon.fillers] for text in (a, b))
        return left != right and _crossed(left, right, a.lexicon)
    more = len(longer) - len(shorter)
    if not more:
        return shorter != longer and _crossed(shorter, longer, a.lexicon, nearly=True)
    for start in range(more + 1 if more <= _AROUND else 0):
        end = start + len(shorter)
        if empty.issuperset(longer[:start] + longer[end:]):
            inner = longer[start:end]
            if inner != shorter and _crossed(shorter, inner, a.lexicon):
                return True
    return False


def _of_all(a: Text, b: Text) -> bool:
    """Whether what all are and what they are change places: is every square a rectangle."""
    if a.words != b.words or a.lexicon.quantifiers.isdisjoint(a.words):
        return False
    if sorted(a.tokens) != sorted(b.tokens):
        return False
    return sum(x != y for x, y in zip(a.tokens, b.tokens, strict=True)) == 2


def _crossed(left: list[str], right: list[str], known: Lexicon, *, nearly: bool = False) -> bool:
    """Whether two parts have changed places in two texts of one length, and nothing else."""
    start, end = 0, len(left)
    while left[start] == right[start]:
        start += 1
    while left[end - 1] == right[end - 1]:
        end -= 1
    left, right = left[start:end], right[start:end]
    for x in range(1, min(5, len(left))):
        for y in range(1, min(5, len(left) - x + 1)):
            middle = left[x:-y]
            if right[:y] != left[-y:] or right[-x:] != left[:x]:
                continue
            other = right[y:-x]
            one_each = nearly and x == y == 1
            if middle == other or (one_each and _nearly(middle, other, known.language)):
                if _spelled(("symmetric",), known.language).issuperset(middle):
                    return False
                # "The painting is in which museum?"
                asks = _spelled(("question_words",), known.language)
                fronted = not asks.isdisjoint(left[:x] + left[-y:])
                return not (fronted and passive(known.language)["be"].issuperset(middle))
    return False


def _nearly(words: list[str], others: list[str], language: str) -> bool:
    """Whether two parts are the same but for a small word: a gift to / a gift from."""
    differing = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    small = _spelled(("stopwords",), language)
    return len(differing) == 1 and small.issuperset(differing[0]) and not small.issuperset(words)


def _laid_out(text: Text) -> list[str]:
    fillers, language = text.lexicon.fillers, text.lexicon.language
    words = (_SELF.get(token, token) for token in text.tokens if token not in fillers)
    return [_form(word, language) for word in words]


def _form(word: str, language: str) -> str:
    """The stem, or the word in languages whose endings nobody cuts."""
    return stem(word) if language == DEFAULT_LANGUAGE else word


@cache
def _spelled(names: tuple[str, ...], language: str) -> frozenset[str]:
    known = lexicon(language)
    return frozenset(_form(word, language) for name in names for word in known.words(name))


@cache
def passive(language: str) -> dict[str, frozenset[str]]:
    """Words of the passive: what it is made with, and what names who does it."""
    listed = dict(lexicon(language).keyed("passive"))
    return {name: frozenset(listed.get(name, ())) for name in ("be", "by", "do")}


@cache
def _modals(language: str) -> frozenset[str]:
    entries = (word for _, words in lexicon(language).keyed("modals") for word in words)
    return frozenset(map(stem, entries)) | passive(language)["do"]
