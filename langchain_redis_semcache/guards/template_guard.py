"""Templates: long texts, or labelled ones, that are the same but for the part that is asked.

Rule of this module: what two texts share word for word is the template, and says nothing; the parts
that vary must have the same words of content. Documents, examples and instructions around a
question make any two such texts near each other, whatever is asked.
"""

from __future__ import annotations

import math
import re
from functools import cache

from .content import same_content
from .reading import FREE, VETO, Text, pair, read
from .wording import written_out

__all__ = ["template"]

_RUN = 8  # words in a row that are shared by no accident
_LONG = 30  # words from which a text may be a filled template
_LONGER = 60
_OF_MOST, _OF_LONG = 0.8, 0.4  # the part of a long text, and of a longer, that makes a template
_FORM = 2  # labelled lines that make a form
_LABEL = 2  # words before a colon that make a label: "Translate this: ..."
_FURTHEST = 200  # characters within which the colon stands


def template(asked: str, cached: str, /) -> float:
    """Veto two fillings of one template, unless what they fill in has the same words.

    A question over retrieved documents, few-shot prompts, "Extract the name: ...", a pasted chat:
    the template makes up most of the text, so that the distance says little of the rest.
    """
    a, b = pair(asked, cached)
    if max(len(a.tokens), len(b.tokens)) >= _LONG:
        of_a, of_b = _content(a), _content(b)
        left, right = _varying(of_a, of_b), _varying(of_b, of_a)
        longer = max(len(of_a), len(of_b))
        if longer - max(len(left), len(right)) >= _least_shared(longer):
            return FREE if same_content(left, right, a.lexicon.language) else VETO
    return (
        FREE if _labelled_alike(asked, cached, a, b) and _filled_alike(asked, cached, a) else VETO
    )


def _content(text: Text) -> list[str]:
    spelled = written_out(text.lexicon.language)
    return [
        word
        for token in text.tokens
        if token[-1].isalnum()
        for word in spelled.get(token, (token,))
    ]


def _least_shared(words: int) -> float:
    """How many words of a text have to be shared, so that these are a template."""
    if words < _LONG:
        return math.inf
    return words * (_OF_MOST if words < _LONGER else _OF_LONG)


def _varying(tokens: list[str], others: list[str]) -> list[str]:
    """The words of a text that are in no run that the other has too."""
    runs = {tuple(others[i : i + _RUN]) for i in range(len(others) - _RUN + 1)}
    left: list[str] = []
    shared_until = 0
    for place, token in enumerate(tokens):
        if tuple(tokens[place : place + _RUN]) in runs:
            shared_until = place + _RUN
        if place >= shared_until:
            left.append(token)
    return left


def _labelled_alike(asked: str, cached: str, a: Text, b: Text) -> bool:
    """Whether two texts with one label, like "Summarise this:", have the same content after it."""
    end_a, end_b = asked.find(": ", 0, _FURTHEST), cached.find(": ", 0, _FURTHEST)
    if end_a < 0 or end_b < 0:
        return True
    label = read(asked[:end_a]).tokens
    if len(label) < _LABEL or label != read(cached[:end_b]).tokens:
        return True
    return same_content(a.tokens[len(label) :], b.tokens[len(label) :], a.lexicon.language)


def _filled_alike(asked: str, cached: str, a: Text) -> bool:
    """Whether two forms with the same lines "Question: ...", "Documents: ..." are filled alike."""
    if min(asked.count(":"), cached.count(":")) < _FORM:
        return True
    of_a, of_b = _fields(asked), _fields(cached)
    shared = of_a.keys() & of_b.keys()
    return len(shared) < _FORM or all(
        same_content(read(of_a[label]).tokens, read(of_b[label]).tokens, a.lexicon.language)
        for label in shared
    )


def _fields(raw: str) -> dict[str, str]:
    """What follows the labels at the beginnings of lines, by label."""
    _, *parts = _label_of_a_line().split(raw)
    found: dict[str, str] = {}
    for label, text in zip(parts[::2], parts[1::2], strict=True):
        found[label] = found.get(label, "") + text
    return found


@cache  # compiled at the first use, since importing the package must not take long
def _label_of_a_line() -> re.Pattern[str]:
    return re.compile(r"^[ \t]{0,8}([^\W\d_][\w /-]{0,30}):", re.MULTILINE)
