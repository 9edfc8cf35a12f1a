"""Whom a request is sent to on a cluster, whether it is as it was thought to be or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from langchain_redis_semcache._effects import Command, ErrorReply
from langchain_redis_semcache.transport.cluster import Rota
from langchain_redis_semcache.transport.redirects import MOST, NoLayout, Told, talk
from langchain_redis_semcache.transport.topology import Topology

SLOTS = ("CLUSTER", "SLOTS")
LAYOUT = [[0, 8191, [b"a", 1]], [8192, 16383, [b"b", 1]]]
A, B = "k2", "k1"
"""A key of either node."""


class Cluster:
    """Answers what nodes are asked, and keeps a record."""

    def __init__(self, *, known: bool = True) -> None:
        self.topology = Topology(["seed:1"])
        if known:
            assert self.topology.learn(LAYOUT, "a:1")
        self.answers: dict[str, Callable[[Command], Any]] = {}
        self.rounds: list[list[Told]] = []

    def ask(self, *commands: Command, atomic: bool = False) -> Sequence[Any]:
        steps = talk(self.topology, Rota(), commands, atomic)
        try:
            told = next(steps)
            while True:
                self.rounds.append(list(told))
                told = steps.send([self._outcome(one) for one in told])
        except StopIteration as stop:
            replies: Sequence[Any] = stop.value
            return replies

    def _outcome(self, told: Told) -> Any:
        replies = []
        for command in told.commands:
            answer = self.answers.get(told.node)
            reply = answer(command) if answer else (told.node, command[0])
            if isinstance(reply, Exception):
                return reply
            replies.append(
                LAYOUT if command == SLOTS and reply == (told.node, "CLUSTER") else reply
            )
        return replies

    @property
    def asked(self) -> list[list[str]]:
        return [[told.node for told in one] for one in self.rounds]


def test_keys() -> None:
    """The keys stand for themselves in the tests below."""
    topology = Cluster().topology
    assert (topology.owner(A), topology.owner(B)) == ("a:1", "b:1")


def test_one_node() -> None:
    """Commands of one shard go out at once, as the request that they are."""
    cluster = Cluster()
    assert cluster.ask(("HMGET", A), ("PTTL", A)) == [("a:1", "HMGET"), ("a:1", "PTTL")]
    ((told,),) = cluster.rounds
    assert told.whole


def test_two_nodes() -> None:
    """Commands of several shards go out at the same time, and come back in their order."""
    cluster = Cluster()
    replies = cluster.ask(("HMGET", A), ("HMGET", B), ("PTTL", A))
    assert [reply[0] for reply in replies] == ["a:1", "b:1", "a:1"]
    assert cluster.asked == [["a:1", "b:1"]]
    assert not any(told.whole for told in cluster.rounds[0])


def test_the_layout_is_asked_for_first() -> None:
    """What is not known is asked of the nodes that the URL names."""
    cluster = Cluster(known=False)
    cluster.ask(("HMGET", A))
    assert cluster.asked == [["seed:1"], ["a:1"]]


def test_no_layout() -> None:
    """Where no node tells, nothing can be asked, and the reason is the last node's."""
    cluster = Cluster(known=False)
    cluster.answers["seed:1"] = lambda _: ErrorReply("ERR", "cluster support disabled")
    with pytest.raises(NoLayout):
        cluster.ask(("HMGET", A))
    cluster.answers["seed:1"] = lambda _: TimeoutError()
    with pytest.raises(TimeoutError):
        cluster.ask(("HMGET", A))


def test_the_old_layout_will_do() -> None:
    """That nobody tells the new layout keeps no call from what is known."""
    cluster = Cluster()
    cluster.topology.failed("b:1")
    cluster.answers["seed:1"] = cluster.answers["a:1"] = lambda command: (
        TimeoutError() if command == SLOTS else b"v"
    )
    assert cluster.ask(("HMGET", A)) == [b"v"]


