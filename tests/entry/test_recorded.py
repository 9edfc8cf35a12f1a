"""A recorded hit goes into the stream and comes out again; what is not ours does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.entry import recorded
from langchain_redis_semcache.entry.recorded import RecordedHit, add, cut, items, newest, read
from langchain_redis_semcache.entry.signing import Signer

ROOT = "app::"
ENTRY = f"app::{'a' * 8}:{'b' * 32}:{'c' * 32}"
HIT = RecordedHit("7-0", "asked?", "stored?", "So.", 0.1, "semantic", ENTRY, "m", 1e9)
KEY = Signer("0123456789abcdef")


def stored(hit: RecordedHit = HIT, signer: Signer | None = None) -> dict[str, Any]:
    command = add(ROOT, hit, b"5.0", 10, signer)
    assert command[:6] == ("XADD", "app::recorded", "MAXLEN", "~", 10, "*")
    ((identity, fields),) = items([[b"7-0", list(command[6:])]])
    assert identity == "7-0"
    return fields


@given(st.text(), st.text(), st.text(), st.floats(0, 2), st.sampled_from([None, KEY]))
def test_round_trip(
    asked: str, question: str, answer: str, distance: float, signer: Signer | None
) -> None:
    """What was recorded is read again, half characters included."""
    hit = replace(HIT, asked=asked, stored=question, answer=answer, distance=distance)
    assert read(ROOT, "7-0", stored(hit, signer), signer) == (hit, b"5.0")


@pytest.mark.parametrize("field", ["response", "created_at", "of"])
def test_signed(field: str) -> None:
    """With a key nothing of a hit can be changed, and one without a signature is none."""
    fields = stored(signer=KEY)
    assert read(ROOT, "7-0", fields, KEY) is not None
    assert read(ROOT, "7-0", {**fields, field: fields[field] + b" "}, KEY) is None
    assert read(ROOT, "7-0", stored(), KEY) is None


@pytest.mark.parametrize(
    "change",
    [
        {"asked": 1},
        {"distance": "far"},
        {"distance": float("nan")},
        {"kind": "other"},
        {"entry": "other::key"},
        {"entry": ENTRY[:-1] + "d"},
        {"model": None},
        {"time": None},
    ],
)
def test_nonsense(change: dict[str, Any]) -> None:
    """What makes no sense is left out, and no key outside of the root is ever named."""
    fields = stored()
    told = {**json.loads(fields["response"]), **change}
    assert read(ROOT, "7-0", {**fields, "response": json.dumps(told).encode()}, None) is None


@given(st.dictionaries(st.sampled_from(["of", "response", "created_at"]), st.binary()))
def test_anything(fields: dict[str, bytes]) -> None:
    """Whatever is stored, reading does not raise."""
    assert read(ROOT, "7-0", fields, None) is None


@pytest.mark.parametrize("reply", [None, 1, b"x", [], [None], [[b"1-0"]], [[b"1-0", None]]])
def test_strange_replies(reply: Any) -> None:
    """A reply that is none has no items."""
    assert items(reply) == []


def test_as_clients_read_it() -> None:
    """redis-py's clients make a dictionary of an item's fields."""
    assert items([(b"1-0", {b"of": b"x"})]) == [("1-0", {"of": b"x"})]


def test_cut() -> None:
    """Of a long text the beginning is kept."""
    assert cut("x" * recorded.LONGEST) == "x" * recorded.LONGEST
    assert len(cut("x" * 10_000)) == recorded.LONGEST


def test_pages() -> None:
    """A walk begins at one end and goes on behind the last one seen."""
    assert newest(ROOT, None, 5) == ("XREVRANGE", "app::recorded", "+", "-", "COUNT", 5)
    assert newest(ROOT, "7-0", 5)[2:4] == ("(7-0", "-")
    assert recorded.oldest(ROOT, "7-0", 5)[2:4] == ("(7-0", "+")


def test_forgetting() -> None:
    """Nothing is kept for longer than an entry lives."""
    trim, expire = recorded.forgetting(ROOT, 60, 1000)
    assert trim == ("XTRIM", "app::recorded", "MINID", "~", 940_000)
    assert expire == ("PEXPIRE", "app::recorded", 60_000)
