"""Verdicts are labels in a file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from langchain_redis_semcache import ConfigurationError, RecordedHit
from langchain_redis_semcache.calibrate import load_pairs
from langchain_redis_semcache.cli.verdicts import Verdicts

HIT = RecordedHit("1-0", "asked?", "stored?", "So.", 0.1, "semantic", "k", "m", 1.0)
EXACT = RecordedHit("2-0", "same?", "same?", "So.", 0.0, "exact", "k", "m", 1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


def test_labels(path: Path) -> None:
    """What was said is known at once and in the next session, and `calibrate` reads it."""
    verdicts = Verdicts(path)
    assert verdicts.of(HIT) is None
    verdicts.add(HIT, False)
    for one in (verdicts, Verdicts(path)):
        assert one.of(HIT) is False
    (pair,) = load_pairs(path)
    assert tuple(pair) == ("stored?", "asked?", False)
    assert pair.answer == "So."  # type: ignore[union-attr]


def test_private(path: Path) -> None:
    """The file is for its owner: questions and answers stand in it."""
    Verdicts(path).add(HIT, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_identical_questions(path: Path) -> None:
    """That one question's own answer is right or wrong says nothing of distances."""
    verdicts = Verdicts(path)
    verdicts.add(EXACT, True)
    assert verdicts.of(EXACT) is True
    assert not path.exists()


def test_added_to(path: Path) -> None:
    """Labels that somebody has written are kept; the last word on a pair counts."""
    path.write_text('{"q1": "a", "q2": "b", "label": 1}\n')
    Verdicts(path).add(HIT, True)
    assert len(load_pairs(path)) == 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("labels.csv", "", "must end in .jsonl"),
        ("labels.jsonl", "nonsense", "line 1 is not JSON"),
        ("labels.jsonl", '{"q": "a", "cluster": "b"}', "questions of a stream"),
    ],
)
def test_other_files(tmp_path: Path, name: str, text: str, says: str) -> None:
    """A file of something else is left alone."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        Verdicts(tmp_path / name)


def test_cannot_be_written(tmp_path: Path) -> None:
    """A verdict that cannot be kept is said."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Verdicts(tmp_path / "nowhere" / "labels.jsonl").add(HIT, True)