@pytest.mark.parametrize("code", ["MOVED", "ASK"])
def test_redirected(code: str) -> None:
    """A key that is elsewhere is asked for there; while its slot moves, with ASKING."""
    cluster = Cluster()
    cluster.answers["a:1"] = lambda _: ErrorReply(code, "5 c:1")
    assert cluster.ask(("HMGET", A), ("HMGET", B)) == [("c:1", "HMGET"), ("b:1", "HMGET")]
    assert cluster.asked == [["a:1", "b:1"], ["c:1"]]
    names = [command[0] for command in cluster.rounds[1][0].commands]
    assert names == (["ASKING", "HMGET"] if code == "ASK" else ["HMGET"])


def test_redirected_for_ever() -> None:
    """Nodes that send each other our way are not followed for ever."""
    cluster = Cluster()
    cluster.answers["a:1"] = cluster.answers["b:1"] = lambda _: ErrorReply("ASK", "5 b:1")
    (reply,) = cluster.ask(("HMGET", A))
    assert reply.code == "ASK"
    assert len(cluster.rounds) == MOST


def test_a_redirection_that_makes_no_sense() -> None:
    """It is the error that it is."""
    cluster = Cluster()
    cluster.answers["a:1"] = lambda _: ErrorReply("MOVED", "nonsense")
    assert cluster.ask(("HMGET", A)) == [ErrorReply("MOVED", "nonsense")]


def test_the_first_command_decides() -> None:
    """A dead shard fails its own request, and only its part of another one."""
    cluster = Cluster()
    cluster.answers["b:1"] = lambda _: TimeoutError()
    with pytest.raises(TimeoutError):
        cluster.ask(("HMGET", B), ("HMGET", A))
    other = Cluster()
    other.answers["b:1"] = lambda _: TimeoutError()
    first, second = other.ask(("HMGET", A), ("HMGET", B))
    assert first == ("a:1", "HMGET")
    assert second.code == "UNREACHED"


def test_a_dead_shard_is_left_alone() -> None:
    """What merely goes along with a call is not asked of a shard that does not answer."""
    now = [100.0]
    cluster = Cluster()
    cluster.topology = Topology(["seed:1"], lambda: now[0])
    assert cluster.topology.learn(LAYOUT, "a:1")
    cluster.answers["b:1"] = lambda _: TimeoutError()
    cluster.ask(("HMGET", A), ("HMGET", B))
    now[0] += 1
    _, second = cluster.ask(("HMGET", A), ("HMGET", B))
    assert second.code == "UNREACHED"
    assert cluster.asked[-1] == ["a:1"]


def queued(command: Command) -> Any:
    return [b"1", b"2"] if command[0] == "EXEC" else b"QUEUED"


def test_transactions() -> None:
    """A transaction goes to its shard as one; moved, it is sent again, with ASKING before MULTI."""
    cluster = Cluster()
    stored = (("UNLINK", A), ("HSET", A, "f", "v"))
    assert len(cluster.ask(*stored, atomic=True)) == 2
    assert cluster.rounds[0][0].atomic
    cluster.answers["a:1"] = lambda _: ErrorReply("MOVED", "5 c:1")
    cluster.ask(*stored, atomic=True)
    assert cluster.asked[-2:] == [["a:1"], ["c:1"]]
    asking = Cluster()
    asking.answers = {"a:1": lambda _: ErrorReply("ASK", "5 c:1"), "c:1": queued}
    assert asking.ask(*stored, atomic=True) == [b"1", b"2"]
    names = [command[0] for command in asking.rounds[1][0].commands]
    assert names == ["ASKING", "MULTI", "UNLINK", "HSET", "EXEC"]


def test_a_transaction_on_a_dead_shard() -> None:
    """It fails, and makes the layout suspect."""
    cluster = Cluster()
    cluster.answers["a:1"] = lambda _: ConnectionError()
    with pytest.raises(ConnectionError):
        cluster.ask(("HSET", A), atomic=True)
    assert cluster.topology.candidates()[-1] == "a:1"


def test_searches() -> None:
    """A search is one node's, beside the keys; what fails there fails the request."""
    cluster = Cluster()
    _, found = cluster.ask(("HMGET", A), ("FT.SEARCH", "i"))
    assert found[1] == "FT.SEARCH"
    cluster.ask(("FT.SEARCH", "i"))
    assert cluster.rounds[-1][0].whole
    for node in ("a:1", "b:1"):
        cluster.answers[node] = lambda _: TimeoutError()
    with pytest.raises(TimeoutError):
        cluster.ask(("FT.SEARCH", "i"))
