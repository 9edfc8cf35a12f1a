"""What one of two questions has more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from langchain_redis_semcache.guards.additions import added
from langchain_redis_semcache.guards.reading import pair
from langchain_redis_semcache.guards.wording import gap

from .material import anything


def objection(asked: str, cached: str) -> float:
    a, b = pair(asked, cached)
    start, left, right = gap(a, b)
    assert not (left and right)
    return added(a, b, start, left or right)


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("how do I feed an owl", "how do I feed an owl in a tent"),
        ("can an owl swim", "can an owl swim if it is wet"),
        ("how do I wash an owl", "how do I wash the beak of an owl"),
        ("how does an owl see", "how well does an owl see"),
        ("is an owl protected", "why is an owl protected"),
        ("may I feed owls", "may I feed owls only at noon"),
    ],
)
def test_a_circumstance_is_a_veto(asked: str, cached: str) -> None:
    """Where, if, what of it, how well, and why where the other asks whether."""
    assert objection(asked, cached) == objection(cached, asked) == math.inf


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("what does an owl eat", "what does a snowy owl eat"),
        ("how do I clean a tent", "how do I clean a tent pole"),
    ],
)
def test_another_word_of_content_is_a_penalty(asked: str, cached: str) -> None:
    """A closer name costs some distance, since it may just say the same in more words."""
    assert 0 < objection(asked, cached) == objection(cached, asked) < 0.1


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("what does an owl eat", "what does an owl eat now"),
        ("what does an owl eat", "what does an owl eat in general"),
        ("can I feed owls", "how can I feed owls"),
        ("My owl is ill.", "My owl is ill at night."),
        ("my owl is ill", "my snowy owl is ill"),
        ("what does an owl eat", "what does an owl eat"),
    ],
)
def test_what_may_be_added(asked: str, cached: str) -> None:
    """Now, in general, a way to do what can be done, and details of what somebody tells."""
    assert objection(asked, cached) == objection(cached, asked) == 0


@given(anything, anything)
def test_symmetric(asked: str, cached: str) -> None:
    """Neither question is the first."""
    a, b = pair(asked, cached)
    start, left, right = gap(a, b)
    if not left or not right:
        assert added(a, b, start, left or right) == added(b, a, start, left or right)
