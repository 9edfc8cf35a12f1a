"""Plain data and text: equal in one form iff equal in the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.question.canonical import canonical, strict_json
from tests.strategies import nasty_text, plain

hashables: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), nasty_text, st.binary()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=6,
)


def typed(value: object) -> object:
    """Data with its types, so that 1, 1.0 and True are three things; independent of repr."""
    if isinstance(value, tuple):
        return ("tuple", *map(typed, value))
    if isinstance(value, frozenset):
        return frozenset(map(typed, value))
    return type(value).__name__, str(value) if isinstance(value, float) else value


@given(hashables, hashables)
def test_canonical_is_injective(one: object, other: object) -> None:
    """Two values have one text exactly if they are the same data."""
    assert (canonical(one) == canonical(other)) is (typed(one) == typed(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("a,b",)),
        (("a", "b"), "a,b"),
        ((("a",), "b"), ("a", ("b",))),
        ((), ("",)),
        ("1", 1),
        (1, True),
        (1, 1.0),
        (b"a", "a"),
        (None, "None"),
        (frozenset({"a"}), ("a",)),
        ("a", "\u0430"),
        ("\ud800", "\\ud800"),
    ],
)
def test_canonical_keeps_apart(one: object, other: object) -> None:
    """Separators, types and look-alikes make no two values the same."""
    assert canonical(one) != canonical(other)


def test_canonical_trusts_no_repr() -> None:
    """A string that hides itself in its repr is still told from another."""

    class Masked(str):
        __slots__ = ()

        def __repr__(self) -> str:
            return "***"

    assert canonical(Masked("tenant 1")) != canonical(Masked("tenant 2"))


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '[{"a":1,"a":1}]', "{", "nul", "", "[1,]"])
def test_strict_json(text: str) -> None:
    """What two texts could share, or what is no JSON, is a `ValueError`."""
    with pytest.raises(ValueError, match=r"duplicate|line 1"):
        strict_json(text)


@given(plain)
def test_strict_json_reads_json(value: object) -> None:
    """JSON is read as json.loads reads it, however it is spaced."""
    for separators in ((",", ":"), (", ", ": ")):
        text = json.dumps(value, separators=separators)
        assert strict_json(text) == json.loads(text)
