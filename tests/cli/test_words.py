"""Durations are read, and stored text cannot steer a terminal."""

from __future__ import annotations

import pytest

from langchain_redis_semcache import Entry
from langchain_redis_semcache.cli.words import about, clean, cut, duration, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1.5h", 5400), ("7d", 604_800), ("2w", 1_209_600)],
)
def test_duration(text: str, seconds: float) -> None:
    """A number and a unit are a duration."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7 d", "7y"])
def test_no_duration(text: str) -> None:
    """Anything else is refused, with what to write."""
    with pytest.raises(ValueError, match="15m, 12h"):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 m"), (7200, "2 h"), (172_800, "2 d"), (5e6, "58 d")],
)
def test_spoken(seconds: float, text: str) -> None:
    """Seconds are said in a unit of which there are at least two."""
    assert spoken(seconds) == text


def test_clean() -> None:
    """Escape sequences, bells, reversals of the writing and half characters do not reach it."""
    assert clean("a\x1b[31mb\x07c\u202ed\ud800e\nf") == "a [31mb c d e f"
    assert clean("a\n\tb\rc", lines=True) == "a\n\tb c"
    assert clean("Größe 東京") == "Größe 東京"


def test_cut() -> None:
    """Long text ends on the line."""
    assert cut("two\n  lines", 20) == "two lines"
    assert cut("0123456789", 5) == "0123…"
    assert cut("0123456789", -3) == "0…"


def test_about() -> None:
    """What is known of an entry is said, and no more."""
    full = Entry("k", "q", "a", "m1", "acme", ("x", "y"), 1.0, 120.0, 3600.0, None)
    assert about(full) == ["2 m old", "60 m left", "m1", "namespace acme", "tags x, y"]
    bare = Entry("k", "q", "a", "", "", (), None, None, None, None)
    assert about(bare) == ["no ttl"]
