"""What is served: fresh objects, marked where that is wished, of an age."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed
from langchain_redis_semcache.flows.serve import LONGEST_QUESTION, _age
from langchain_redis_semcache.policies import DistancePolicy
from tests.lab import AGAIN, ASKED, FAR, Lab, stocked


def test_fresh_objects() -> None:
    """Two hits share no object."""
    lab = stocked()
    assert lab.lookup(ASKED)[0] is not lab.lookup(ASKED)[0]


def test_mark_hits() -> None:
    """With `mark_hits` a served answer says where it came from."""
    lab = stocked(mark_hits=True)
    mark = lab.lookup(AGAIN)[0].generation_info["semcache"]
    assert set(mark) == {"kind", "distance", "entry", "age"}
    assert mark["kind"] == "semantic"
    assert mark["entry"] in lab.world.hashes


@pytest.mark.parametrize(
    "created",
    [None, b"", b"x", b"nan", b"inf", b"-inf", b"99999999999999", b"1" * 400, [1], 10**400],
)
def test_age(created: object) -> None:
    """Whatever is stored as the time of storing gives an age."""
    assert 0 <= _age(created) < 3e9


class Reader:
    """A guard that notes what it has read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, asked: str, cached: str, /) -> float:
        self.read.append(cached)
        return 0.0


def tampered(reader: Reader, field: str, value: bytes, **changes: object) -> Lab:
    lab = stocked(policy=DistancePolicy(0.15, {"reader": reader}), **changes)
    (entry,) = lab.world.hashes.values()
    entry[field] = value
    return lab


@pytest.mark.parametrize("limit", [1000, None])
def test_a_question_that_is_too_long_is_read_by_nobody(limit: int | None) -> None:
    """What somebody put there to keep the guards busy is a miss at once."""
    longest, reader = limit or LONGEST_QUESTION, Reader()
    lab = tampered(reader, "prompt", b"x" * (longest + 1), max_question_chars=limit)
    assert lab.lookup(AGAIN) is None
    assert reader.read == []
    assert lab.events[-2] == Failed("lookup", "entry", "TooLong")
    assert lab.last.reason == "unreadable_entry"
    assert tampered(reader, "prompt", b"x" * longest, max_question_chars=limit).lookup(AGAIN)
    assert reader.read == ["x" * longest]


@pytest.mark.parametrize("field", ["prompt", "response"])
def test_guards_read_what_is_signed(field: str) -> None:
    """With a key the signature is looked at first, so that nobody else decides what guards read."""
    reader = Reader()
    lab = tampered(reader, field, b"of somebody", signer=Signer("0123456789abcdef"))
    assert lab.lookup(AGAIN) is None
    assert reader.read == []
    assert lab.events[-2] == Failed("lookup", "entry", "Unsigned")
    lab.events.clear()
    assert lab.lookup(FAR) is None
    assert [type(event).__name__ for event in lab.events] == ["Miss"]
    assert lab.last.reason == "distance"


def test_signatures_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit by meaning pays for one."""
    signer, computed = Signer("0123456789abcdef"), list[str]()
    verify = signer.verify
    monkeypatch.setattr(
        signer, "verify", lambda key, fields: computed.append(key) or verify(key, fields)
    )
    lab = stocked(signer=signer)
    assert lab.lookup(AGAIN) is not None
    assert len(computed) == 1
