"""Scopes that are known to hold something: bounded, and forgotten at once."""

from __future__ import annotations

from langchain_redis_semcache.flows.scopes import KnownScopes


def test_bounded() -> None:
    """The oldest are forgotten, which costs a question to the index and no hit."""
    known = KnownScopes(capacity=2)
    for scope in ("a", "b", "b", "c"):
        known.add(scope)
    assert [scope in known for scope in "abc"] == [False, True, True]
    known.drop()
    assert [scope in known for scope in "abc"] == [False] * 3
