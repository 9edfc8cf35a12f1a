"""A cluster that searches as a whole, made of single servers: what Redis 8 does, in small.

    with Coordinated(3) as cluster:
        redis.RedisCluster(host="127.0.0.1", port=cluster.ports[0])
        cluster.join()   # a new shard, with its share of the slots and no index

Before each server stands a proxy. It gives the layout, refuses keys of other shards, and sends what
concerns an index to all servers and adds up what they answer. `Valkey` has valkey-search's manners.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import redis.asyncio
from redis.crc import key_slot
from redis.exceptions import ResponseError

from integration_tests.faults.scripted_redis import (
    Command,
    LoopThread,
    close,
    encode,
    split_commands,
)
from integration_tests.faults.servers import RawServer

SLOTS = 16384
_OF_INDEXES = (b"FT.SEARCH", b"FT.AGGREGATE", b"FT.CREATE", b"FT.DROPINDEX")
_KEYED = (b"HMGET", b"HSET", b"UNLINK", b"PEXPIRE", b"EVAL", b"PTTL", b"HGET", b"SET", b"GET")


class Coordinated(LoopThread):
    """The cluster; ends with the `with` block."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.nodes = [RawServer() for _ in range(count)]
        self.ports: list[int] = []
        self._servers: list[Any] = []
        self._clients: list[redis.asyncio.Redis] = []
        self._owners = [slot * count // SLOTS for slot in range(SLOTS)]

    def __enter__(self) -> Coordinated:
        for node in self.nodes:
            node.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        super().__exit__(kind, e, tb)
        for node in self.nodes:
            node.__exit__(None, None, None)

    def join(self) -> None:
        """Add a shard that takes every fourth slot, with the keys, and has no index."""
        new = RawServer()
        self.nodes.append(new)
        new.__enter__()
        self._run(self._listen(len(self.nodes) - 1))
        for slot in range(0, SLOTS, 4):
            self.move(slot, len(self.nodes) - 1)

    def move(self, slot: int, to: int) -> None:
        """Move a slot with its keys to another shard."""
        source = self.nodes[self._owners[slot]]
        for key in source.client.scan_iter(count=10_000):
            if key_slot(key) == slot:
                source.client.execute_command(
                    "MIGRATE", "127.0.0.1", self.nodes[to].port, key, 0, 5000, "REPLACE"
                )
        self._owners[slot] = to

    def kill(self, number: int) -> None:
        self.nodes[number].process.kill()
        self.nodes[number].process.wait()

    def revive(self, number: int) -> None:
        """Start a server that was killed, empty, where it was."""
        self.nodes[number].__exit__(None, None, None)
        self.nodes[number].__enter__()

    async def _start(self) -> None:
        for number in range(len(self.nodes)):
            await self._listen(number)

    async def _listen(self, number: int) -> None:
        self._clients.append(redis.asyncio.Redis(port=self.nodes[number].port, protocol=2))

        def accept(reader: Any, writer: Any) -> None:
            self._spawn(self._serve(number, reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._servers.append(server)
        self.ports.append(server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await self._finish_all()
        for client in self._clients:
            await client.aclose()

    async def _serve(self, number: int, reader: Any, writer: Any) -> None:
        """Answer a client's commands, one after the other."""
        try:
            up, down = await asyncio.open_connection("127.0.0.1", self.nodes[number].port)
        except OSError:  # the server is dead, as this port would be
            return await close(writer)
        data, session = b"", _Session()
        try:
            while chunk := await reader.read(1 << 20):
                commands, data = split_commands(data + chunk)
                for command in commands:
                    reply = await self._own(number, command, session)
                    if reply is None:
                        down.write(encode(command))
                        reply = await _reply(up)
                    writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return  # the server is dead, and so is this connection
        finally:
            await close(down)
            await close(writer)

    async def _own(self, number: int, command: Command, session: _Session) -> bytes | None:
        """Return what a cluster answers and a single server does not."""
        name = command[0].upper()
        if name == b"CLUSTER":
            return encode(self._layout())
        if name in _OF_INDEXES:
            return await self._of_index(number, name, command)
        if name == b"EXEC" and session.moved:
            session.moved = False
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n"
        session.within = name == b"MULTI" or (session.within and name != b"EXEC")
        if name not in _KEYED:
            return None
        key = command[3] if name == b"EVAL" else command[1]
        owner = self._owners[key_slot(key)]
        if owner != number:
            session.moved = session.within
            return b"-MOVED %d 127.0.0.1:%d\r\n" % (key_slot(key), self.ports[owner])
        if name == b"EVAL" or (session.within and name == b"HSET"):
            self.written(number, key)
        return None

    def _layout(self) -> list[Any]:
        runs: list[list[Any]] = []
        for slot, owner in enumerate(self._owners):
            node = ["127.0.0.1", self.ports[owner], str(owner)]
            if runs and runs[-1][2] == node:
                runs[-1][1] = slot
            else:
                runs.append([slot, slot, node])
        return runs

    async def _of_index(self, number: int, name: bytes, command: Command) -> bytes:
        refused = self.refuses(command)
        if refused is not None:
            return b"-" + refused.encode() + b"\r\n"
        replies: Sequence[Any] = await asyncio.gather(
            *(client.execute_command(*command) for client in self._clients),
            return_exceptions=True,
        )
        errors = [reply for reply in replies if isinstance(reply, BaseException)]
        if name in (b"FT.CREATE", b"FT.DROPINDEX"):
            return _error(errors[0]) if len(errors) == len(replies) else b"+OK\r\n"
        if errors:
            return _error(errors[0])
        hidden = self.hidden(number)
        return encode(merged([word.upper() for word in command], replies, hidden))

    # -- manners of an engine ----------------------------------------------------------------

    def refuses(self, command: Command) -> str | None:
        """Return the error that this engine answers to a search, if it does."""
        return None

    def written(self, number: int, key: bytes) -> None:
        """Note that a transaction or a script wrote a key."""

    def hidden(self, number: int) -> set[bytes]:
        """Return the keys that a search through a node does not find yet."""
        return set()


class Valkey(Coordinated):
    """Refuses what valkey-search does; what a transaction wrote, a search of that node indexes."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._queued: dict[int, set[bytes]] = {}

    def refuses(self, command: Command) -> str | None:
        words = [word.upper() for word in command]
        if b"SORTBY" in words:
            field = command[words.index(b"SORTBY") + 1].decode()
            return f"Index field `{field}` does not exist"
        if words[0] == b"FT.CREATE" and b"FLOAT16" in words:
            return "Unknown argument `FLOAT16`"
        if words[0] == b"FT.SEARCH" and words[2] == b"*":
            return "Invalid query string syntax"
        if b"ALLSHARDS" in words:
            del command[words.index(b"ALLSHARDS")]  # the servers behind do not know it
        return None

    def written(self, number: int, key: bytes) -> None:
        self._queued.setdefault(number, set()).add(key)

    def hidden(self, number: int) -> set[bytes]:
        self._queued.pop(number, None)
        return {key for keys in self._queued.values() for key in keys}


class _Session:
    """What is remembered of a connection."""

    within = False
    """Between MULTI and EXEC."""
    moved = False
    """A command of this transaction belongs elsewhere."""


def _error(error: BaseException) -> bytes:
    text = str(error) if isinstance(error, ResponseError) else "Could not send query to cluster"
    return b"-ERR " + text.encode() + b"\r\n"


def merged(words: Sequence[bytes], replies: Sequence[Any], hidden: set[bytes]) -> list[Any]:
    """Add up what the nodes found, nearest first where a distance was asked for."""
    total = sum(reply[0] for reply in replies)
    if words[0] == b"FT.AGGREGATE":
        return [total, *(row for reply in replies for row in reply[1:])]
    if b"NOCONTENT" in words:
        keys = [key for reply in replies for key in reply[1:] if key not in hidden]
        return [total, *keys]
    found = [
        (key, fields)
        for reply in replies
        for key, fields in zip(reply[1::2], reply[2::2], strict=True)
        if key not in hidden
    ]
    named = re.search(rb" AS (\S+)\]", words[2])
    if named is not None:
        name = named[1].lower()

        def far(pair: tuple[Any, Any]) -> float:
            fields = dict(zip(pair[1][::2], pair[1][1::2], strict=True)) if pair[1] else {}
            return float(fields.get(name, "inf"))

        found.sort(key=far)
    limit = int(words[words.index(b"LIMIT") + 2])
    return [min(len(found), limit), *(part for pair in found[:limit] for part in pair)]


async def _reply(reader: Any) -> bytes:
    """Read one reply as it came."""
    line: bytes = await reader.readuntil(b"\r\n")
    kind, size = line[:1], line[1:-2]
    if kind == b"$" and size != b"-1":
        return line + bytes(await reader.readexactly(int(size) + 2))
    if kind in b"*~>%":
        for _ in range(max(0, int(size)) * (1 + (kind == b"%"))):
            line += await _reply(reader)
    return line
