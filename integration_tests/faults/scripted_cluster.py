"""A cluster of scripted servers whose searches answer as one engine does: recorded, not guessed.

    with scripted_cluster(3) as nodes:
        nodes[0].script["FT.SEARCH"] = HANG

Keys are kept nowhere: every HMGET misses, and every store works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from integration_tests.faults.scripted_redis import Command, ScriptedRedis, nothing, resp

KEYED = ("hmget", "hset", "unlink", "pexpire", "eval", "xrange")

NO_INDEX = "-ERR app: no such index"
"""Redis 8, where a shard that has just joined lacks the index."""
VALKEY_NO_INDEX = "-Index with name 'app' not found in database 0"
DEAD_SHARD = "-ERR Could not send query to cluster"


def valkey_search(command: Command) -> object:
    """Answer a search as valkey-search does, which refuses to sort and finds nothing here."""
    words = [word.upper() for word in command]
    if b"SORTBY" in words:
        field = command[words.index(b"SORTBY") + 1].decode()
        return f"-Index field `{field}` does not exist"
    return resp([0])


@contextmanager
def scripted_cluster(count: int) -> Iterator[list[ScriptedRedis]]:
    with ExitStack() as stack:
        nodes = [stack.enter_context(ScriptedRedis()) for _ in range(count)]
        share = 16384 // count
        slots = [
            [i * share, 16383 if i == count - 1 else (i + 1) * share - 1, ["127.0.0.1", node.port]]
            for i, node in enumerate(nodes)
        ]
        for node in nodes:
            node.script |= {
                "CLUSTER": resp(slots),
                "COMMAND": resp([[command, -2, [], 1, 1, 1] for command in KEYED]),
                "INFO": resp("cluster_enabled:1\r\n"),
                "HMGET": nothing,
                "FT.SEARCH": resp([0]),
                "FT.AGGREGATE": resp([1]),
                "FT.CREATE": "+OK",
                "HSET": resp(5),
                "UNLINK": resp(0),
                "PEXPIRE": resp(1),
                "EVAL": resp(2),
                "XRANGE": resp([]),
            }
        yield nodes


def received(nodes: list[ScriptedRedis], name: str) -> int:
    """How often all nodes together were sent a command."""
    return sum(len(node.received(name)) for node in nodes)
