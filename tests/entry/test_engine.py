"""What an engine's answers mean, as they were recorded or stand in its source."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.entry.engine import (
    INCOMPLETE,
    MISSING,
    SENTENCES,
    Engine,
    is_partial,
    label,
    meaning,
)


def error(text: str, code: str = "ERR") -> ErrorReply:
    return ErrorReply(code, text)


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        # Redis Stack 7.4, Redis 8
        (error("idx: no such index"), "no_index"),
        (error("Unknown Index name"), "no_index"),
        (error("SEARCH_INDEX_NOT_FOUND Index not found: x", "SEARCH_INDEX_NOT_FOUND"), "no_index"),
        (error("Index already exists"), "exists"),
        (error("Could not send query to cluster"), "incomplete"),
        (error("ERRCLUSTER Uninitialized cluster state, could not perform", "ERR"), "incomplete"),
        (error("Could not distribute command"), "incomplete"),
        (error("Timeout limit was reached"), "incomplete"),
        (error("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"), "incomplete"),
        (error("MOVED 1 a:1", "MOVED"), "cannot"),
        (error("unknown command 'FT.SEARCH'"), "cannot"),
        (error("Cannot create index on db != 0"), "cannot"),
        # valkey-search 1.0 to 1.2
        (error("Index with name 'x' not found in database 0"), "no_index"),
        (error("Index with name 'x' not found"), "no_index"),
        (error("Index x already exists."), "exists"),
        (error("Search operation cancelled due to timeout"), "incomplete"),
        (b"Request timed out", "incomplete"),
        (error("Unknown argument `FLOAT16`"), "cannot"),
        (error("Unknown argument `BFLOAT16`"), "cannot"),
        (error("Syntax error"), "refused"),
        (error("NOPERM User x", "NOPERM"), "refused"),
        (None, "refused"),
    ],
)
def test_meanings(reply: Any, means: str) -> None:
    """Each engine's words for one thing mean one thing."""
    assert meaning(reply) == means


@pytest.mark.parametrize("text", ["unknown command", "on db != 0", "Unknown argument `FLOAT16`"])
def test_each_lack_has_a_sentence(text: str) -> None:
    """What an engine cannot do comes with what to write instead."""
    assert label(error(text)) in SENTENCES


def test_sentences_without_secrets() -> None:
    """Labels and sentences are ours: nothing of what a server says is in them."""
    assert label(error("MOVED 1 secret:1", "MOVED")) == "NotSearchedAcrossNodes"
    assert label(error("secret", "OOM")) == "OOM"
    assert {INCOMPLETE, MISSING, "NotSearchedAcrossNodes"} <= SENTENCES.keys()


def test_learning() -> None:
    """A refusal is learned once; what it is not about changes nothing."""
    engine = Engine()
    assert not engine.learn(error("Syntax error"))
    assert engine.sorts
    assert not engine.insists
    assert engine.says == ""
    unsorted = error("Index field `d1` does not exist")
    assert engine.learn(unsorted)
    assert not engine.learn(unsorted)
    assert engine.insists
    assert engine.learn(error("Unexpected parameter at position 14:ALLSHARDS"))
    assert not engine.insists
    assert not engine.learn(error("Unexpected parameter at position 14:ALLSHARDS"))
    assert "sort" in engine.says


def test_sorting_refused_by_name() -> None:
    """valkey-search 1.0 does not know the word."""
    assert Engine().learn(error("Unexpected parameter at position 11:SORTBY"))


def test_counting() -> None:
    """Only what will not change keeps a count from being asked again."""
    engine = Engine()
    engine.refused_to_count(error("Timeout limit was reached"))
    engine.refused_to_count(error("LOADING", "LOADING"))
    assert engine.counts
    engine.refused_to_count(error("NOPERM", "NOPERM"))
    assert not engine.counts
    assert "by tag alone" in engine.says


@pytest.mark.parametrize(
    ("reply", "partial"),
    [
        ([0], False),
        ([], False),
        ([1, b"k", [b"d", b"0"]], False),
        ({"results": [], "warning": []}, False),
        ({b"results": [], b"warning": [b"Timeout limit was reached"]}, True),
        ({"results": [], "warning": ["Timeout limit was reached"]}, True),
        ({"results": [], "warning": ["Max prefix expansions limit was reached"]}, False),
        ([b"results", [], b"warning", [b"Timeout limit was reached"]], True),
        ([b"results", [], b"warning", []], False),
        (b"Request timed out", True),
        (b"OK", False),
        (None, False),
    ],
)
def test_partial_replies(reply: Any, partial: bool) -> None:
    """A reply that says that it is not all there is is told from one that is."""
    assert is_partial(reply) is partial
