"""A label is a line that `semcache calibrate` reads."""

from __future__ import annotations

import stat
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache._labels import add_label, label_file
from langchain_redis_semcache.calibrate import load_pairs


def test_read_back(tmp_path: Path) -> None:
    """What was added is read, whatever the texts hold, and only its owner may read it."""
    path = label_file(tmp_path / "labels.jsonl")
    add_label(path, "a\n\u2028b", "ü \ud800", True, "So.")
    add_label(path, "a", "b", False, "So.")
    assert [tuple(pair) for pair in load_pairs(path)] == [
        ("a\n\u2028b", "ü \ud800", True),
        ("a", "b", False),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("stored", "asked"), [("a", "a"), (" ", "a"), ("a", "")])
def test_nothing_to_learn(stored: str, asked: str, tmp_path: Path) -> None:
    """One question, or none, says nothing of distances."""
    add_label(tmp_path / "labels.jsonl", stored, asked, True, "So.")
    assert not (tmp_path / "labels.jsonl").exists()


def test_together(tmp_path: Path) -> None:
    """Lines that are added at once stay whole."""
    path = tmp_path / "labels.jsonl"
    with ThreadPool(8) as pool:
        pool.map(lambda n: add_label(path, f"{n} {'x' * 3000}", "b", True, "c" * 6000), range(200))
    assert len({pair[0] for pair in load_pairs(path)}) == 200


def test_refused(tmp_path: Path) -> None:
    """What is no such file is refused by its name, and one that cannot be written says so."""
    with pytest.raises(ConfigurationError, match=r"must end in \.jsonl"):
        label_file("labels.csv")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        add_label(tmp_path / "nowhere" / "labels.jsonl", "a", "b", True, "c")
