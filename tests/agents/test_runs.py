"""What is known of runs: that they began here, and what has been said in them since."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_redis_semcache.agents.runs import Run, Runs, question_of

CALL: Any = {"name": "search_docs", "args": {"query": "a"}, "id": "1", "type": "tool_call"}
ASKED = AIMessage("", tool_calls=[CALL])
FOUND = ToolMessage("Paris", tool_call_id="1", name="search_docs")
KNOWN = AIMessage("Let me see.", id="run-1")


def a_run() -> Run:
    run = Run(InMemoryCache(), ("prompt", "model"))
    for message in (ASKED, FOUND, KNOWN):
        run.said(message)
    return run


@pytest.mark.parametrize(
    ("words", "since", "objection"),
    [
        (("prompt", "model"), [], None),
        (("prompt", "model"), [ASKED, FOUND], None),
        # Copies with the ids that a graph gives are the same; that is what a state holds.
        (("prompt", "model"), [ASKED.model_copy(update={"id": "x"}), FOUND], None),
        (("prompt", "model"), [KNOWN, FOUND], None),
        (("prompt", "model"), [KNOWN.model_copy(update={"id": "x"}), FOUND], "unknown_messages"),
        (("prompt", "other"), [ASKED, FOUND], "run_changed"),
        (
            ("prompt", "model"),
            [ASKED, FOUND.model_copy(update={"content": "x"})],
            "unknown_messages",
        ),
        (
            ("prompt", "model"),
            [AIMessage("", tool_calls=[{**CALL, "args": {}}]), FOUND],
            "unknown_messages",
        ),
        (("prompt", "model"), [ASKED, SystemMessage("x")], "unknown_messages"),
    ],
)
def test_what_was_said(words: Any, since: Any, objection: str | None) -> None:
    """Only what was said here, after the same beginning, is part of a run."""
    run = a_run()
    run.examine(words, since)
    assert run.objection == objection


def test_the_first_objection() -> None:
    """The first reason is the one that is told, and none is taken back."""
    run = a_run()
    run.object("tool_failed")
    run.examine(("prompt", "other"), [])
    assert run.objection == "tool_failed"


def test_bounded() -> None:
    """Runs that never end are forgotten, the oldest first; begun anew is young."""
    runs = Runs(most=2)
    began = {question: runs.begin(question, a_run()) for question in ("a", "b", "a", "c")}
    assert [runs.get(question) is not None for question in "abc"] == [True, False, True]
    runs.end("c", began["a"])
    assert runs.get("c") is began["c"]
    runs.end("c", began["c"])
    runs.end("c", began["c"])
    assert runs.get("c") is None
    assert runs.get(None) is None


def test_the_question() -> None:
    """The question is the last human message."""
    assert question_of([HumanMessage("a"), ASKED, HumanMessage("b"), ASKED, FOUND]) == 2
    assert question_of([ASKED]) is None
