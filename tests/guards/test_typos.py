"""Which words are one, mistyped."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.guards.typos import mistyped


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("lsit", "list"),
        ("recomend", "recommend"),
        ("brocolli", "broccoli"),
        ("libary", "library"),
        ("tempurature", "temperature"),
        ("leagal", "legal"),
        ("coock", "cook"),
        ("medecin", "medicin"),
    ],
)
def test_one_word(x: str, y: str) -> None:
    """Letters exchanged, doubled or left out, a wrong vowel, and what is no word at all."""
    assert mistyped(x, y, "en")
    assert mistyped(y, x, "en")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("numpy", "bumpy"),
        ("house", "mouse"),
        ("trial", "trail"),
        ("granada", "grenada"),
        ("desert", "dessert"),
        ("cat", "bat"),
        ("plant", "planet"),
        ("conserv", "convers"),
        ("is", "si"),
        ("install", "uninstall"),
        ("same", "same"),
    ],
)
def test_two_words(x: str, y: str) -> None:
    """Another first letter, and two words that are both known."""
    assert not mistyped(x, y, "en")
    assert not mistyped(y, x, "en")
