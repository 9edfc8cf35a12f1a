"""The form of a question: yes-or-no against what and how.

Rule of this module: the form alone never decides, it tips the scales of a distant pair.
"""

from __future__ import annotations

from itertools import pairwise

from ._guard_words import AUXILIARIES, CLAUSE_STARTS, QUESTION_WORDS
from ._text import FREE, read

__all__ = ["form"]

_PENALTY = 0.03


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
    return _PENALTY if _asks_yes_or_no((b if open_a else a).tokens) else FREE


def _asks_yes_or_no(tokens: list[str]) -> bool:
    before = "."
    for token, following in pairwise(tokens):
        # "Can you tell me" is a request.
        if token in AUXILIARIES and before in CLAUSE_STARTS and following != "you":
            return True
        before = token
    return False
