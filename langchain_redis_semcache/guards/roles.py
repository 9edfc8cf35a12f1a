"""Who does what to whom, by the order of the words around a verb.

Rule of this module: the two questions have the same words, but another one of them in the place of
the subject.
"""

from __future__ import annotations

from functools import cache

from .lexicon import lexicon
from .reading import Text
from .wording import frame, gap, stem

__all__ = ["asked_of_object", "other_subject", "passive"]

_SELF = {"me": "i", "us": "we", "him": "he", "them": "they"}
_LEAST = 3  # letters that two forms of a verb share


def other_subject(a: Text, b: Text) -> bool:
    """Whether what follows the verb that asks is another word, and each text has both.

    "Can people I blocked see my comments?" / "Can I see the comments of people I blocked?"
    """
    known = a.lexicon
    if known.auxiliaries.isdisjoint(a.words & b.words) or "than" in a.words | b.words:
        return False
    by = passive(known.language)
    if not by["by"].isdisjoint(a.words ^ b.words) or not by["be"].isdisjoint(a.words ^ b.words):
        return False
    left, right = ([_SELF.get(word, word) for word in frame(text)] for text in (a, b))
    differ = (n for n, (x, y) in enumerate(zip(left, right, strict=False)) if x != y)
    place = next(differ, 0)
    if not place or left[place - 1] not in _modals(known.language):
        return False
    (x, *rest_a), (y, *rest_b) = left[place:], right[place:]
    if known.personal.isdisjoint((x, y)):
        return False
    if not rest_a or not rest_b or {rest_a[0], rest_b[0]} & known.symmetric:
        return False
    return y in rest_a and x in rest_b


def asked_of_object(a: Text, b: Text) -> bool:
    """Whether one asks what does something, and the other to what it is done.

    "What causes anaemia?" / "What does anaemia cause?"
    """
    does = passive(a.lexicon.language)["do"]
    start, left, right = gap(a, b)
    if not start or frame(a)[start - 1] not in a.lexicon.question_words or not left or not right:
        return False
    if left[0] in does:
        left, right = right, left
    if right[0] not in does or len(left) < 2 or len(right) != len(left) + 1:
        return False
    return right[1:-1] == left[1:] and right[-1][:_LEAST] == left[0][:_LEAST]


@cache
def passive(language: str) -> dict[str, frozenset[str]]:
    """Words of the passive: what it is made with, and what names who does it."""
    listed = dict(lexicon(language).keyed("passive"))
    return {name: frozenset(listed.get(name, ())) for name in ("be", "by", "do")}


@cache
def _modals(language: str) -> frozenset[str]:
    entries = (word for _, words in lexicon(language).keyed("modals") for word in words)
    return frozenset(map(stem, entries))
