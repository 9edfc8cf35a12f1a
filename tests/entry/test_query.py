"""Searches as they are sent, replies of both protocols as they are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.entry.candidate import Candidate
from langchain_redis_semcache.entry.query import (
    CANDIDATES,
    EF_RUNTIME,
    Search,
    belongs,
    fresh_name,
    is_exhausted,
    parse,
    parse_keys,
    radius,
    text,
)

VECTOR = b"\0\0\x80?"
DOCUMENT = {b"distance": b"0.25", b"prompt": b"q", b"response": b"{}"}
RESP2 = [1, b"k", [part for pair in DOCUMENT.items() for part in pair]]
RESP3 = {b"total_results": 1, b"results": [{b"id": b"k", b"extra_attributes": DOCUMENT}]}
FOUND = Candidate("k", "q", 0.25, None, DOCUMENT)


def test_knn() -> None:
    """The unfiltered search asks for the nearest candidates, in order, with all their data."""
    command = list(Search("i", hnsw=True).knn(VECTOR, "distance"))
    where = f"*=>[KNN {CANDIDATES} @vector $v EF_RUNTIME {EF_RUNTIME} AS distance]"
    assert command[:8] == ["FT.SEARCH", "i", where, "PARAMS", 2, "v", VECTOR, "RETURN"]
    fields = command[9:-9]
    assert command[8] == len(fields)
    assert fields == ["distance", "prompt", "response", "created_at"]
    tail = ["SORTBY", "distance", "LIMIT", 0, CANDIDATES, "TIMEOUT", 400, "DIALECT", 2]
    assert command[-9:] == tail


def test_knn_variants() -> None:
    """A FLAT index knows no EF_RUNTIME, and further fields are asked for where they are used."""
    flat = Search("i", hnsw=False, fields=("vector",))
    assert flat.knn(VECTOR, "distance")[2] == f"*=>[KNN {CANDIDATES} @vector $v AS distance]"
    assert "vector" in flat.knn(VECTOR, "distance")
    assert str(flat.knn_within("abc", VECTOR, "distance")[2]).startswith("@scope:{abc}=>[KNN")


@pytest.mark.parametrize(
    "reply",
    [
        RESP2,
        tuple(RESP2),
        RESP3,
        {"results": [{"id": "k", "extra_attributes": DOCUMENT}]},
        [b"total_results", 1, b"results", RESP3[b"results"]],
        {b"results": [{b"id": b"k", b"extra_attributes": RESP2[2]}]},
    ],
    ids=range(6),
)
def test_protocols(reply: Any) -> None:
    """RESP2, RESP3 and RESP3 read as pairs give the same candidates."""
    assert list(parse(reply, "distance")) == [FOUND]
    assert parse_keys(reply) == ["k"] or reply[0] == 1


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"",
        "text",
        0,
        [],
        {},
        [0],
        [1],
        [1, b"k"],
        [1, b"k", None],  # expired during the search
        [1, b"k", [b"distance"]],
        [1, b"k", [b"distance", b"nan"]],
        [1, b"k", [b"distance", b"inf"]],
        [1, b"k", [b"distance", b"x"]],
        [1, b"k", [b"distance", None]],
        [1, b"k", [b"distance", 10**400]],
        [1, b"", [b"distance", b"0.1"]],
        [1, None, [b"distance", b"0.1"]],
        [b"results"],
        [b"results", 1],
        {b"results": None},
        {b"results": [None, 1]},
        {b"results": [{}]},
    ],
    ids=range(23),
)
def test_nothing_usable(reply: Any) -> None:
    """A document without a key or a distance is left out."""
    assert list(parse(reply, "distance")) == []


def test_order_and_rounding() -> None:
    """Candidates come in the order asked for; the server's rounding below zero is zero."""
    reply = [3, "a", ["distance", "-1e-8"], "c", ["distance", 0.1], "b", ["distance", "0.2"]]
    found = [(one.entry, one.distance) for one in parse(reply, "distance")]
    assert found == [("a", 0.0), ("c", 0.1), ("b", 0.2)]


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([0.1] * CANDIDATES, False),
        ([0.1] * (CANDIDATES - 1), True),
        ([*[0.1] * (CANDIDATES - 1), 0.3], True),
        ([*[0.1] * (CANDIDATES - 1), None], False),  # expired during the search
        ([], True),
    ],
)
def test_is_exhausted(distances: list[float | None], expected: bool) -> None:
    """Fewer candidates than asked for, or one beyond the threshold: nothing more is within."""
    fields = [None if distance is None else [b"distance", distance] for distance in distances]
    reply = [len(fields), *(part for n, one in enumerate(fields) for part in (b"%d" % n, one))]
    assert is_exhausted(reply, "distance", 0.15) is expected


