"""A TCP proxy for tests that stands between a client and a Redis server and breaks on command.

    with FaultProxy("redis://127.0.0.1:6379") as proxy:
        client = redis.Redis.from_url(proxy.url)
        proxy.deaf()          # from now on, for open and new connections alike
        proxy.pass_through()  # whatever was held is delivered

Exactly one mode is on at a time, and it is in force when the method returns. The proxy runs on its
own event loop in its own thread. It reaches for the server when a client sends its first bytes, so
that a black hole needs no server behind it.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from integration_tests.faults.disorder import Disorder, Kind
from integration_tests.faults.scripted_redis import LoopThread, close, split_commands

WRITES = (
    *("APPEND", "COPY", "DEL", "EVAL", "EVALSHA", "EXPIRE", "FT.CREATE", "FT.DROPINDEX", "HDEL"),
    *("HEXPIRE", "HINCRBY", "HSET", "HSETEX", "INCR", "JSON.SET", "LPUSH", "MSET", "PERSIST"),
    *("PEXPIRE", "PEXPIREAT", "PSETEX", "RENAME", "RPUSH", "SADD", "SET", "SETEX", "SREM"),
    *("UNLINK", "ZADD"),
)

_CHUNK = 1 << 20
_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n([A-Za-z._]+)\r\n")


@dataclass(eq=False)
class _Mode:
    name: str
    seconds: float = 0.0
    then: Literal["close", "hang", "reset"] = "close"
    data: bytes = b""
    commands: frozenset[bytes] = frozenset()
    after: int = 0
    times: int | None = None
    kind: Kind = "double"
    share: float = 0.0


class FaultProxy(LoopThread):
    """The proxy; `upstream` is a redis://host:port or unix:///path URL.

    `times` lets a mode strike that often and then go back to `pass_through()`.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = urlsplit(upstream)
        self._mode = _Mode("pass")
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.connections_total = 0
        self.bytes_in = 0
        """From the clients."""
        self.bytes_out = 0
        """From the server, delivered or not."""
        self.round_trips = 0
        """Bursts of requests, sent without waiting for a reply; a transaction is one. A pipeline
        without MULTI may count more than once if it is too long for the client to send at once."""

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The upstream's URL, with its credentials and database, leading through the proxy."""
        url = self._upstream
        if url.scheme == "unix":
            return f"redis://127.0.0.1:{self._port}"
        user, at, _ = url.netloc.rpartition("@")
        return f"{url.scheme}://{user}{at}127.0.0.1:{self._port}{url.path}"

    @property
    def connections_open(self) -> int:
        return len(self._connections)

    def pass_through(self) -> None:
        """Forward everything, beginning with what was held."""
        self._switch(_Mode("pass"))

    def delay(self, seconds: float) -> None:
        """Deliver each reply this much later."""
        self._switch(_Mode("delay", seconds=seconds))

    def drip(self, seconds_per_byte: float) -> None:
        """Deliver the replies byte by byte."""
        self._switch(_Mode("drip", seconds=seconds_per_byte))

    def deaf(self) -> None:
        """Accept connections and requests and forward nothing, in either direction."""
        self._switch(_Mode("deaf"))

    def refuse(self) -> None:
        """Reset what is open and refuse new connections, as if the server had been killed."""
        self._switch(_Mode("refuse"))

    def reset(self, *, times: int | None = None) -> None:
        """Send RST in the middle of the next reply."""
        self._switch(_Mode("half", then="reset", times=times))

    def half_reply(
        self, then: Literal["close", "hang", "reset"] = "close", *, times: int | None = None
    ) -> None:
        """Deliver half of the next reply."""
        self._switch(_Mode("half", then=then, times=times))

    def garbage(
        self, data: bytes = b"\x16\x03\x01 not RESP\r\n$9\r\n", *, times: int | None = None
    ) -> None:
        """Deliver these bytes instead of the reply."""
        self._switch(_Mode("garbage", data=data, times=times))

    def cut_after(self, n_bytes: int, *, times: int | None = None) -> None:
        """Forward so many bytes of a connection's further requests, then reset it."""
        self._switch(_Mode("cut", after=n_bytes, times=times))

    def cut_before(self, command: str, *, times: int | None = None) -> None:
        """Forward what a client sends before this command, then reset the connection."""
        names = frozenset([command.upper().encode()])
        self._switch(_Mode("cut", commands=names, times=times))

    def block_writes(self, commands: tuple[str, ...] = WRITES) -> None:
        """Hold every burst of requests that carries one of these commands; the others pass."""
        names = frozenset(command.upper().encode() for command in commands)
        self._switch(_Mode("block", commands=names))

    def disorder(self, kind: Kind, share: float) -> None:
        """Deliver a share of the replies twice, not at all, or in each other's place."""
        self._switch(_Mode("disorder", kind=kind, share=share))

    def close_idle(self, *, reset: bool = False) -> None:
        """Close the connections that are open now; the mode stays."""
        self._run(self._close_connections(reset))

    def forget_flows(self) -> None:
        """Deliver nothing more on the connections that are open now, in either direction."""

        async def forget() -> None:
            for connection in self._connections:
                connection.forgotten = True

        self._run(forget())

    def _switch(self, mode: _Mode) -> None:
        self._run(self._enter(mode))

    async def _enter(self, mode: _Mode) -> None:
        self._set(mode)
        if mode.name == "refuse":
            if self._listener is not None:
                self._listener.close()
                self._listener = None
            await self._close_connections(reset=True)
        elif self._listener is None:
            await self._listen()

    def _set(self, mode: _Mode) -> None:
        self._mode = mode
        for connection in self._connections:
            connection.wake.set()

    def struck(self, mode: _Mode) -> None:
        """Count a fault, and end its mode where it was the last."""
        if mode.times is not None and mode is self._mode:
            mode.times -= 1
            if mode.times <= 0:
                self._set(_Mode("pass"))

    def sent(self, n_bytes: int, begins_round_trip: bool) -> None:
        with self._changed:
            self.bytes_in += n_bytes
            self.round_trips += begins_round_trip
            self._changed.notify_all()

    def received(self, n_bytes: int) -> None:
        with self._changed:
            self.bytes_out += n_bytes
            self._changed.notify_all()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = self._upstream
        if url.scheme == "unix":
            return await asyncio.open_unix_connection(url.path, limit=_CHUNK)
        return await asyncio.open_connection(url.hostname, url.port or 6379, limit=_CHUNK)

    async def _start(self) -> None:
        # A bound socket that never listens keeps the port ours while connections are refused.
        self._reserved = _bind(0)
        self._port: int = self._reserved.getsockname()[1]
        await self._listen()

    async def _listen(self) -> None:
        listening = _bind(self._port)
        self._listener = await asyncio.start_server(
            self._accept, sock=listening, limit=_CHUNK, backlog=256
        )

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._close_connections(reset=False)
        self._reserved.close()

    async def _close_connections(self, reset: bool) -> None:
        for connection in self._connections:
            connection.end(reset)
        await self._finish_all()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        with self._changed:
            self._connections.add(connection)
            self.connections_total += 1
            self._changed.notify_all()
        task = self._spawn(connection.run())
        task.add_done_callback(lambda _: self._gone(connection))
        if self._mode.name == "refuse":  # it was in the backlog
            connection.end(reset=True)

    def _gone(self, connection: _Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()


class _Connection:
    """One client and its connection to the server."""

    def __init__(
        self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.wake = asyncio.Event()
        self.waiting = False
        self.unfinished = b""
        self.in_transaction = False
        self.reset = False
        self.gone = False
        self.forgotten = False
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.server: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.get_running_loop().create_future()
        )
        self.cut: tuple[_Mode, int] | None = None
        self.disorder: Disorder | None = None
        self.ended = asyncio.Event()

    def end(self, reset: bool) -> None:
        self.reset = reset
        self.ended.set()

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen())
        parts = (self._requests(), self._replies(), self.ended.wait())
        relaying: list[asyncio.Task[Any]] = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(relaying, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (listening, *relaying):
                task.cancel()
            await asyncio.gather(listening, *relaying, return_exceptions=True)
            if self.reset:
                linger = struct.pack("ii", 1, 0)
                self.writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                self.writer.transport.abort()
            await close(self.writer)
            if self.server.done() and not self.server.cancelled():
                await close(self.server.result()[1])

    async def _listen(self) -> None:
        """Go on reading while requests are held: the only way to notice that a client has gone."""
        try:
            while chunk := await self.reader.read(_CHUNK):
                self.proxy.sent(len(chunk), begins_round_trip=not self.waiting)
                self.waiting = True
                self._follow(chunk)
                self.inbox.put_nowait(chunk)
        finally:
            self.gone = True
            self.wake.set()
            self.inbox.put_nowait(b"")

    def _follow(self, chunk: bytes) -> None:
        """Know whether the burst is over: early replies come while a client is still sending."""
        try:
            commands, self.unfinished = split_commands(self.unfinished + chunk)
        except ValueError:  # TLS, or not Redis at all
            self.unfinished = b""
            return
        for command in commands:
            name = command[0].upper()
            self.in_transaction = name == b"MULTI" or (
                self.in_transaction and name not in (b"EXEC", b"DISCARD")
            )

    async def _requests(self) -> None:
        while chunk := await self.inbox.get():
            while self._holds(mode := self.proxy._mode, chunk):
                await self._wait(mode)
                if self.gone:
                    return
            if not self.server.done():
                self.server.set_result(await self.proxy.connect())
            _, server = self.server.result()
            end = self._cut_at(mode, chunk)
            server.write(chunk[:end])
            await server.drain()
            if end is not None:
                self.reset = True
                self.proxy.struck(mode)
                return

    def _holds(self, mode: _Mode, chunk: bytes) -> bool:
        if self.forgotten:
            return True
        if mode.name == "block":
            return not mode.commands.isdisjoint(m[1].upper() for m in _COMMAND.finditer(chunk))
        return mode.name == "deaf"

    def _cut_at(self, mode: _Mode, chunk: bytes) -> int | None:
        """Where in this chunk the connection is to break."""
        if mode.name != "cut":
            return None
        if mode.commands:
            found = (m for m in _COMMAND.finditer(chunk) if m[1].upper() in mode.commands)
            first = next(found, None)
            return None if first is None else first.start()
        _, left = self.cut if self.cut and self.cut[0] is mode else (mode, mode.after)
        self.cut = (mode, left - len(chunk))
        return left if left <= len(chunk) else None

    async def _replies(self) -> None:
        # The future belongs to both directions: being cancelled here must not cancel it.
        reader, _ = await asyncio.shield(self.server)
        while pending := await reader.read(_CHUNK):
            self.proxy.received(len(pending))
            self.waiting = bool(self.unfinished) or self.in_transaction
            while pending and not self.forgotten:
                mode = self.proxy._mode
                match mode.name:
                    case "delay":
                        pending = await self._deliver(pending, len(pending), mode, mode.seconds)
                    case "drip":
                        pending = await self._deliver(pending, 1, mode, mode.seconds)
                    case "deaf":
                        await self._wait(mode)
                    case "disorder":
                        if self.disorder is None:
                            self.disorder = Disorder(mode.kind, mode.share, random.getrandbits(32))
                        changed, pending = self.disorder.pass_on(pending), b""
                        await self._deliver(changed, len(changed))
                    case "garbage":
                        pending = b""
                        await self._deliver(mode.data, len(mode.data))
                        self.proxy.struck(mode)
                    case "half":
                        pending = await self._deliver(pending, len(pending) // 2)
                        if mode.then != "hang":
                            self.reset = mode.then == "reset"
                            self.proxy.struck(mode)
                            return
                        await self._wait(mode)
                    case _:
                        pending = await self._deliver(pending, len(pending))
                if self.gone:
                    return

    async def _deliver(
        self, data: bytes, n: int, mode: _Mode | None = None, seconds: float = 0.0
    ) -> bytes:
        """Send the first n bytes after a while, unless the mode ends first; what is left."""
        if mode is not None and not await self._wait(mode, seconds):
            return data
        self.writer.write(data[:n])
        await self.writer.drain()
        return data[n:]

    async def _wait(self, mode: _Mode, seconds: float = math.inf) -> bool:
        """Wait in this mode: true when the time has passed, false when mode or client has gone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.proxy._mode is mode and not self.gone:
            left = end - loop.time()
            if left <= 0:
                return True
            self.wake.clear()
            try:
                await asyncio.wait_for(self.wake.wait(), None if left == math.inf else left)
            except asyncio.TimeoutError:
                return True
        return False


def _bind(port: int) -> socket.socket:
    # Without the protocol asyncio leaves Nagle's algorithm on: 40 ms a transaction.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
