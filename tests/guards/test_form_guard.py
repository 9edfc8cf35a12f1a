"""Whether and what: a yes-or-no question against an open one."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS, form, objection

SAME = [
    ("Can you tell me the price?", "What is the price?"),
    ("best pizza in town", "what is the best pizza in town"),
    ("the tests, are they run", "the test run, are you there"),
    ("town pizza", "where could town pizza be"),
]

OBJECTED_SOFTLY = [
    ("Is jet lag common?", "How can I avoid jet lag?"),
    ("I have a cold, should I rest", "what helps against a cold"),
]


@pytest.mark.parametrize(("asked", "cached"), SAME)
def test_no_objection(asked: str, cached: str) -> None:
    """A request put as a question, or no question at all, is not of another form."""
    assert form(asked, cached) == 0
    assert form(cached, asked) == 0


@pytest.mark.parametrize(("asked", "cached"), OBJECTED_SOFTLY)
def test_form_is_a_penalty(asked: str, cached: str) -> None:
    """A yes-or-no question against an open one costs a little distance, never the hit outright."""
    penalty, guard = objection(asked, cached, DEFAULT_GUARDS)
    assert guard == "form"
    assert 0 < penalty < 0.1
