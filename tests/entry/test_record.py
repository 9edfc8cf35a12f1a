"""An entry survives its line, and a line that is none is refused without its contents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.record import FIELDS, RecordError, read, write
from langchain_redis_semcache.entry.schema import tag_id

SCOPE = "a" * 32
KEY = f"app::0123abcd:{SCOPE}:{'b' * 32}"
ANSWER = {"v": 1, "generations": [{"text": "Größe 🗼"}]}
printable = st.text(st.characters(codec="utf-8"), min_size=1)


def values(**changes: Any) -> list[Any]:
    """What HMGET says of an entry."""
    told = {
        "prompt": b"Wie?",
        "response": json.dumps(ANSWER).encode(),
        "scope": SCOPE.encode(),
        "created_at": b"1700000000.5",
        "vector": b"\x00\xff",
        **changes,
    }
    return [told.get(name) for name in FIELDS]


def line(**changes: Any) -> str:
    written = write("app::", KEY, values(), -1, 1, 1_700_000_100.0)
    assert written is not None
    return json.dumps({**json.loads(written), **changes})


def test_whole() -> None:
    """Question, answer, time, vector and what is left to live come back as they were."""
    more = {"model": b"m", "namespace": b"acme", "tags": b"faq, v2", "ttl": b"60000"}
    written = write("app::", KEY, values(**more), 5000, 1, 1_700_000_100.0)
    assert written is not None
    assert written.endswith("}\n")
    record = read(written)
    assert (record.question, record.scope, record.variant) == ("Wie?", SCOPE, "0123abcd")
    assert json.loads(record.answer) == ANSWER
    assert (record.created_at, record.expires_at) == (1_700_000_000.5, 1_700_000_105.0)
    assert (record.by_meaning, record.vector) == (True, b"\x00\xff")
    fields = record.fields()
    assert fields[b"tag_ids"] == f"{tag_id('faq')},{tag_id('v2')}".encode()  # by hand
    assert {name: fields[name.encode()] for name in more} == more


def test_its_time_to_the_microsecond() -> None:
    """An entry that is written over itself keeps its time, by which its aliases know it."""
    created = b"1700000000.123456"
    written = write("app::", KEY, values(created_at=created), -1, 1, 1.0)
    assert written is not None
    assert read(written).fields()[b"created_at"] == created


def test_a_tag_with_a_comma() -> None:
    """A tag that holds what stands between two is one, so that it withdraws what it did before."""
    known = tag_id("Smith, John.pdf").encode()
    written = write("app::", KEY, values(tags=b"Smith, John.pdf", tag_ids=known), -1, 1, 1.0)
    assert written is not None
    assert read(written).more[b"tag_ids"] == known


@given(printable, printable, st.binary(min_size=1), st.booleans())
def test_round_trip(question: str, namespace: str, vector: bytes, by_meaning: bool) -> None:
    """Whatever a question, a tenant and a vector are, they come back."""
    fields = {"prompt": question.encode(), "namespace": namespace.encode(), "vector": vector}
    written = write("app::", KEY, values(**fields), -1, int(by_meaning), 1.0)
    assert written is not None
    record = read(written)
    assert (record.question, record.vector, record.by_meaning) == (question, vector, by_meaning)
    assert record.more[b"namespace"] == namespace.encode()
    assert "\n" not in written[:-1]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"prompt": "Half: \ud800".encode("utf-8", "surrogatepass")}, "Half: \ud800"),
        ({"response": b'{"v":1,"logprob":-Infinity}'}, "Wie?"),
    ],
)
def test_what_no_file_takes(changes: Any, kept: str) -> None:
    """Half of a character, or what is no number, keeps nobody from writing the other entries."""
    written = write("app::", KEY, values(**changes), -1, 0, 1.0)
    assert written is not None
    record = read(written.encode().decode())
    assert record.question == kept
    assert b"Infinity" in record.answer or "response" not in changes


@pytest.mark.parametrize(
    "fetched", [None, values(response=None), values(response=b"no json"), [None] * 3]
)
def test_nothing_to_write(fetched: Any) -> None:
    """What has gone, is an alias, or has an answer that nobody can read is left out."""
    assert write("app::", KEY, fetched, -1, 0, 1.0) is None


@pytest.mark.parametrize(
    "given",
    [
        "secret",
        "[" * 100_000,
        "[]",
        line(semcache=2),
        line(question=""),
        line(question=7),
        line(answer="secret"),
        line(scope="x"),
        line(variant="../x"),
        line(created_at=None),
        line(created_at="1"),
        line(created_at=1e300),
        line(created_at=True),
        line(expires_at="soon"),
        line(expires_at=""),
        line(expires_at=[]),
        line(expires_at=False),
        line(vector="!"),
        line(vector=7),
        line(tags=["faq"]),
        line(tag_ids="*"),
        line(ttl="-1"),
        line(model=7),
    ],
)
def test_no_record(given: str) -> None:
    """A line that is none is refused, without saying what is in it."""
    with pytest.raises(RecordError) as caught:
        read(given)
    assert "secret" not in str(caught.value)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_fields_of_any_kind(value: Any) -> None:
    """Whatever a field holds, it is a record or it is refused."""
    for name in json.loads(line()):
        try:
            read(line(**{name: value}))
        except RecordError:
            continue
