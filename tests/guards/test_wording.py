"""Two questions laid side by side."""

from __future__ import annotations

from hypothesis import given

from langchain_redis_semcache.guards.reading import read
from langchain_redis_semcache.guards.wording import (
    edits,
    frame,
    gap,
    groups,
    joined,
    phrases,
    stem,
    synonyms,
)

from .material import anything


def test_frames() -> None:
    """Articles and courtesies are left out, contractions are written out, endings are cut."""
    assert frame(read("What's the rule, please?")) == frame(read("what is a rule?"))
    assert stem("rises") == stem("rising") == stem("rise")


def test_edits_and_gap() -> None:
    """Edits are words of one side only; a gap is where they stand."""
    a, b = read("draw a red horse"), read("draw a big red cow")
    assert edits(a, b) == (["hors"], ["big", "cow"])
    assert gap(a, b) == (1, ("red", "hors"), ("big", "red", "cow"))
    assert gap(a, a) == (3, (), ())


def test_phrases_count_as_one_word() -> None:
    """The longest phrase that begins at a word wins."""
    known = phrases("classes", "en")
    assert list(joined(["as", "well", "as", "tea"], known)) == ["as_well_as", "tea"]
    assert list(joined(["as", "well"], known)) == ["as_well"]
    assert list(joined(["as"], known)) == ["as"]


def test_groups() -> None:
    """A word stands in the lines of a list by its stem, a phrase by the stems of its words."""
    known = groups(("interchangeable",), "en")
    assert known["can"] & known["do"]
    assert synonyms("en")["throw_awa"] & synonyms("en")["discard"]
    assert groups(("synonyms",), "none-such") == {}


@given(anything, anything)
def test_gaps_are_symmetric(a: str, b: str) -> None:
    """The gap between two texts is the same from either side."""
    start, left, right = gap(read(a), read(b))
    assert gap(read(b), read(a)) == (start, right, left)
