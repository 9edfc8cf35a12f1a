"""The form of a question: why against how, and yes-or-no against both.

Rule of this module: what is asked of the same decides; whether something is asked at all only tips
the scales of a distant pair.
"""

from __future__ import annotations

from itertools import pairwise

from .function_guards import asks_otherwise
from .reading import FREE, VETO, Text, pair

__all__ = ["form"]

_PENALTY = 0.03


def form(asked: str, cached: str, /) -> float:
    """Veto why against how or when, and penalise yes-or-no against what and how.

    "Why did X end?" / "When did X end?", where nothing else differs. "Is X common?" / "How can I
    avoid X?" A penalty and no veto: people also ask "Is there a way to"
    for "How do I", and such pairs are near each other, while the wrong ones lie near the threshold
    (medical questions, MiniLM at 0.15: 6 of 13 wrong hits go, and 23 of 294 right ones).
    """
    a, b = pair(asked, cached)
    if asks_otherwise(a, b):
        return VETO
    open_a, open_b = _asks_for_something(a), _asks_for_something(b)
    if open_a == open_b:
        return FREE
    return _PENALTY if _asks_yes_or_no(b if open_a else a) else FREE


def _asks_for_something(text: Text) -> bool:
    return not text.lexicon.question_words.isdisjoint(text.words)


def _asks_yes_or_no(text: Text) -> bool:
    auxiliaries, starts = text.lexicon.auxiliaries, text.lexicon.clause_starts
    before = "."
    for token, following in pairwise(text.tokens):
        # "Can you tell me" is a request.
        if token in auxiliaries and before in starts and following != "you":
            return True
        before = token
    return False
