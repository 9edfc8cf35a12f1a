"""A digest stands for its parts and for nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.question.digest import WIDTH, digest
from tests.strategies import nasty_text


@given(st.lists(nasty_text, max_size=3), st.lists(nasty_text, max_size=3))
def test_digest_is_injective(one: list[str], two: list[str]) -> None:
    """Parts have one digest exactly if they are the same parts, and it needs no escaping."""
    assert (digest(*one) == digest(*two)) is (one == two)
    assert len(digest(*one)) == WIDTH
    assert set(digest(*one)) <= set("0123456789abcdef")
    assert digest(*one, "a", "b") != digest(*one, "ab")
