"""Which breaker stands before which part of Redis, and what is told of them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import pytest

from langchain_redis_semcache._effects import Argument, ErrorReply
from langchain_redis_semcache.bounded.breaker import SuspendedError
from langchain_redis_semcache.driver.breakers import LONGEST_PAUSE, Breakers, SearchIncomplete
from langchain_redis_semcache.events import BreakerChanged, Failed
from langchain_redis_semcache.reporting.reporter import Reporter
from langchain_redis_semcache.transport.shards import SEARCHES, Shards


class Nodes:
    def __init__(self) -> None:
        self.names = ["a", "b"]

    def owner(self, key: Argument) -> str:
        raise NotImplementedError

    def primaries(self) -> Collection[str]:
        return self.names


class Lab:
    """Breakers of a cluster or of a single server, and what is told of them."""

    def __init__(self, nodes: Nodes | None = None) -> None:
        self.events: list[Any] = []
        self.reporter = Reporter("app", [self.events.append])
        self.now = 100.0
        self.breakers = Breakers(self.reporter, Shards(nodes), lambda: self.now)

    def fail(self, where: str, write: bool = False) -> None:
        with suppress(TimeoutError), self.breakers.guard(where, write, False):
            raise TimeoutError

    def works(self, where: str, write: bool = False) -> bool:
        try:
            with self.breakers.guard(where, write, False):
                return True
        except SuspendedError:
            return False

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(e.subject, e.state) for e in self.events if isinstance(e, BreakerChanged)]


def test_a_single_server() -> None:
    """Reads and writes have a breaker each, as ever."""
    lab = Lab()
    lab.fail("", write=True)
    assert lab.works("")
    assert not lab.works("", write=True)
    assert lab.told == [("store", "open")]
    lab.breakers.reset()
    other = Lab()
    other.fail("")
    assert not other.works("")
    assert other.told == [("redis", "open")]


def test_a_dead_shard_suspends_its_own_keys_only() -> None:
    """Exact hits and stores of the others go on."""
    lab = Lab(Nodes())
    assert lab.works("b")
    lab.fail("a")
    assert not lab.works("a")
    assert not lab.works("a", write=True)
    assert lab.works("b")
    assert lab.works("b", write=True)
    assert lab.works(SEARCHES)


def test_searches_have_one_of_their_own() -> None:
    """A search that hangs suspends searches, and making an index, but no key."""
    lab = Lab(Nodes())
    lab.fail(SEARCHES, write=True)
    assert not lab.works(SEARCHES)
    assert lab.works("a")
    assert lab.works("a", write=True)
    assert lab.told == [("search", "open")]


@pytest.mark.parametrize("reply", [ErrorReply("CLUSTERDOWN", "down"), b"Request timed out"])
def test_a_search_that_is_not_complete_has_failed(reply: Any) -> None:
    """What does not cover all shards counts as a failure of searches, and of nothing else."""
    lab = Lab(Nodes())
    with pytest.raises(SearchIncomplete), lab.breakers.guard(SEARCHES, False, False):
        lab.breakers.check(SEARCHES, [reply])
    assert not lab.works(SEARCHES)
    assert lab.breakers.check(SEARCHES, [[0]]) == [[0]]
    assert lab.breakers.check("a", [reply]) == [reply]


def test_told_as_one() -> None:
    """The subject is open while any shard is, and closed when all are."""
    lab = Lab(Nodes())
    lab.fail("a")
    lab.fail("b")
    assert lab.told == [("redis", "open")]
    lab.breakers.at("redis", "b").success()
    assert lab.told == [("redis", "open")]
    lab.breakers.at("redis", "a").success()
    assert lab.told == [("redis", "open"), ("redis", "closed")]


def test_one_line_per_outage(caplog: pytest.LogCaptureFixture) -> None:
    """That other shards work says nothing about the one that does not."""
    caplog.set_level("INFO")
    lab = Lab(Nodes())
    assert lab.works("b")
    lab.fail("a")
    for _ in range(20):
        lab.reporter.emit(Failed("lookup", "redis", "TimeoutError"))
        assert lab.works("b")
        lab.reporter.recovered("redis")
    lab.breakers.at("redis", "a").ended(None)
    lab.reporter.recovered("redis")
    said = [record.getMessage() for record in caplog.records]
    assert ["failed" in line or "works again" in line for line in said] == [True, True]


def test_a_shard_that_has_left() -> None:
    """A node that failed over or left the cluster is nobody's outage any more."""
    nodes = Nodes()
    lab = Lab(nodes)
    assert lab.works("b")
    lab.fail("a")
    nodes.names = ["b", "c"]
    assert lab.works("c")
    assert not lab.breakers.works("redis"), "a client may know of no node for a moment"
    lab.now += LONGEST_PAUSE + 1
    assert lab.breakers.works("redis")
    assert lab.told == [("redis", "open"), ("redis", "closed")]


def test_a_glance_teaches_nothing() -> None:
    """`explain` asks as the next call would, and its failure suspends nobody."""
    lab = Lab(Nodes())
    with suppress(TimeoutError), lab.breakers.guard("a", False, glance=True):
        raise TimeoutError
    assert lab.works("a")


def test_reset() -> None:
    """After a fork nothing is suspended."""
    lab = Lab(Nodes())
    for where in ("a", SEARCHES):
        lab.fail(where)
    lab.breakers.reset()
    assert lab.works("a")
    assert lab.works(SEARCHES)
