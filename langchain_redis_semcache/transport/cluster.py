"""Commands without a key on a Redis cluster: which node gets them, and what the replies add up to.

The plan is a generator over (node, command) and replies, so that sync and async clients follow the
same one. Commands with a key are routed by the client.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from .._effects import Command, ErrorReply, as_text
from ..entry.query import parse_keys

_ANY_NODE = ("FT.AGGREGATE", "FT.CREATE", "FT.SEARCH")
_EVERY_NODE = ("ACL", "FT.DROPINDEX", "FT.INFO", "FT._LIST", "INFO", "PING", "SCAN", "TIME")
KEYLESS = frozenset({*_ANY_NODE, *_EVERY_NODE})

PATIENCE = 0.1
"""Seconds after which a shard that owes an answer is taken for one that does not answer."""
PAUSE = 2.0

Plan = Generator[tuple[str, Command], Any, Any]


class Rota:
    """Whose turn it is to answer for all.

    An engine that searches all nodes does so from any of them. One that does not takes the index
    for a key, and every node but its owner answers MOVED: so the owner is asked only once another
    node has answered. From then on all are asked in turn, since what valkey-search was told within
    a transaction it indexes when it is searched next.
    """

    def __init__(self) -> None:
        self._whole = False
        self._turn = random.randrange(1 << 16)

    def next(self, nodes: Sequence[str], owner: str) -> str:
        if not self._whole:
            nodes = [node for node in nodes if node != owner] or nodes
        self._turn += 1
        return nodes[self._turn % len(nodes)]

    def answered(self, node: str, owner: str, reply: Any) -> None:
        if isinstance(reply, ErrorReply) and reply.code == "MOVED":
            self._whole = False
        elif node != owner:
            self._whole = True


class Watch:
    """Which shards are not asked for what merely goes along with a call to another one.

    One that has not answered for a while is left alone, but for one attempt per pause: the call
    would wait for what it can do without.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def skips(self, node: str) -> bool:
        """Tell whether to leave a shard alone; else an attempt begins."""
        now = self._clock()
        waited = now - self._since.setdefault(node, now)
        if waited < PATIENCE:
            return False
        if waited < PATIENCE + PAUSE:
            return True
        self._since[node] = now
        return False

    def worked(self, node: str) -> None:
        self._since.pop(node, None)


def unreached(count: int) -> list[ErrorReply]:
    """Answer in the stead of a shard that does not."""
    return [ErrorReply("UNREACHED", "")] * count


def plan(command: Command, primaries: Sequence[str], owner: str, rota: Rota) -> Plan:
    """Say whom to ask for what, and return the reply of the cluster as a whole.

    `owner` is the node that would have the index if its name were a key.
    """
    nodes = sorted(primaries)
    name = command[0]
    if name == "SCAN":
        return (yield from _scan(command, nodes))
    if name in _ANY_NODE and not _wants_keys(command):
        node = rota.next(nodes, owner)
        reply = yield node, command
        rota.answered(node, owner, reply)
        return reply
    replies = []
    for node in nodes:
        replies.append((yield node, command))
    if name in _ANY_NODE:
        return _keys_of_all(replies)
    good = [reply for reply in replies if not isinstance(reply, ErrorReply)]
    if not good:
        return next((reply for reply in replies if reply.code != "MOVED"), replies[0])
    if name == "FT._LIST":
        return sorted({as_text(index) for reply in good for index in reply})
    return good[0]


def _wants_keys(command: Command) -> bool:
    return "NOCONTENT" in command and command[command.index("LIMIT") + 2] not in (0, "0")


def _keys_of_all(replies: Sequence[Any]) -> Any:
    """Add up the keys that each node found: one that has just been written to may know more."""
    for reply in replies:
        if isinstance(reply, (ErrorReply, str, bytes)):
            return reply
    keys = sorted({key for reply in replies for key in parse_keys(reply)})
    return [len(keys), *keys]


def _scan(command: Command, nodes: list[str]) -> Plan:
    """Walk node after node; the cursor names the node as well."""
    wanted, _, cursor = as_text(command[1]).rpartition("|")
    node = next((node for node in nodes if node >= wanted), None)
    if node is None:  # the last one has left the cluster
        return ["0", []]
    reply = yield node, ("SCAN", cursor if node == wanted else "0", *command[2:])
    if isinstance(reply, ErrorReply):
        return reply
    cursor = as_text(reply[0])
    if cursor != "0":
        return [f"{node}|{cursor}", reply[1]]
    following = next((other for other in nodes if other > node), None)
    return ["0" if following is None else f"{following}|0", reply[1]]
