"""One word for another: what is held against a pair and what is known to be harmless."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import words


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("what does a baker earn", "what does a butcher earn"),
        ("how do I draw a horse", "how do I ride a horse"),
        ("is the pump electric", "is the pump hydraulic"),
        ("how do I reverse a list", "how do I reverse a number"),
        ("draw a chart in Excel", "draw a chart in Google Sheets"),
        ("write a poem about rain", "write a song about rain"),
        ("a short tale of a fox", "a scary tale of a fox"),
        ("the kings of the UK", "the kings of the Nordic Union"),
    ],
)
def test_one_word_for_another_is_a_penalty(asked: str, cached: str) -> None:
    """A word of content in the place of another costs some distance, never the hit outright."""
    assert 0 < words(asked, cached) == words(cached, asked) < 0.15


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("how do I mend a chair", "how do I repair a chair"),
        ("how do I draw a hosre", "how do I draw a horse"),
        ("how is the payment verified", "how is the payment verification"),
        ("how do I draw a horse", "please, how do I draw horses"),
        ("what is a fine way to Rome", "what is a good way to Rome"),
        ("is 5 much for tea", "is 6 much for tea"),
        ("draw a horse", "ride a horse"),
        ("the kings of the UK", "the kings of the United Kingdom"),
        ("what is a web site for", "what is a website for"),
        ("how do I shut down the mill", "how do I turn off the mill"),
        ("what is an NDA", "what is a non-disclosure agreement"),
        ("send the msg to a friend", "send the message to a friend"),
        ("how do I draw a horse", "how do I draw an old horse"),
        ("how do I ride a horse along the beach", "horses on a beach: how is one ridden"),
    ],
)
def test_what_is_harmless(asked: str, cached: str) -> None:
    """Synonyms, slips, other forms and empty words are no objection, nor is a new wording."""
    assert words(asked, cached) == words(cached, asked) == 0


def test_two_qualities_compared_are_two() -> None:
    """Better and best are empty words only beside others that are no comparison."""
    assert words("is it cheaper to rent than to buy", "is it better to rent than to buy") > 0
    assert words("which is the best hotel in Bath", "which is the cheapest hotel in Bath") > 0


def test_degrees_of_comparison_are_a_veto() -> None:
    """The cheaper of two is not the cheapest of all."""
    assert words("which flat is cheaper", "which flat is the cheapest") == math.inf
