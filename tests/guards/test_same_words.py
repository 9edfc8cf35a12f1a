"""Which words and phrases are one, and which small words ask the same."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.guards.same_words import (
    abbreviates,
    folded,
    interchangeable,
    one_word,
)
from langchain_redis_semcache.guards.wording import stem, synonyms


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("repair", "mend"),
        ("alleviate", "relieve"),
        ("verify", "verification"),
        ("valid", "validity"),
        ("organise", "organize"),
        ("msg", "message"),
        ("lsit", "list"),
    ],
)
def test_one_word(x: str, y: str) -> None:
    """Synonyms by hand and by WordNet, other forms, no vowels, slips of the fingers."""
    assert one_word(stem(x), stem(y), "en")
    assert one_word(stem(y), stem(x), "en")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("internal", "international"),
        ("account", "accountant"),
        ("develop", "developer"),
        ("cheaper", "cheapest"),
        ("poem", "song"),
    ],
)
def test_two_words(x: str, y: str) -> None:
    """A common beginning is not enough, nor is who does a thing the thing."""
    assert not one_word(stem(x), stem(y), "en")


def test_small_words() -> None:
    """Can and do ask the same, from and until do not, and of no list nothing is."""
    assert interchangeable("can", "do", "en")
    assert not interchangeable("from", "until", "en")
    assert not interchangeable("can", "do", "none-such")
    assert synonyms("none-such") == {}


def test_phrases() -> None:
    """A phrase that has synonyms is one word; initials stand for a phrase."""
    assert folded(("throw", "awa", "hay"), "en") == ("throw_awa", "hay")
    assert abbreviates(("uk",), ("united", "kingdom"))
    assert not abbreviates(("uk",), ("nordic", "union"))
