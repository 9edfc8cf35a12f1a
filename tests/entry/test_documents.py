"""How many of the documents behind an answer are those of now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.documents import named, shared

ids = st.lists(st.text(max_size=3), max_size=5)


@pytest.mark.parametrize(
    ("behind", "now", "share"),
    [
        ("abcd", "abcd", 1.0),
        ("abcd", "dcba", 1.0),
        ("abcd", "abxy", 0.5),
        ("ab", "abcd", 0.5),  # what has come since might say something else
        ("abcd", "ab", 0.5),
        ("ab", "cd", 0.0),
        ("", "", 1.0),
        ("", "a", 0.0),
        ("a", "", 0.0),
        ("aab", "ab", 1.0),
    ],
)
def test_share(behind: str, now: str, share: float) -> None:
    """The share of the longer list, whichever that is."""
    assert shared(named(behind), now) == share


@given(ids, ids)
def test_lists(one: list[str], other: list[str]) -> None:
    """Whatever the ids are: the share is a share, the same both ways, and 1 for the same ones."""
    share = shared(named(one), other)
    assert 0 <= share <= 1
    assert share == shared(named(other), one)
    assert (share == 1) == (set(one) == set(other))


@pytest.mark.parametrize("stored", [None, 5, [], "text", b"\xff,,"])
def test_whatever_is_stored(stored: Any) -> None:
    """What names no document supports no answer."""
    assert shared(stored, ["a"]) == 0.0
