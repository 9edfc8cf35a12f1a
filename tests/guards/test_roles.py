"""Who does what to whom."""

from __future__ import annotations

import pytest
from hypothesis import given

from langchain_redis_semcache.guards.reading import pair
from langchain_redis_semcache.guards.roles import (
    another_does_it,
    asked_of_object,
    exchanged,
    other_subject,
    passive,
)

from .material import anything


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("can owls I fed find my barn", "can I find the barn of owls I fed"),
        ("will my neighbour call me a liar", "will I call my neighbour a liar"),
        ("can I feed my son's owl", "can my son feed my owl"),
        ("what may I ask my guide", "what will my guide ask me"),
    ],
)
def test_another_subject(asked: str, cached: str) -> None:
    """Whoever asks does it in one question, and has it done to him in the other."""
    assert other_subject(*pair(asked, cached))
    assert other_subject(*pair(cached, asked))


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("can I feed owls", "can owls be fed by me"),
        ("can I feed owls", "how do I feed owls"),
        ("when can I feed my owl", "when can my owl hunt"),
        ("am I taller than owls", "are owls taller than I am"),
        ("does my phone charge the pad", "does the pad charge my phone"),
    ],
)
def test_the_same_subject(asked: str, cached: str) -> None:
    """The passive, a comparison, and what has no verb like can are for other rules."""
    assert not other_subject(*pair(asked, cached))


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("what if I hit an owl with my car", "what if an owl hits my car"),
        ("how long may I lend my uncle a van", "how long may my uncle lend me a van"),
    ],
)
def test_another_does_it(asked: str, cached: str) -> None:
    """What I do to somebody is another matter than what he does to me."""
    assert another_does_it(*pair(asked, cached))
    assert another_does_it(*pair(cached, asked))


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("my lamp broke", "I broke my lamp"),
        ("how can I permanently delete my page", "how do I delete my page permanently"),
        ("I was charged twice for my order, help me", "my order was charged twice, help me"),
    ],
)
def test_the_same_does_it(asked: str, cached: str) -> None:
    """A thing that breaks does nothing to anybody, nor does an adverb."""
    assert not another_does_it(*pair(asked, cached))
    assert not another_does_it(*pair(cached, asked))


def test_of_all() -> None:
    """What all are and what they are is not the same the other way round."""
    assert exchanged(*pair("is every owl a bird", "is every bird a owl"))


def test_exchanged_whatever_they_end_with() -> None:
    """Words of one stem are told apart where they change places."""
    assert exchanged(*pair("redirect http to https here", "redirect https to http here"))
    assert not exchanged(*pair("are you a robot or a person", "are you a person or a robot"))


def test_exchanged() -> None:
    """Two words stand in each other's place, in any form, even with to for from."""
    assert exchanged(*pair("how many grams has an ounce", "how many ounces has a gram"))
    assert exchanged(*pair("is an owl a gift to a fox", "is a fox a gift from an owl"))
    assert not exchanged(*pair("are owls and foxes friends", "are foxes and owls friends"))
    assert not exchanged(*pair("oslo to rome how long", "how long to rome from oslo"))


def test_what_does_it_and_what_it_does() -> None:
    """What is asked for is the subject in one question and the object in the other."""
    assert asked_of_object(*pair("what eats owls at night", "what do owls eat at night"))
    assert asked_of_object(*pair("who does Rome fear", "who fears Rome"))
    assert asked_of_object(*pair("who writes to the king", "who does the king write to"))
    assert not asked_of_object(*pair("who does the king write to", "to whom does the king write"))
    assert not asked_of_object(*pair("what do owls eat", "what is it that owls eat"))
    assert not asked_of_object(*pair("how do owls eat", "how owls do eat"))


def test_words_of_the_passive() -> None:
    """A language without a list has none."""
    assert "by" in passive("en")["by"]
    assert passive("none-such")["by"] == frozenset()


@given(anything, anything)
def test_symmetric(a: str, b: str) -> None:
    """Neither question is the first."""
    assert other_subject(*pair(a, b)) == other_subject(*pair(b, a))
    assert asked_of_object(*pair(a, b)) == asked_of_object(*pair(b, a))
