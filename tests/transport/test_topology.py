"""What a cluster has said of who has what, and when it is asked again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from langchain_redis_semcache.transport.topology import REFRESH_SECONDS, Topology

LAYOUT = [
    [0, 8191, [b"h1", 7000, b"id1"], [b"h3", 7002, b"id3"]],
    [8192, 16383, [b"h2", 7001, b"id2"]],
]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def known(clock: Clock | None = None) -> Topology:
    topology = Topology(["seed:1"], clock or Clock())
    assert topology.is_due()
    assert topology.learn(LAYOUT, "seed:1")
    return topology


def test_nothing_is_known_at_first() -> None:
    """Before anybody was asked no key has a node, and the layout is due for everyone."""
    topology = Topology(["seed:1"])
    assert topology.owner("key") == ""
    assert not topology.known
    assert topology.is_due()
    assert topology.is_due()
    assert topology.candidates() == ["seed:1"]


@given(st.text())
def test_owners(key: str) -> None:
    """A key belongs to the primary of its slot, whether as text or as bytes."""
    key = key.encode(errors="replace").decode()
    topology = known()
    expected = "h1:7000" if key_slot(key.encode()) < 8192 else "h2:7001"
    assert topology.owner(key) == topology.owner(key.encode()) == expected


def test_primaries_only() -> None:
    """Replicas are not asked: what they have may be old."""
    topology = known()
    assert set(topology.primaries()) == {"h1:7000", "h2:7001"}
    assert set(topology.nodes()) == {"h1:7000", "h2:7001", "seed:1"}


def test_a_node_without_a_name() -> None:
    """A node that does not know its own address is where it was asked."""
    for nameless in (None, b""):
        topology = Topology(["seed:1"])
        assert topology.learn([[0, 16383, [nameless, 7000]]], "10.0.0.1:7000")
        assert topology.owner("x") == "10.0.0.1:7000"


@pytest.mark.parametrize("reply", [None, [], [[1]], [[0, "x", ["h", 1]]], b"OK", [[0, 1, []]]])
def test_what_is_no_layout(reply: Any) -> None:
    """A reply that is none changes nothing."""
    topology = known()
    assert not topology.learn(reply, "seed:1")
    assert topology.known


@pytest.mark.parametrize("text", ["MOVED 5 h9:1", "5 h9:1"])
def test_moved(text: str) -> None:
    """A slot that moved is known at once, and the rest is asked for soon."""
    clock = Clock()
    topology = known(clock)
    assert topology.moved(text) == "h9:1"
    clock.now += REFRESH_SECONDS
    assert topology.is_due()


def test_a_failure_makes_it_suspect() -> None:
    """After a failure one call asks, another node first, and others go on meanwhile."""
    clock = Clock()
    topology = known(clock)
    assert not topology.is_due()
    topology.failed("h1:7000")
    assert not topology.is_due(), "it was asked for a moment ago"
    clock.now += REFRESH_SECONDS
    assert topology.is_due()
    assert not topology.is_due(), "somebody asks already"
    assert topology.candidates()[-1] == "h1:7000"
    assert topology.learn(LAYOUT, "h2:7001")
    assert topology.candidates()[-1] == "h1:7000"
    assert topology.learn(LAYOUT, "h1:7000")
    assert topology.candidates()[-1] == "seed:1"
