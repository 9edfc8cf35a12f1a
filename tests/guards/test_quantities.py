"""Numbers as digits and as words, with their units."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards.quantities import Quantity, numerals, units
from langchain_redis_semcache.guards.reading import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 tips", [Quantity("5", 5.0, None)]),
        ("twenty-five people", [Quantity("25", 25.0, None)]),
        ("two hundred and five", [Quantity("205", 205.0, None)]),
        ("1,500 km", [Quantity("1500", 1_500_000.0, "length")]),
        ("5k", [Quantity("5000", 5000.0, None)]),
        ("$2m", [Quantity("2000000", 2_000_000.0, "dollar")]),
        ("two thirds", [Quantity("0.6666666666666666", 2 / 3, None)]),
        ("thousands of books", []),
        ("a quarter of it", [Quantity("0.25", 0.25, None)]),
        ("the last quarter", []),
        ("130/85", [Quantity("130", 130.0, None), Quantity("85", 85.0, None)]),
    ],
)
def test_amounts(text: str, expected: list[Quantity]) -> None:
    """What a text counts, whatever way it is written."""
    assert read(text).quantities == expected


@pytest.mark.parametrize("text", ["1.2.3", "15:30", "9" * 40])
def test_what_need_not_be_an_amount(text: str) -> None:
    """Versions, times of day and endless digits are equal to their own text only."""
    (found,) = read(text).quantities
    assert found.text == text
    assert math.isnan(found.amount)


def test_tables_come_from_the_files() -> None:
    """Number words and units are those of words/en."""
    assert numerals("en").cardinal["seven"] == 7.0
    assert numerals("en").scale["dozen"] == 12.0
    assert units("en")["inches"] == ("length", 0.0254)
