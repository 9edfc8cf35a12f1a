"""What all guards keep to: symmetric, total, linear, and silent about what is the same."""

from __future__ import annotations

import math
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_redis_semcache.guards import DEFAULT_GUARDS, objection
from langchain_redis_semcache.guards.objections import LONGEST
from langchain_redis_semcache.guards.reading import forget

from .material import anything

ROLES = "from to into paris london than beat or me i the"
FOREIGN = [
    ("wie hoch ist der Eiffelturm", "Wie hoch ist der Eiffelturm?"),
    ("Wo kann ich ein Auto mieten?", "Wo kann ich einen Wagen mieten?"),
    ("¿cuál es la capital de Perú?", "cuál es la capital del Perú"),
    ("comment faire du pain", "comment fait-on du pain ?"),
    ("怎么煮饭", "如何煮饭"),
]


@pytest.mark.parametrize(("asked", "cached"), FOREIGN)
def test_other_languages_pass(asked: str, cached: str) -> None:
    """Rewordings in other languages meet no objection."""
    assert objection(asked, cached, DEFAULT_GUARDS) == (0.0, None)


def test_guard_order_and_names() -> None:
    """The default guards have stable names, since users choose and remove them by name."""
    assert list(DEFAULT_GUARDS) == [
        *("numbers", "negation", "opposites", "direction"),
        *("quotes", "identifiers", "dates", "names"),
        *("scope", "tense", "instructions", "template", "words", "script", "form"),
    ]


def test_objection_names_the_heaviest_guard() -> None:
    """Penalties add up and the heaviest guard is named."""
    guards = {"light": lambda a, b: 0.01, "heavy": lambda a, b: 0.2, "none": lambda a, b: 0.0}
    penalty, guard = objection("a", "b", guards)
    assert penalty == pytest.approx(0.21)
    assert guard == "heavy"


def test_a_veto_ends_the_hearing() -> None:
    """After a veto no further guard is asked."""

    def never(asked: str, cached: str, /) -> float:
        raise AssertionError

    assert objection("a", "b", {"veto": lambda a, b: math.inf, "never": never}) == (
        math.inf,
        "veto",
    )


def test_no_guards_no_objection() -> None:
    """Without guards nothing is added to the distance."""
    assert objection("2 km", "2 miles", {}) == (0.0, None)


def test_long_texts_are_not_read() -> None:
    """What is longer than any question objects to everything but itself, unread."""

    def never(asked: str, cached: str, /) -> float:
        raise AssertionError

    long = "a" * (LONGEST + 1)
    assert objection(long, long, {"never": never}) == (0.0, None)
    assert objection(long, "a", {"never": never}) == (math.inf, "length")
    assert objection("a", long, {"never": never}) == (math.inf, "length")


@settings(deadline=None)
@given(anything)
@example("\ud800 1 km")
@example("not not not")
def test_identical_text_is_never_objected(text: str) -> None:
    """No guard objects to a question being the same as itself, not even one asked alone."""
    assert objection(text, text, DEFAULT_GUARDS) == (0.0, None)
    for guard in DEFAULT_GUARDS.values():
        assert guard(text, text) == 0


@settings(deadline=None)
@given(anything, anything)
@example("\udfff$½ p.m.", "1 st ° a . m")
@example("0/0 1/0 00:99 pm", "9" * 5000)
@example("five hundred billion dozen", "a second second of")
def test_symmetric_and_total(a: str, b: str) -> None:
    """Any two strings get the same penalty in either order, and it is never negative."""
    for guard in DEFAULT_GUARDS.values():
        penalty = guard(a, b)
        assert penalty >= 0
        assert penalty == guard(b, a)


@settings(deadline=None)
@given(st.lists(st.sampled_from(ROLES.split())))
def test_whitespace_and_case_do_not_matter(words: list[str]) -> None:
    """Typing in capitals or with more space is no difference."""
    assert objection(" ".join(words), "  ".join(words).upper(), DEFAULT_GUARDS) == (0.0, None)


PIECES = ["a", "1", "1 ", "1,", "1.", "a.", "a-", "x/", '"', "`", "don't ", "\ud800", "five "]
PIECES += ["half of ", "from a to b ", "-", "A", " Ab", "\x00", "million ", "not ", "°"]


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_linear_work(piece: str) -> None:
    """Four times the text runs four to five times the lines, not the sixteen times of two loops."""

    def lines(length: int) -> int:
        text = (piece * length)[:length]
        forget()
        return executed(text + " not a from b_1", text[1:] + ' from x "y" to z.zz')

    lines(600)  # word lists are read at their first use
    assert lines(2400) <= 5 * lines(600)


def executed(asked: str, cached: str) -> int:
    """How many lines of the guards two texts take."""
    count = 0

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        for guard in DEFAULT_GUARDS.values():
            guard(asked, cached)
    finally:
        sys.settrace(before)
    return count
