"""What a passed client is asked, by generators that yield calls of it and are sent their results.

A sync client's call returns a reply, an async one's something to await for it; the links that carry
the calls out differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis.exceptions import ResponseError

from .._effects import Command
from .._signals import let_through
from .cluster import KEYLESS, Rota, Watch, plan, unreached
from .layout import ClientLayout, key_of
from .replies import error_reply

Conversation = Generator[Callable[[], Any], Any, Sequence[Any]]

_WATCHES: WeakKeyDictionary[Any, Watch] = WeakKeyDictionary()
_ROTAS: WeakKeyDictionary[Any, Rota] = WeakKeyDictionary()
_KINDS = (redis.Redis, redis.asyncio.Redis, redis.RedisCluster, redis.asyncio.RedisCluster)


def is_cluster(client: Any) -> bool:
    return isinstance(client, (redis.RedisCluster, redis.asyncio.RedisCluster))


def has_its_own_way(client: Any) -> bool:
    """Tell whether the application overrides how redis-py's clients execute commands."""
    if not isinstance(client, _KINDS):
        return False
    name = "execute_command"
    owner = next(kind for kind in type(client).__mro__ if name in vars(kind))
    return name in vars(client) or not owner.__module__.startswith("redis.")


def disconnecting(client: Any) -> Callable[..., Any] | None:
    """Return what disconnects a plain client's connections; in a cluster they have no pool."""
    disconnect = getattr(getattr(client, "connection_pool", None), "disconnect", None)
    return disconnect if callable(disconnect) and isinstance(client, _KINDS) else None


def ask(client: Any, commands: Sequence[Command], atomic: bool) -> Conversation:
    """Ask a client or a cluster's client; one reply per command, `ErrorReply` included."""
    # hiredis (3.5.0) crashes where a signal handler raises while it packs a number.
    commands = [tuple(a if isinstance(a, (str, bytes)) else str(a) for a in c) for c in commands]
    if not is_cluster(client):
        return (yield from _ask_one(client, commands, atomic))
    keyed = [command for command in commands if command[0] not in KEYLESS]
    if atomic or not keyed:
        replies = iter((yield from _ask_one(client, keyed, atomic)) if keyed else ())
    else:
        replies = iter((yield from _ask_shards(client, keyed)))
    answers = []
    for command in commands:
        if command[0] in KEYLESS:
            answers.append((yield from _ask_nodes(client, command)))
        else:
            answers.append(next(replies))
    return answers


def _ask_shards(client: Any, commands: Sequence[Command]) -> Conversation:
    """Ask the first command's shard, then those of what goes along with it."""
    groups: dict[str, list[int]] = {}
    for at, command in enumerate(commands):
        groups.setdefault(ClientLayout(client).owner(key_of(command)), []).append(at)
    answers: list[Any] = [None] * len(commands)
    watch = _WATCHES.setdefault(client, Watch())
    for node, places in groups.items():
        if 0 not in places and watch.skips(node):
            replies: Sequence[Any] = unreached(len(places))
        else:
            try:
                replies = yield from _ask_one(client, [commands[at] for at in places], False)
                watch.worked(node)
            except Exception as error:
                if 0 in places:
                    raise
                let_through(error)
                replies = unreached(len(places))
        for at, reply in zip(places, replies, strict=True):
            answers[at] = reply
    return answers


def _ask_one(client: Any, commands: Sequence[Command], atomic: bool) -> Conversation:
    if not atomic and (len(commands) == 1 or has_its_own_way(client)):
        replies = []
        for command in commands:
            replies.append((yield from _ask_once(client, command)))
        return replies
    pipeline = client.pipeline(transaction=atomic)
    for command in commands:
        # Not in a transaction: redis-py passes the option on to its callbacks, that of PEXPIRE
        # raises TypeError, and there are only numbers to decode.
        pipeline.execute_command(*command, **({} if atomic else {"NEVER_DECODE": True}))
    try:
        found = yield lambda: pipeline.execute(raise_on_error=False)
    except ResponseError as error:
        return [error_reply(error)] * len(commands)
    return [error_reply(r) if isinstance(r, Exception) else r for r in found]


def _ask_once(client: Any, command: Command) -> Generator[Callable[[], Any], Any, Any]:
    try:
        # Undecoded, or vectors would not survive it.
        return (yield lambda: client.execute_command(*command, NEVER_DECODE=True))
    except ResponseError as error:
        return error_reply(error)


def _ask_nodes(client: Any, command: Command) -> Generator[Callable[[], Any], Any, Any]:
    """Follow the plan, not through the cluster's client, which would follow a MOVED."""
    nodes = {node.name: node for node in client.get_primaries()}
    owner = client.get_node_from_key(command[1]).name if len(command) > 1 else ""
    rota = _ROTAS.setdefault(client, Rota())
    steps = plan(command, list(nodes), owner, rota)
    try:
        node, asked = next(steps)
        while True:
            one = nodes[node]  # an async client's nodes are asked themselves
            if not hasattr(one, "execute_command"):
                one = client.get_redis_connection(one)
            node, asked = steps.send((yield from _ask_once(one, asked)))
    except StopIteration as stop:
        return stop.value
