"""What was counted is told behind the calls, once, and as often as that does not work again."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import (
    Behind,
    ErrorReply,
    RedisUnavailableError,
    Request,
    Send,
    Soon,
)
from langchain_redis_semcache.events import Failed
from langchain_redis_semcache.flows.totals import (
    LATE,
    MOST_ENTRIES,
    PAUSE,
    Totals,
    read_served,
    read_totals,
    slot_of,
)
from tests.lab import AGAIN, ASKED, FAR, Lab, run, script, stocked

KEY = "app::stats"


def told(lab: Lab, *replies: Any) -> dict[str, float]:
    """Have a lab tell its totals; return what it adds to them."""
    sent: list[Any] = []

    def answer(request: Request) -> Any:
        assert isinstance(request, Send)
        sent.extend(request.commands)
        reply = replies[0] if replies else 1
        if isinstance(reply, Exception):
            raise reply
        return [reply] * len(request.commands)

    run(lab.core.totals.tell(), answer)
    counts = [command for command in sent if command[3] == KEY]
    if not counts:
        return {}
    parts = counts[0][6:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_told_once() -> None:
    """What was told is not told again; what came since is."""
    lab = stocked()
    told(lab)
    for prompt in (ASKED, AGAIN, FAR):
        lab.lookup(prompt)
    first = told(lab)
    assert (first["lookups"], first["exact"], first["misses:distance"]) == (3, 1, 1)
    assert told(lab) == {}
    lab.lookup(ASKED)
    assert told(lab)["exact"] == 1


def test_a_failure_loses_nothing() -> None:
    """What could not be told is told the next time, with what came meanwhile."""
    lab = stocked()
    told(lab)
    lab.lookup(ASKED)
    told(lab, RedisUnavailableError("TimeoutError"))
    lab.lookup(ASKED)
    assert told(lab)["exact"] == 2


def test_not_permitted() -> None:
    """Who may not count is not asked to again, and hears of it once."""
    lab = stocked()
    lab.lookup(ASKED)
    told(lab, ErrorReply("NOPERM", "NOPERM"))
    lab.lookup(ASKED)
    assert told(lab) == {}
    failed = [event for event in lab.events if isinstance(event, Failed)]
    assert failed == [Failed("update", "totals", "NOPERM")]
    assert list(lab.core.totals.plan()) == []


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_planned_once() -> None:
    """Calls plan one telling in a while; where loops end before it, it is done at once."""
    lab, clock = Lab(), Clock()
    totals = Totals(lab.core.settings.schema, lab.reporter, clock=clock)
    assert [type(request) for request in totals.plan()] == [Soon]
    assert list(totals.plan()) == []
    clock.now += PAUSE
    assert [type(request) for request in totals.plan()] == [Soon]
    clock.now += LATE
    assert [type(request) for request in totals.plan()] == [Behind]
    run(totals.tell(), script())
    clock.now += PAUSE
    assert [type(request) for request in totals.plan()] == [Soon]


def test_a_bounded_number_of_entries() -> None:
    """However many entries are served, one telling is about some of them."""
    lab = Lab()
    for number in range(2 * MOST_ENTRIES):
        lab.core.totals.served(str(number))
    lab.core.totals.served("0")
    sent: list[Any] = []

    def answer(request: Request) -> Any:
        assert isinstance(request, Send)
        sent.extend(request.commands)
        return [1]

    run(lab.core.totals.tell(), answer)
    key, slot, entry, count = sent[0][3:7]
    assert (key, slot, entry, count) == ("app::served", *slot_of("0"), 2)
    assert len(sent[0]) == 4 + 3 * MOST_ENTRIES


@pytest.mark.parametrize(
    ("stored", "served"),
    [([None], None), ([b"{name} 7"], 7), ([b"ab12 7"], None), ([b"{name} x"], None), (b"x", None)],
)
def test_how_often(stored: Any, served: int | None) -> None:
    """A slot that is another entry's, or holds nonsense, says nothing."""
    name = slot_of("entry")[1].encode()
    if isinstance(stored, list) and stored[0]:
        stored = [stored[0].replace(b"{name}", name)]
    assert read_served(stored, "entry") == served


@pytest.mark.parametrize("as_map", [True, False])
def test_read(as_map: bool) -> None:
    """Totals are read whichever way a client hands them over; nonsense among them is left out."""
    stored = {b"since": b"12.5", b"fields": b"3", b"exact": b"2", b"lookups": b"4", b"x": b"?"}
    reply = stored if as_map else [part for pair in stored.items() for part in pair]
    totals = read_totals(reply)
    assert (totals.since, totals.exact_hits, totals.hit_rate) == (12.5, 2, 0.5)
