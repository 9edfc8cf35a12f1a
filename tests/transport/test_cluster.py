"""Who is asked for what on a cluster, and what the replies of its nodes add up to."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import Command, ErrorReply
from langchain_redis_semcache.transport.cluster import PATIENCE, PAUSE, Rota, Watch, plan

NODES = ["c:1", "a:1", "b:1"]
MOVED = ErrorReply("MOVED", "MOVED 1 a:1")
OOM = ErrorReply("OOM", "OOM")


def carried_out(
    command: Command, replies: dict[str, Any], owner: str = "", rota: Rota | None = None
) -> tuple[Any, Any]:
    """Return whom the plan asked, and its result."""
    steps, asked = plan(command, NODES, owner, rota or Rota()), []
    try:
        node, sent = next(steps)
        while True:
            asked.append((node, sent))
            node, sent = steps.send(replies[node])
    except StopIteration as stop:
        return asked, stop.value


@pytest.mark.parametrize("command", [("FT.SEARCH", "index"), ("FT.CREATE", "index")])
def test_any_node_but_the_owner(command: Command) -> None:
    """One node is asked to search: not the one that would take the index's name for a key."""
    for _ in range(20):
        asked, reply = carried_out(command, {"b:1": "b", "c:1": "c"}, owner="a:1")
        ((node, sent),) = asked
        assert (reply, sent) == (node[0], command)


def searched(rota: Rota, reply: Any) -> str:
    """Return the node whose turn it is to search."""
    (((node, _),), _) = carried_out(("FT.SEARCH", "i"), dict.fromkeys(NODES, reply), "a:1", rota)
    return str(node)


def test_in_turn() -> None:
    """Once a node answers for all, each has its turn, the owner of the name as well: valkey-search
    indexes what a transaction wrote when that very node is searched."""
    rota = Rota()
    assert searched(rota, [0]) != "a:1"
    assert sorted({searched(rota, [0]) for _ in NODES}) == sorted(NODES)


def test_a_cluster_that_does_not_search_as_a_whole() -> None:
    """Its owner of the name, who would answer for itself alone, is never asked."""
    rota = Rota()
    for _ in range(9):
        assert searched(rota, MOVED) != "a:1"


def test_keys_of_all_nodes() -> None:
    """A search for keys to be removed goes through every node, and counts each key once."""
    command = ("FT.SEARCH", "i", "@tag_ids:{x}", "NOCONTENT", "LIMIT", "0", "500")
    replies: dict[str, Any] = {"a:1": [1, b"k1"], "b:1": [2, b"k1", b"k2"], "c:1": [0]}
    asked, reply = carried_out(command, replies, "a:1")
    assert [node for node, _ in asked] == sorted(NODES)
    assert reply == [2, "k1", "k2"]
    assert carried_out(command, {**replies, "b:1": OOM})[1] == OOM
    assert carried_out(command, {**replies, "b:1": b"Request timed out"})[1] == b"Request timed out"


def test_a_number_of_keys() -> None:
    """How many there are, one node says for all."""
    command = ("FT.SEARCH", "i", "*", "NOCONTENT", "LIMIT", 0, 0)
    asked, reply = carried_out(command, {node: [7] for node in NODES})
    assert len(asked) == 1
    assert reply == [7]


def test_shards_that_do_not_answer() -> None:
    """What goes along with a call is not waited for at a shard that owes an answer, but tried once
    per pause."""
    now = [100.0]
    watch = Watch(lambda: now[0])
    assert not watch.skips("a")
    now[0] += PATIENCE / 2
    assert not watch.skips("a"), "others have only just begun"
    now[0] += PATIENCE
    assert watch.skips("a")
    assert not watch.skips("b")
    now[0] += PAUSE
    assert not watch.skips("a")
    now[0] += 2 * PATIENCE
    assert watch.skips("a")
    watch.worked("a")
    assert not watch.skips("a")


def test_every_node() -> None:
    """Other commands go to all nodes; one that works is enough, else the telling error counts."""
    command = ("FT.DROPINDEX", "index")
    asked, reply = carried_out(command, {"a:1": MOVED, "b:1": b"OK", "c:1": OOM})
    assert [node for node, _ in asked] == sorted(NODES)
    assert reply == b"OK"
    assert carried_out(command, {"a:1": MOVED, "b:1": OOM, "c:1": MOVED})[1] == OOM
    assert carried_out(command, dict.fromkeys(NODES, MOVED))[1] == MOVED


def test_indexes() -> None:
    """The indexes of a cluster are those of all its nodes, each once, decoded or not."""
    _, reply = carried_out(("FT._LIST",), {"a:1": [b"x"], "b:1": ["x", "y"], "c:1": OOM})
    assert reply == ["x", "y"]


def test_scan() -> None:
    """SCAN goes from node to node; its cursor says where it is."""
    cursor, found = "0", []
    left = {"a:1": [[b"7", [b"k1"]], [b"0", []]], "b:1": [["0", ["k2"]]], "c:1": [["0", []]]}
    for _ in range(4):
        replies = {node: pages[0] for node, pages in left.items() if pages}
        asked, (cursor, keys) = carried_out(("SCAN", cursor, "COUNT", 9), replies)
        found += keys
        left[asked[0][0]].pop(0)
    assert cursor == "0"
    assert found == [b"k1", "k2"]
    assert not any(left.values())


def test_scan_of_a_cluster_that_changes() -> None:
    """Where the node of a cursor has left, the walk goes on behind it or is over."""
    asked, _ = carried_out(("SCAN", "aa:1|5"), {"b:1": ["0", []]})
    assert asked == [("b:1", ("SCAN", "0"))]
    assert carried_out(("SCAN", "z:1|5"), {}) == ([], ["0", []])
    assert carried_out(("SCAN", "0"), {"a:1": OOM})[1] == OOM
