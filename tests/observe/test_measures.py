"""Events become measurements whose labels are few and hold nothing private."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.events import (
    Audited,
    BreakerChanged,
    Bypassed,
    Counted,
    Embedded,
    Event,
    Failed,
    Hit,
    Miss,
    Stored,
    VerifierAsked,
    Waited,
    Warned,
)
from langchain_redis_semcache.observe import Price
from langchain_redis_semcache.observe.instruments import Instrument
from langchain_redis_semcache.observe.measures import (
    MOST_VALUES,
    OTHER,
    Labels,
    Measures,
    Put,
    Words,
)

PRICES = {"m": Price(input=1, output=10)}
USED = {"input_tokens": 100_000, "output_tokens": 50_000}


def measured(*events: Event) -> list[tuple[str, float, Labels]]:
    found: list[tuple[str, float, Labels]] = []

    def bind(one: Instrument, labels: Labels) -> Put:
        assert len(labels) == 1 + len(one.labels)
        assert labels[0] == "app"
        name = one.name.removeprefix("semcache.")
        return lambda value: found.append((name, value, labels[1:]))

    measures = Measures("app", PRICES, bind)
    for event in events:
        measures(event)
    return found


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Hit("exact", 0.0, "k", 1.0, seconds=0.5),
            [("lookups", 1, ("exact",)), ("lookup.duration", 0.5, ("exact",))],
        ),
        (
            Hit("semantic", 0.1, "k", 1.0, seconds=0.5),
            [
                ("lookups", 1, ("semantic",)),
                ("lookup.duration", 0.5, ("semantic",)),
                ("distance", 0.1, ("semantic",)),
            ],
        ),
        (
            Miss("guard", 0.1, "k", guard="numbers", seconds=0.5),
            [
                ("lookups", 1, ("miss",)),
                ("lookup.duration", 0.5, ("miss",)),
                ("misses", 1, ("guard",)),
                ("vetoes", 1, ("numbers",)),
                ("distance", 0.1, ("miss",)),
            ],
        ),
        (
            Miss("no_candidate", seconds=0.5, differs="system prompt, tools"),
            [
                ("lookups", 1, ("miss",)),
                ("lookup.duration", 0.5, ("miss",)),
                ("misses", 1, ("no_candidate",)),
                ("elsewhere", 1, ("system_prompt",)),
            ],
        ),
        (Stored("k", 10, seconds=0.5), [("stored", 1, ()), ("update.duration", 0.5, ())]),
        (Bypassed("update", "empty"), [("bypassed", 1, ("update", "empty"))]),
        (Failed("lookup", "redis", "E"), [("failures", 1, ("redis",))]),
        (Embedded(0.5), [("embedding.duration", 0.5, ())]),
        (Counted(7), [("entries", 7, ())]),
        (VerifierAsked(None, 1.0, 0.1, "k"), [("verified", 1, ("failed",))]),
        (Audited(True, 0.1, "k", "audit"), [("audited", 1, ("right",))]),
        (Audited(True, 0.0, "k", "check"), []),
        (Waited(True, 1.0, "k"), [("waited", 1, ("landed",))]),
        (Waited(False, 1.0, "k"), [("waited", 1, ("alone",))]),
        (BreakerChanged("store", "open"), [("breaker.state", 2, ("store",))]),
        (Warned("x", "y"), []),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_measured(event: Event, expected: list[tuple[str, float, Labels]]) -> None:
    """Each event is measured under its instruments."""
    assert measured(event) == expected


def test_saved() -> None:
    """Tokens of served answers are counted, and cost what the model's price says."""
    found = measured(Hit("exact", 0.0, "k", 1.0, "m", **USED))[2:]
    assert found == [
        ("saved_tokens", 100_000, ("m", "input")),
        ("saved_tokens", 50_000, ("m", "output")),
        ("saved_money", 0.6, ("m",)),
    ]


def test_saved_of_an_unknown_model() -> None:
    """A model without a price is no label: whoever calls may name it."""
    found = measured(Hit("exact", 0.0, "k", 1.0, "what is my IBAN?", **USED))[2:]
    assert found == [
        ("saved_tokens", 100_000, (OTHER, "input")),
        ("saved_tokens", 50_000, (OTHER, "output")),
    ]


@given(st.lists(st.text()))
def test_words(values: list[str]) -> None:
    """Labels are short words, whatever a policy says."""
    words = Words()
    for value in values:
        kept = words(value)
        assert kept in (value, OTHER)
        assert len(kept) <= 40
        assert " " not in kept


def test_few_words() -> None:
    """A label has few values."""
    words = Words()
    assert len({words(f"reason{n}") for n in range(1000)}) == MOST_VALUES + 1
    assert words("reason0") == "reason0"


def test_no_prompts_in_labels() -> None:
    """A question that a policy gives as its reason is no label."""
    asked = "What is the PIN of Jane Doe?"
    named = Miss("distance", differs=f"parameter {asked}")
    assert measured(named)[-1] == ("elsewhere", 1, ("parameter",))
    events = [
        Miss(asked, guard=asked, differs=asked),
        Bypassed("update", asked),
        Failed("lookup", asked, "E"),
    ]
    assert asked not in str(measured(*events))
