"""Files are read or refused with the line, and labels hang together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langchain_redis_semcache.calibrate import (
    Clustered,
    Pair,
    calibrate,
    load_pairs,
)
from langchain_redis_semcache.calibrate.labels import arrange
from langchain_redis_semcache.calibrate.replay import rows
from langchain_redis_semcache.errors import ConfigurationError
from tests.calibrate.material import Angles


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jsonl", '{"q1": "a", "q2": "b", "label": 1}\n\n', [Pair("a", "b", True)]),
        (
            "a.ndjson",
            '{"question1": "a", "question2": "b", "is_duplicate": false}',
            [("a", "b", 0)],
        ),
        ("a.jsonl", '{"q1": "a\u2028", "q2": "b", "same": true}', [("a\u2028", "b", True)]),
        ("a.jsonl", '{"q": "a", "cluster": 7, "id": 1}', [Clustered("a", "7")]),
        ("a.csv", "\ufeffQ1, q2 ,label\na,b,1.0\nc,d,No\n", [("a", "b", True), ("c", "d", False)]),
        ("a.csv", 'question,intent\n"a\nb, c",x\n', [("a\nb, c", "x")]),
        ("a.tsv", "q1\tq2\tlabel\nit's 5\"\tb\t0\n", [("it's 5\"", "b", False)]),
    ],
)
def test_files_that_can_be_read(
    tmp_path: Path, name: str, text: str, expected: list[tuple[Any, ...]]
) -> None:
    """Pairs and clusters are read from JSONL, CSV and TSV under the usual column names."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_pairs(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "must end in"),
        ("a.jsonl", b"", "is empty: pairs need"),
        ("a.csv", b"q1,q2,label\n", "is empty"),
        ("a.jsonl", b"\n{", "line 2 is not JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1 is not JSON"),
        ("a.jsonl", b"[1]", "line 1 is not a JSON object"),
        ("a.jsonl", b'{"q1": "a"}', "line 1 has q1: pairs need"),
        ("a.jsonl", b'{"q1": "a", "q2": 5, "label": 1}', "line 1: a question must be text, not 5"),
        ("a.jsonl", b'{"q1": "a", "q2": " ", "label": 1}', "must be text, not ' '"),
        ("a.csv", b"q1,q2,label\na,b,maybe\n", "line 2: a label is 1 (same) or 0"),
        ("a.csv", b"q1,q2,label\na,b\n", "line 2 has"),
        ("a.csv", b'q1,q2,label\n"a,b,1\n', "line 2: unexpected end of data"),
        ("a.jsonl", b"\xff\xfe", "is not UTF-8"),
        (
            "a.jsonl",
            b'{"q1": "a", "q2": "b", "label": 1}\n{"q": "a", "cluster": "c"}',
            "both pairs and clusters",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """What is wrong with a file is said with its name and the line."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        load_pairs(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is no traceback of the operating system's."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load_pairs(tmp_path / "none.jsonl")


def test_clusters_are_transitive() -> None:
    """A hit on a question that is the same as the same one is right."""
    labels = arrange([("a", "b", True), ("c", "b", True), ("a", "d", False)])
    number = {text: i for i, text in enumerate(labels.texts)}
    assert labels.right(number["a"], number["c"])
    assert not labels.right(number["a"], number["d"])
    assert [labels.texts[i] for i in labels.stored] == ["a", "c"]
    assert [labels.texts[i] for i in labels.asked] == ["b", "d"]


def test_a_pairs_own_label_counts() -> None:
    """Where labels contradict each other the pair's own one counts, and it is said."""
    labels = arrange([("a", "b", True), ("c", "b", True), ("c", "d", True), ("a", "d", False)])
    number = {text: i for i, text in enumerate(labels.texts)}
    assert not labels.right(number["d"], number["a"])
    assert "1 labels contradict" in labels.notes[0]
    served = np.full((2, 1), number["a"], dtype=np.int32)
    assert rows(labels, served, [0.1])[0].false_hits == 1
    assert not arrange([("a", "b", True), ("b", "a", False)]).right(1, 0)
    assert arrange([("a", "a", False), ("a", "b", True)]).right(1, 0)


def test_long_questions_are_left_out() -> None:
    """What the cache serves on an exact match only says nothing about thresholds."""
    labels = arrange([("a", "b" * 1001, True), ("a", "c", True)])
    assert [labels.texts[i] for i in labels.asked] == ["c"]
    assert "1 questions of more than 1000 characters" in labels.notes[0]


def test_repeated_questions_of_a_stream_are_asked_once() -> None:
    """An exact repetition is an exact hit, and counts for no threshold."""
    labels = arrange([("a", "x"), ("a", "x"), ("b", "x"), ("b", "y")])
    assert len(labels.asked) == 2
    assert "1 questions came again in another cluster" in labels.notes[0]


@pytest.mark.parametrize("data", [[], [("a",)], [("a", "b", True), ("a", "x")]])
def test_neither_pairs_nor_clusters(data: list[Any]) -> None:
    """Rows of another shape, or none, are refused."""
    with pytest.raises(ConfigurationError, match="expected pairs"):
        calibrate(data, Angles())