@pytest.mark.parametrize(
    ("reply", "keys"),
    [
        ([2, b"a", b"b"], ["a", "b"]),
        ([0], []),
        ({b"results": [{b"id": b"a"}, {b"id": b"b"}]}, ["a", "b"]),
        ({b"results": []}, []),
        (None, []),
    ],
)
def test_keys(reply: Any, keys: list[str]) -> None:
    """A search without content gives the keys."""
    assert parse_keys(reply) == keys


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**350), 10**350),
    st.floats(),
    st.binary(max_size=9),
    st.text(max_size=9),
    st.sampled_from([b"results", b"id", b"extra_attributes", b"distance", "results", b"0.1"]),
)
hashable = st.one_of(st.none(), st.integers(), st.binary(max_size=9), st.sampled_from(
    [b"results", b"id", b"extra_attributes", b"distance", "results", "id"]))  # fmt: skip
replies = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(hashable, inner, max_size=4),
    ),
    max_leaves=15,
)


@given(replies)
def test_any_reply(reply: Any) -> None:
    """No reply makes the parser raise; what it finds has a key and a finite distance."""
    for shape in (
        reply,
        [1, b"k", reply],
        {b"results": [{b"id": b"k", b"extra_attributes": reply}]},
    ):
        for found in parse(shape, "distance"):
            assert found.entry
            assert 0 <= found.distance < float("inf")
        assert all(isinstance(key, str) for key in parse_keys(shape))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a", "a"),
        ("a", "a"),
        ("é".encode(), "é"),
        ("\ud800".encode("utf-8", "surrogatepass"), "\ud800"),
        (b"\xff", "\ufffd"),
        (None, ""),
        (5, ""),
    ],
)
def test_text(value: Any, expected: str) -> None:
    """What was stored as text is read as it was; an attacker's bytes do not raise."""
    assert text(value) == expected


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(None, None), (b"0.25", 0.25), (b"junk", 0.0), (b"nan", 0.0), (b"-1", 0.0), ([], 0.0)],
)
def test_radius(stored: Any, expected: float | None) -> None:
    """A radius that cannot be read keeps the entry to itself: tampering makes it stricter."""
    assert radius(stored) == expected


@pytest.mark.parametrize(
    ("reply", "ours"),
    [
        ([0], True),
        ({b"results": []}, True),
        ([1, b"k", [b"d1", b"0.1", b"prompt", b"q"]], True),
        ([1, b"k", None], True),
        ({b"results": [{b"id": b"k", b"extra_attributes": {b"d1": b"0.1"}}]}, True),
        (ErrorReply("LOADING", "x"), True),
        ([1, b"k", [b"d2", b"0.1"]], False),
        ([2, b"k", [b"d1", b"0.1"], b"l", [b"d2", b"0.1"]], False),
        ({b"results": [{b"id": b"k", b"extra_attributes": {b"d2": b"0.1"}}]}, False),
        ([b"results", [], b"total_results", 0], True),
        ([b"{}", b"1.0", None, b"scope", b"prompt", b"ttl"], False),
        ([None, None, None], False),
        ([], False),
        (b"OK", False),
        (1, False),
        (None, False),
    ],
    ids=str,
)
def test_belongs(reply: object, ours: bool) -> None:
    """Another search's reply, and what is no search's, is recognised in either protocol."""
    assert belongs(reply, "d1") is ours


def test_fresh_names() -> None:
    """No two searches give the distance the same name, and each is a word of its own."""
    names = {fresh_name() for _ in range(1000)}
    assert len(names) == 1000
    assert all(name.isalnum() and name.startswith("d") for name in names)
