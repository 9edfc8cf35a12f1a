"""How a question is read before the guards see it."""

from __future__ import annotations

import pytest
from hypothesis import given

from langchain_redis_semcache.guards.reading import likeness, plain_words, read

from .material import anything


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't use C++!", ["don't", "use", "c++", "!"]),
        ("1,000 at 15:30", ["1,000", "at", "15:30"]),
        ("don\N{RIGHT SINGLE QUOTATION MARK}t", ["don't"]),
        ("20 °C", ["20", "°", "c"]),
        ("", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    """Words, numbers and the marks that mean something, in lower case."""
    assert read(text).tokens == tokens


def test_content() -> None:
    """Words of content are those that are no stopwords."""
    assert read("How do I export my contacts?").content == {"export", "contacts"}


def test_likeness() -> None:
    """Likeness is the share of content that two texts have in common."""
    assert likeness(read("export contacts"), read("the contacts")) == 0.5
    assert likeness(read("what is it"), read("who are you")) == 1.0


def test_plain_words() -> None:
    """Case, spaces and punctuation make no other text."""
    assert plain_words("Hello,  World!") == plain_words("hello world")


@given(anything)
def test_any_text_can_be_read(text: str) -> None:
    """Reading is total."""
    assert read(text).words == set(read(text).tokens)
