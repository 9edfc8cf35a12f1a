"""An identical question: found by its key, with one round trip and no embedding."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.events import Hit
from tests.lab import (
    ANSWER,
    ASKED,
    NO_INDEX,
    Lab,
    chat,
    direction,
    script,
    stocked,
)


def test_exact_hit() -> None:
    """An identical question costs one round trip and no embedding."""
    lab = stocked()
    assert lab.lookup(ASKED) == ANSWER
    assert lab.world.names == ["HMGET"]
    assert isinstance(lab.last, Hit)
    assert (lab.last.kind, lab.last.distance, lab.last.model) == ("exact", 0.0, "m1")
    assert 0 <= lab.last.age < 60


def test_a_hit_makes_its_scope_known() -> None:
    """Who only ever asks identical questions has the scope's entries counted once."""
    theirs = stocked()
    ours = Lab(theirs.world)
    ours.update(chat("of another model"), model="m0")  # now it knows the dimensions
    theirs.world.requests.clear()
    assert [ours.lookup(ASKED), ours.lookup(ASKED)] == [ANSWER, ANSWER]
    assert ours.world.names == ["HMGET FT.AGGREGATE", "HMGET"]


@pytest.mark.parametrize(
    "reply",
    [None, b"OK", 7, [], [None], [b"{}", b"1.0"], [None] * 5, [None, b"1.0", *[None] * 3], {}],
    ids=str,
)
def test_no_entry(reply: Any) -> None:
    """Whatever else Redis says, it is no entry: the search goes on."""
    lab = Lab()
    lab.lookup(ASKED, answer=script([reply], direction(0), [NO_INDEX]))
    assert lab.last.reason == "no_candidate"


def test_an_alias_of_nothing() -> None:
    """An alias that points out of its scope is no entry either."""
    lab = Lab()
    of = f"{lab.core.settings.schema.prefix}x".encode()
    lab.lookup(ASKED, answer=script([[None, b"1.0", of, None, None]], direction(0), [NO_INDEX]))
    assert lab.last.reason == "no_candidate"
    assert lab.reporter.stats().failures == {"entry": 1}


def test_replies_that_belong() -> None:
    """Nothing, an error or the entry asked for; another's answer or another command's reply not."""
    lab = stocked()
    lab.lookup(ASKED)
    (request,) = lab.world.requests
    (reply,) = lab.world(request)
    lab.update(chat("Capital of Spain?"))
    lab.lookup(chat("Capital of Spain?"))
    (other,) = lab.world(lab.world.requests[-1])
    ours = request.ours
    assert all(ours([one]) for one in (reply, [None] * 5, ErrorReply("WRONGTYPE", "x")))
    moved = [*reply[:3], b"0" * 32, reply[4]]
    for foreign in (other, moved, [0], [1, b"k", [b"d1", b"0.1"]], b"OK", 1, None, reply[:4]):
        assert not ours([foreign])
