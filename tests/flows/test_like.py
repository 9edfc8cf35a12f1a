"""A question asked as another one was: in the scope of an entry, known by its key alone."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache.flows.explanation import Explanation
from langchain_redis_semcache.flows.like import explain_like
from langchain_redis_semcache.policies import DistancePolicy
from tests.lab import AGAIN, ANGLES, ASKED, MODEL, Lab, World, run, stocked


def told(lab: Lab, text: Any, like: str) -> Explanation:
    found: Explanation = run(explain_like(lab.core, lab.options, text, like), lab.world)
    return found


@pytest.mark.parametrize(
    ("text", "decision", "reason"),
    [
        ("Capital of France?", "hit", "exact"),
        ("France's capital?", "hit", "semantic"),
        ("", "miss", "exact_only"),
        ("x" * 2000, "miss", "exact_only"),
    ],
    ids=range(4),
)
def test_like(text: str, decision: str, reason: str) -> None:
    """It is what a lookup with that entry's model, context and tenant would do."""
    lab = stocked(max_question_chars=1000)
    (key,) = lab.world.hashes
    found = told(lab, text, key)
    assert (found.decision, found.reason, found.model) == (decision, reason, "m1")
    assert found.entry == (key if decision == "hit" else None)
    assert len(lab.world.hashes) == 1


def test_the_same_as_a_lookup() -> None:
    """Key, scope and verdict are those of the call that stored the entry."""
    guards = {"no": lambda a, b: 9.0}
    lab = stocked(policy=DistancePolicy(0.15, guards), namespace="acme")
    (key,) = lab.world.hashes
    found = told(lab, "France's capital?", key)
    assert (found.reason, found.candidates[0].guard) == ("guard", "no")
    lab.lookup(AGAIN)
    assert (lab.last.reason, lab.last.distance) == ("guard", found.candidates[0].distance)
    with lab.options.using(distance_threshold=0.001):
        assert told(lab, "France's capital?", key).threshold == 0.001


@pytest.mark.parametrize("objects", [False, True])
def test_another_embedding_model(objects: bool) -> None:
    """With a model that is not the entry's, only identical questions and guards are told."""
    lab = stocked(policy=DistancePolicy(0.15, {"no": lambda a, b: 9.0} if objects else {}))
    ((key, entry),) = lab.world.hashes.items()
    other = key.replace(key.split(":")[2], "0" * 8)
    lab.world.hashes = {other: entry}
    found = told(lab, "France's capital?", other)
    assert found.decision == "miss"
    assert found.reason == ("guard" if objects else "not compared by meaning")
    text = str(found)
    assert "another embedding model" in text
    assert ("guards: no objects" in text) is objects
    assert "embed" not in lab.world.names
    same = told(lab, "Capital of France?", other)
    assert (same.decision, same.reason, same.entry) == ("hit", "exact", other)


@pytest.mark.parametrize("key", ["x", "app::x", "other::0:0:0"])
def test_no_entry(key: str) -> None:
    """A key of nothing is refused, with what to give."""
    with pytest.raises(ConfigurationError, match="the key of an entry that is stored"):
        told(stocked(), "France's capital?", key)


def test_no_text() -> None:
    """Messages are not asked like another question: they have a context of their own."""
    lab = Lab(World(vectors=dict(ANGLES)))
    lab.update(ASKED, model=MODEL)
    (key,) = lab.world.hashes
    with pytest.raises(TypeError, match="the text of a question"):
        told(lab, ["x"], key)
