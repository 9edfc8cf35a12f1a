"""What one of two questions has more than the other.

Rule of this module: a circumstance, a condition, a part or a degree makes another question, and so
does a word of content, unless it is one that may be added to anything.
"""

from __future__ import annotations

from .content import says_more, stems
from .reading import FREE, VETO, Text
from .wording import frame

__all__ = ["added", "states"]

_PHRASE = 2  # words that make a phrase
_PENALTY = 0.08  # for a word or two of content: 0.06 to 0.12 cost a right hit for a wrong one


def added(a: Text, b: Text, start: int, words: tuple[str, ...]) -> float:
    """What is held against words that only one of two questions has.

    "cook rice" / "cook rice in a microwave", "paint a room" / "paint the ceiling of a room", "how
    far" / "how", "a red light" / "a flashing red light"; not "at all", "now" or "in general".
    """
    language = a.lexicon.language
    if not (words and a.tokens and b.tokens) or "_".join(words) in stems("asides", language):
        return FREE
    before = frame(a)[start - 1] if start else ""
    if before in stems("degrees", language) or (not start and _asks_how(a, b)):
        return VETO
    if len(words) >= _PHRASE and _circumstance(words, language):
        return FREE if states(a) else VETO
    if len(words) > _PHRASE or not start or states(a) or states(b):
        return FREE
    if stems("additions", language).issuperset(words):
        return FREE
    more = all(says_more((word,), (), language) for word in words)
    return _PENALTY if more else FREE


def _asks_how(a: Text, b: Text) -> bool:
    """Whether one asks whether something is so, and the other how, why or when it is.

    Not "can I" / "how can I".
    """
    known = a.lexicon
    longer, shorter = (a, b) if len(frame(a)) > len(frame(b)) else (b, a)
    first = shorter.tokens[0]
    if longer.tokens[0] not in known.question_words or first not in known.auxiliaries:
        return False
    return all(first not in words for _, words in known.keyed("modals"))


def states(text: Text) -> bool:
    """Whether a text is a statement and asks for nothing."""
    return text.tokens[-1] == "." and text.lexicon.question_words.isdisjoint(text.words)


def _circumstance(words: tuple[str, ...], language: str) -> bool:
    if not stems("alone", language).isdisjoint(words):
        return True
    adjuncts = stems("adjuncts", language)
    if "_".join(words[:_PHRASE]) in adjuncts:
        return True
    begins, ends = words[0] in adjuncts, words[-1] in stems("parts", language)
    return (begins or ends) and says_more(words, (), language)
