"""What people say of an answer reaches its entry, and no other key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration

from langchain_redis_semcache import ConfigurationError, RecordedHit
from langchain_redis_semcache.calibrate import load_pairs
from langchain_redis_semcache.events import Failed, Feedback, Hit, Miss
from langchain_redis_semcache.flows.feedback import feedback
from tests.lab import AGAIN, ASKED, Lab, run, stocked

QUESTION = "Capital of France?"


def said(lab: Lab, given: Any, right: Any) -> bool:
    found: bool = run(feedback(lab.core, given, right), lab.world)
    return found


def named(entry: str, kind: str) -> Any:
    """An answer of this entry, as users hold it."""
    mark = {"kind": "exact", "entry": entry}
    message = AIMessage("Paris", response_metadata={"semcache": mark})
    return {
        "message": message,
        "generation": ChatGeneration(message=message),
        "event": Hit("exact", 0.0, entry, 1.0),
        "key": entry,
    }[kind]


@pytest.mark.parametrize("kind", ["message", "generation", "event", "key"])
def test_wrong(kind: str) -> None:
    """A wrong answer has gone at once, however it is named; the second to say so is told no."""
    lab = stocked(mark_hits=True)
    (entry,) = lab.world.hashes
    assert said(lab, named(entry, kind), right=False)
    assert lab.world.hashes == {}
    assert lab.events == [Feedback(entry, False)]
    assert not said(lab, named(entry, kind), right=False)
    assert lab.reporter.stats().feedback == {"wrong": 1}


def test_right() -> None:
    """A right one stays, with a count of those who said so; what has gone does not come back."""
    lab = stocked()
    (entry,) = lab.world.hashes
    assert said(lab, entry, right=True)
    assert said(lab, entry, right=True)
    assert lab.world.hashes[entry]["right"] == b"2"
    assert lab.reporter.stats().feedback == {"right": 2}
    lab.world.hashes.clear()
    assert not said(lab, entry, right=True)
    assert lab.world.hashes == {}


def test_no_walk() -> None:
    """Where no verifier makes aliases nobody walks for them; what was recorded of it goes too."""
    lab = stocked()
    (entry,) = lab.world.hashes
    said(lab, entry, right=False)
    assert lab.world.names == ["UNLINK", "XRANGE"]


@pytest.mark.parametrize(
    "given",
    [
        AIMessage("from the model"),
        AIMessage("", response_metadata={"semcache": "forged"}),
        AIMessage("", response_metadata={"semcache": {"entry": 5}}),
        AIMessage("", response_metadata={"semcache": {"entry": "other::x"}}),
        AIMessage("", response_metadata={"semcache": {"entry": "app::x"}}),
        HumanMessage("a question"),
        Miss("no_candidate"),
        "somebody:else",
    ],
    ids=range(8),
)
@pytest.mark.parametrize("right", [True, False])
def test_of_no_entry(given: Any, right: bool) -> None:
    """What names no entry of this cache touches nothing, whatever a client put into a message."""
    lab = stocked(mark_hits=True)
    assert not said(lab, given, right)
    assert lab.world.requests == []
    assert lab.events == []


@pytest.mark.parametrize(
    ("given", "right", "message"),
    [
        (AIMessage("a"), False, "no mark with mark_hits=False"),
        (7, False, "feedback takes a message that was served"),
        (Failed("lookup", "redis", "x"), False, "not a Failed"),
        ("app::x", "no", "right must be True or False"),
    ],
    ids=range(4),
)
def test_nonsense(given: Any, right: Any, message: str) -> None:
    """What cannot be meant is refused with what to give instead."""
    with pytest.raises(ConfigurationError, match=message):
        said(stocked(), given, right)


def test_another_wording() -> None:
    """Whoever calls a reworded question's answer wrong means the entry that it came from."""
    lab = stocked(mark_hits=True)
    lab.update(ASKED, [ChatGeneration(message=AIMessage("Paris"))])
    served = lab.lookup(AGAIN)[0].message
    assert said(lab, served, right=False)
    assert lab.lookup(ASKED) is None


def labelled(
    lab: Lab, given: Any, path: Path, asked: str | None = None, right: bool = False
) -> Any:
    found = run(feedback(lab.core, given, right, asked, path), lab.world)
    return found, [
        json.loads(line) for line in path.read_text().splitlines()
    ] if path.exists() else []


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("kind", ["message", "generation", "event", "key"])
def test_a_label(kind: str, right: bool, tmp_path: Path) -> None:
    """A verdict on a reworded question is a label as well, and reaches the entry as ever."""
    lab = stocked(mark_hits=True)
    (entry,) = lab.world.hashes
    path = tmp_path / "labels.jsonl"
    found, lines = labelled(lab, named(entry, kind), path, "And of France?", right)
    assert found
    assert (entry in lab.world.hashes) is right
    assert lab.events == [Feedback(entry, right)]
    (pair,) = load_pairs(path)
    assert tuple(pair) == (lines[0]["q1"], "And of France?", right)
    assert lines[0]["q1"] == QUESTION
    assert lines[0]["answer"] == "Paris."


def test_a_recorded_hit(tmp_path: Path) -> None:
    """A recorded hit knows what was asked."""
    lab = stocked()
    (entry,) = lab.world.hashes
    hit = RecordedHit("1-0", "asked?", "stored?", "So.", 0.1, "semantic", entry, "m", 1.0)
    found, lines = labelled(lab, hit, tmp_path / "labels.jsonl")
    assert (found, lab.world.hashes) == (True, {})
    assert lines == [{"q1": "stored?", "q2": "asked?", "label": 0, "answer": "So."}]


def test_no_label(tmp_path: Path) -> None:
    """Of an answer to the very question, and of what is there no more, there is no label."""
    lab = stocked()
    (entry,) = lab.world.hashes
    path = tmp_path / "labels.jsonl"
    assert labelled(lab, entry, path, QUESTION) == (True, [])
    assert labelled(lab, entry, path, "And of France?") == (False, [])


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [("labels.csv", "a", "must end in .jsonl"), ("labels.jsonl", None, "asked=question")],
)
def test_half_a_label(name: str, asked: str | None, says: str, tmp_path: Path) -> None:
    """What can be no label is refused before anything is done."""
    lab = stocked()
    (entry,) = lab.world.hashes
    with pytest.raises(ConfigurationError, match=says):
        labelled(lab, entry, tmp_path / name, asked)
    assert lab.world.requests == []
