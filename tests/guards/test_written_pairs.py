"""Pairs of questions written for this project: how many of them the guards tell apart.

Distances are no part of this; benchmarks/guards.py plays the same pairs through embedding models.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS, objection

DATA = Path(__file__).parent / "data"


def pairs(name: str) -> list[list[str]]:
    lines = (DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(" | ") for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("name", "least"),
    [("unlike", 0.9), ("late_unlike", 0.9), ("fresh_unlike", 0.95), ("later_unlike", 0.85)],
)
def test_most_unlike_pairs_are_objected_to(name: str, least: float) -> None:
    """Of pairs that must not share an answer, the guards alone object to most."""
    found = [objection(asked, cached, DEFAULT_GUARDS)[0] > 0 for _, asked, cached in pairs(name)]
    assert sum(found) >= least * len(found)


@pytest.mark.parametrize(
    ("name", "most"),
    [("alike", 0.1), ("late_alike", 0.2), ("fresh_alike", 0.02), ("later_alike", 0.02)],
)
def test_few_alike_pairs_are_objected_to(name: str, most: float) -> None:
    """Of pairs that one answer serves, the guards let nearly all pass."""
    found = [objection(asked, cached, DEFAULT_GUARDS)[0] > 0 for _, asked, cached in pairs(name)]
    assert sum(found) <= most * len(found)


PASSED = {
    "can a judge dismiss a few jurors",
    "are they digging the tunnel under the bay",
    "what is a sonnet",
    "list the planets with their moons",
    "animate a logo with Blender",
    "can lava melt titanium",
    "what does the museum exhibit",
    "which plants bloom this spring",
    "what comes before a hurricane",
}
"""Look-alikes that no guard objects to, by the question asked."""

OBJECTED = {
    "How do I keep guacamole green?",
}
"""Rewordings that a guard objects to."""


def test_unseen_pairs() -> None:
    """Of pairs written without a look at the word lists, those told wrongly are known by name."""
    unlike, alike = pairs("unseen_unlike"), pairs("unseen_alike")
    free = {asked for _, asked, kept in unlike if not objection(asked, kept, DEFAULT_GUARDS)[0]}
    vetoed = {asked for _, asked, kept in alike if objection(asked, kept, DEFAULT_GUARDS)[0]}
    assert (free, vetoed) == (PASSED, OBJECTED)


def test_unseen_pairs_of_other_languages() -> None:
    """In every language with word lists, fresh look-alikes are told from fresh rewordings."""
    for language, kind, asked, kept in pairs("unseen_languages"):
        found = objection(asked, kept, DEFAULT_GUARDS)[0] > 0
        assert found == (kind == "unlike"), (language, asked)
