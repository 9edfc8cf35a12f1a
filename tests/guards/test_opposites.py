"""Which words exclude each other, in which forms."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.guards.opposites import opposed, without_sides
from langchain_redis_semcache.guards.reading import read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("importing it", "it was exported"),
        ("they sold it", "they bought it"),
        ("the driest place", "the wettest place"),
        ("before noon", "after noon"),
        ("turn it off", "turn it on"),
        ("clock in", "clock out"),
    ],
)
def test_opposed_in_every_form(one: str, other: str) -> None:
    """Verbs and adjectives oppose each other in their inflected forms, particles beside verbs."""
    assert opposed(read(one), read(other))
    assert opposed(read(other), read(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("buy or sell", "sell or buy"),
        ("buy or sell", "sell"),
        ("it is on", "it is off"),
        ("turn it off on monday", "turn it off"),
        ("import it", "download it"),
    ],
)
def test_not_opposed(one: str, other: str) -> None:
    """A text that has both sides takes none, and a particle needs its verb."""
    assert not opposed(read(one), read(other))


def test_words_that_take_sides() -> None:
    """Every form of every pair takes a side, and so do the particles."""
    words = frozenset(("bought", "hottest", "off", "before", "table"))
    assert without_sides(words, "en") == {"table"}
    assert without_sides(frozenset(("aktiviere", "tisch")), "de") == {"tisch"}
