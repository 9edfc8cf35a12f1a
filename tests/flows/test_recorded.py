"""Recorded hits are found, newest first, while their answers are there."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache import ConfigurationError, Recording
from langchain_redis_semcache._effects import ErrorReply, RedisUnavailableError
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.entry.stored import Wanted
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.flows import admin, entries
from langchain_redis_semcache.flows.recorded import recorded
from tests.lab import AGAIN, BehindTheCall, Lab, run, script, stocked

ALL = Recording(share=1.0)


def served(times: int = 1, **changes: Any) -> Lab:
    """A lab whose entry has been served so often."""
    lab = stocked(recording=ALL, **changes)
    for _ in range(times):
        lab.lookup(AGAIN, answer=BehindTheCall(lab))
    return lab


def ids(
    lab: Lab, limit: int | None = None, before: str | None = None, after: str | None = None
) -> list[str]:
    flows = recorded(lab.core, limit, before, after)
    return [one.id for flow in flows for one in run(flow, lab.world)]


def test_in_pages() -> None:
    """All are found, or so many, or those before one of them."""
    lab = served(250)
    everything = ids(lab)
    assert len(everything) == len(set(everything)) == 250
    assert everything == sorted(everything, reverse=True)
    assert ids(lab, limit=120) == everything[:120]
    assert ids(lab, limit=3, before=everything[9]) == everything[10:13]
    assert ids(lab, after=everything[-1]) == everything[-2::-1]
    assert ids(lab, limit=2, after=everything[120]) == [everything[119], everything[118]]
    assert ids(lab, after=everything[0]) == []


def test_overwritten() -> None:
    """A hit whose answer was replaced is gone."""
    lab = served()
    (key,) = (key for key in lab.world.hashes if ":" in key)
    lab.world.hashes[key]["created_at"] = b"1.0"
    assert ids(lab) == []


def test_expired() -> None:
    """A hit whose answer is there no more is gone."""
    lab = served()
    lab.world.hashes.clear()
    assert ids(lab) == []


@pytest.mark.parametrize("way", ["key", "filter", "delete_entry"])
def test_removed(way: str) -> None:
    """What is removed is removed from what was recorded."""
    lab = served(3)
    (key,) = lab.world.hashes
    flow: Any = {
        "key": entries.remove(lab.core, key, Wanted(), False),
        "filter": entries.remove(lab.core, None, Wanted(text="france"), False),
        "delete_entry": admin.delete_entry(lab.core, key),
    }[way]
    run(flow, lab.world)
    assert lab.world.streams["app::recorded"] == []


def test_a_dry_run() -> None:
    """A dry run removes nothing that was recorded."""
    lab = served(3)
    run(entries.remove(lab.core, None, Wanted(text="france"), True), lab.world)
    assert len(ids(lab)) == 3


def test_removed_for_sure() -> None:
    """`remove` says where it could not remove what was recorded."""
    lab = served()
    (key,) = lab.world.hashes

    def answer(request: Any) -> Any:
        if request.commands[0][0] == "XRANGE":
            return [ErrorReply("NOPERM", "NOPERM no permissions")]
        return lab.world(request)

    with pytest.raises(CacheUnavailableError, match="XRANGE: NOPERM"):
        run(entries.remove(lab.core, key, Wanted(), False), answer)
    assert lab.world.hashes == {}


def test_forged() -> None:
    """With a key only what was signed is shown."""
    lab = served(signer=Signer("0123456789abcdef"))
    assert len(ids(lab)) == 1
    ((_, fields),) = lab.world.streams["app::recorded"]
    fields["response"] = fields["response"].replace(b"Paris", b"Lyons")
    assert ids(lab) == []


@pytest.mark.parametrize("before", ["", "x", "1", "(1-0", 5])
def test_no_id(before: Any) -> None:
    """What is no id is refused."""
    for given in ((before, None), (None, before)):
        with pytest.raises(ConfigurationError, match="id of a recorded hit"):
            next(recorded(Lab().core, None, *given))
    with pytest.raises(ConfigurationError, match="not both"):
        next(recorded(Lab().core, None, "1-0", "1-0"))


def test_nothing() -> None:
    """Where nothing was recorded, or something else has that key, there is nothing to show."""
    assert ids(Lab()) == []
    flow = next(recorded(Lab().core, None, None, None))
    assert run(flow, script([ErrorReply("WRONGTYPE", "WRONGTYPE x")])) == []
    with pytest.raises(CacheUnavailableError):
        run(next(recorded(Lab().core, None, None, None)), script(RedisUnavailableError("Boom")))
