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
        ("write a poem about rain", "write a song about rain"),
        ("a short tale of a fox", "a scary tale of a fox"),
        ("is the kiosk open from noon", "is the kiosk open until noon"),
        ("who keeps goats here", "who keeps a goatherd here"),
        ("is the pool heated at night", "is the pool open at night"),
        ("can I wash a coat of wool in the machine", "can I wash a coat of wool by hand"),
        ("how do I fork a branch of ours into main", "how do I squash a branch of ours onto main"),
        (
            "how do I paint the door of a barn that is wet",
            "how do I paint the door of a barn that has no roof",
        ),
    ],
)
def test_one_thing_for_another_is_a_veto(asked: str, cached: str) -> None:
    """A word in the place of another, or a phrase in a question that is the same but for it."""
    assert words(asked, cached) == words(cached, asked) == math.inf


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("draw a chart in Excel", "draw a chart in Google Sheets"),
        ("the kings of the UK", "the kings of the Nordic Union"),
        (
            "can I send back a kettle because the lid is broken",
            "can I send back a kettle because I do not like its colour",
        ),
    ],
)
def test_a_phrase_for_another_is_a_penalty(asked: str, cached: str) -> None:
    """Where more differs it costs some distance, and not the hit outright."""
    assert 0 < words(asked, cached) == words(cached, asked) < 0.15


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("how do I mend a chair", "how do I repair a chair"),
        ("how do I draw a hosre", "how do I draw a horse"),
        ("how is the payment verified", "how is the payment verification"),
        ("how do I draw a horse", "please, how do I draw horses"),
        ("what is a fine way to Rome", "what is a good way to Rome"),
        ("can I draw on a wall", "should I draw on a wall"),
        ("which inks are red here", "what inks are red here"),
        ("should I throw away wet hay", "should I discard wet hay"),
        ("what is 50% of a loaf", "what is 50 percent of a loaf"),
        ("is hay edibel to horses", "is hay edible to horses"),
        ("how do I ride a horse", "how do I ride a horse in general"),
        ("how is a mill painted", "how exactly is a mill painted"),
        ("The mill grinds corn.", "The plant processes corn."),
        ("is 5 much for tea", "is 6 much for tea"),
        ("horse riding", "horse racing"),
        ("jak ugotowac zupe dzis", "jak przygotowac zupe dzis"),
        ("the kings of the UK", "the kings of the United Kingdom"),
        ("what is a web site for", "what is a website for"),
        ("how do I shut down the mill", "how do I turn off the mill"),
        ("what is an NDA", "what is a non-disclosure agreement"),
        ("send the msg to a friend", "send the message to a friend"),
        ("how do I draw a horse", "how do I draw a horse now"),
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
