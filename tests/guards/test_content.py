"""Words of content and empty ones."""

from __future__ import annotations

from langchain_redis_semcache.guards.content import (
    content,
    empty,
    numbers,
    same_content,
    says_more,
    stems,
)


def test_content() -> None:
    """What a question is about, as stems."""
    assert content("What do owls eat in the tent?") == {"owl", "eat", "tent"}


def test_same_content() -> None:
    """Synonyms and empty words make no difference, a word more does."""
    assert same_content(["repair", "the", "tent"], ["mend", "a", "tent"], "en")
    assert not same_content(["repair", "the", "tent"], ["mend", "a", "red", "tent"], "en")


def test_says_more() -> None:
    """A word that another one stands for says no more, nor does an empty one or a number."""
    assert says_more(("owl", "tent"), ("tent",), "en")
    assert not says_more(("fix", "the", "two", "5"), ("repair",), "en")


def test_lists() -> None:
    """Lists are read as stems, and of a language without a list they are empty."""
    assert "the" in empty("en")
    assert "twelv" in numbers("en")
    assert "used_to" in stems("adjuncts", "en")
    assert stems("adjuncts", "none-such") == frozenset()
