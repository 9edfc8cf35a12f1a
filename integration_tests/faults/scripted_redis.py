"""A Redis server without data for tests: shakes hands like a real one, answers the rest by script.

    with ScriptedRedis({"HMGET": resp([None]), "FT.SEARCH": "-LOADING Redis is loading"}) as server:
        client = redis.Redis.from_url(server.url)

A reply is the raw bytes or one raw line, `HANG`, `CLOSE`, or a function of the command's arguments
that returns one of these; `resp()` writes a Python value in the protocol that the connection
speaks, `in_turn()` changes with each call. The script beats the built-in answers, so handshakes can
be made to fail as well.

`LoopThread`, on which the proxy stands too, is here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar

T = TypeVar("T")
Self = TypeVar("Self", bound="LoopThread")

Command = list[bytes]


class LoopThread:
    """A server on its own event loop in its own thread: it goes on while the tested one blocks."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        """What went wrong inside the tool itself; raised at the end of the `with` block."""
        self._changed = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self: Self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=type(self).__name__, daemon=True
        )
        self._thread.start()
        try:
            self._run(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            self._run(self._stop())
        finally:
            self._end()
        if e is None and self.errors:
            raise self.errors[0]

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until the condition on this tool's counters holds; TimeoutError if it never does."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"{type(self).__name__} did not get there in time")

    async def _start(self) -> None:
        raise NotImplementedError

    async def _stop(self) -> None:
        raise NotImplementedError

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _end(self) -> None:
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):  # OSError: a peer went away
            self.errors.append(error)

    async def _finish_all(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True)
class _Special:
    name: str


HANG: Final = _Special("never answer")
CLOSE: Final = _Special("close the connection instead of answering")

RawReply = str | bytes | _Special


@dataclass(frozen=True)
class _Value:
    value: Any


Reply = RawReply | _Value | Callable[[Command], "RawReply | _Value"]


def resp(value: Any) -> _Value:
    """A Python value as a reply, encoded in the protocol (RESP2 or RESP3) of the connection."""
    return _Value(value)


def nothing(command: Command) -> _Value:
    """The reply to HMGET of a key that does not exist."""
    return resp([None] * (len(command) - 2))


def in_turn(*replies: RawReply | _Value) -> Callable[[Command], RawReply | _Value]:
    """The first reply at the first call, and so on; the last one for ever."""
    left = list(replies)
    return lambda command: left.pop(0) if len(left) > 1 else left[0]


def encode(value: Any, protocol: int = 2) -> bytes:
    """Write a value as RESP; dict, float, bool and None have their own types in RESP3 only."""
    match value:
        case None:
            return b"_\r\n" if protocol == 3 else b"$-1\r\n"
        case bool():
            return (b"#t\r\n" if value else b"#f\r\n") if protocol == 3 else b":%d\r\n" % value
        case int():
            return b":%d\r\n" % value
        case float():
            number = repr(value).encode()
            return b",%s\r\n" % number if protocol == 3 else encode(number)
        case str():
            return encode(value.encode())
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(value), value)
        case dict():
            items = [item for pair in value.items() for item in pair]
            head = b"%%%d\r\n" % len(value) if protocol == 3 else b"*%d\r\n" % len(items)
            return head + b"".join(encode(item, protocol) for item in items)
        case _:
            parts = [encode(item, protocol) for item in value]
            return b"*%d\r\n" % len(parts) + b"".join(parts)


def split_commands(data: bytes) -> tuple[list[Command], bytes]:
    """The complete commands at the head of the data, and what is left of it."""
    commands: list[Command] = []
    done = 0
    while (end := data.find(b"\r\n", done)) >= 0:
        if data[done : done + 1] != b"*":
            raise ValueError(f"not a Redis command: {data[done : done + 40]!r}")
        command: Command = []
        position = end + 2
        for _ in range(int(data[done + 1 : end])):
            end = data.find(b"\r\n", position)
            if end < 0:
                return commands, data[done:]
            start = end + 2
            stop = start + int(data[position + 1 : end])
            if len(data) < stop + 2:
                return commands, data[done:]
            command.append(data[start:stop])
            position = stop + 2
        commands.append(command)
        done = position
    return commands, data[done:]


_UNSET = (
    "-ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)
_NOAUTH = "-NOAUTH Authentication required."
_NOAUTH_HELLO = (
    "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
    "RESP protocol version at the same time"
)
_WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled."
_EXECABORT = "-EXECABORT Transaction discarded because of previous errors."

# Errors that a real server raises before it queues a command; others appear in the reply of EXEC.
_BEFORE_QUEUE = (
    b"-ERR unknown command",
    b"-NOPERM",
    b"-NOAUTH",
    b"-OOM",
    b"-READONLY",
    b"-MISCONF",
    b"-MASTERDOWN",
    b"-LOADING",
    b"-BUSY",
    b"-NOREPLICAS",
    b"-MOVED",
    b"-ASK",
    b"-CLUSTERDOWN",
    b"-CROSSSLOT",
)


class ScriptedRedis(LoopThread):
    """The server; a context manager that listens on a free port of loopback.

    Script keys are command names ("HMGET") or a name with its subcommand ("CLIENT SETINFO"). A
    command that neither the script nor the handshake knows gets `default`, or else the error of a
    server that lacks it.
    """

    def __init__(
        self,
        script: Mapping[str, Reply] | None = None,
        *,
        default: Reply | None = None,
        greeting: str | bytes | None = None,
        password: str | None = None,
    ) -> None:
        super().__init__()
        self.script: dict[str, Reply] = dict(script or {})
        self.default = default
        self.greeting = greeting
        """Said to every new connection before it is closed, such as "-ERR max number of ..."."""
        self.password = password
        self.commands: list[Command] = []
        """Every command received, handshakes included."""
        self.connections_total = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}"

    @property
    def connections_open(self) -> int:
        return len(self._tasks)

    def received(self, name: str) -> list[Command]:
        """The commands of this name, in order of arrival."""
        return [command for command in list(self.commands) if command[0].upper() == name.encode()]

    def close_connections(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        self._run(self._close_connections())

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=256)
        self._port: int = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        await self._close_connections()

    async def _close_connections(self) -> None:
        for writer in self._writers:
            writer.close()
        await self._finish_all()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self.connections_total += 1
            self._writers.add(writer)
            self._spawn(self._serve(reader, writer))
            self._changed.notify_all()

    def _finished(self, task: asyncio.Task[None]) -> None:
        with self._changed:
            super()._finished(task)
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self)
        try:
            if self.greeting is not None:
                writer.write(_line(self.greeting))
                return
            data = b""
            while chunk := await reader.read(1 << 20):
                commands, data = split_commands(data + chunk)
                for command in commands:
                    with self._changed:
                        self.commands.append(command)
                        self._changed.notify_all()
                    reply = session.reply(command)
                    if reply is CLOSE:
                        return
                    if isinstance(reply, _Special):
                        await reader.read(-1)  # until the client gives up
                        return
                    writer.write(reply)
                await writer.drain()
        finally:
            self._writers.discard(writer)
            await close(writer)


class _Session:
    """What the server remembers of one connection, and how that turns a command into bytes."""

    def __init__(self, server: ScriptedRedis) -> None:
        self.server = server
        self.protocol = 2
        self.authenticated = server.password is None
        self.queue: list[bytes] | None = None
        self.aborted = False

    def reply(self, command: Command) -> bytes | _Special:
        name = command[0].decode("utf-8", "replace").upper()
        scripted = self._scripted(name, command)
        match name:
            case "MULTI" if scripted is None:
                self.queue, self.aborted = [], False
                return b"+OK\r\n"
            case "EXEC" | "DISCARD":
                queue, self.queue = self.queue, None
                if scripted is not None:
                    return scripted
                if queue is None:
                    return _line(f"-ERR {name} without MULTI")
                if name == "DISCARD":
                    return b"+OK\r\n"
                if self.aborted:
                    return _line(_EXECABORT)
                return b"*%d\r\n" % len(queue) + b"".join(queue)
        if scripted is None:
            scripted = self._built_in(name, command)
        if self.queue is None or isinstance(scripted, _Special):
            return scripted
        if scripted.startswith(_BEFORE_QUEUE):
            self.aborted = True
            return scripted
        self.queue.append(scripted)
        return b"+QUEUED\r\n"

    def _scripted(self, name: str, command: Command) -> bytes | _Special | None:
        script = self.server.script
        sub = command[1].decode("utf-8", "replace").upper() if len(command) > 1 else ""
        reply = script.get(f"{name} {sub}", script.get(name))
        return None if reply is None else self._bytes(reply, command)

    def _bytes(self, reply: Reply, command: Command) -> bytes | _Special:
        if callable(reply):
            reply = reply(command)
        if isinstance(reply, _Special):
            return reply
        return encode(reply.value, self.protocol) if isinstance(reply, _Value) else _line(reply)

    def _built_in(self, name: str, command: Command) -> bytes | _Special:
        if name == "HELLO":
            return self._hello(command)
        if name == "AUTH":
            return self._auth(command[-1]) or b"+OK\r\n"
        if not self.authenticated:
            return _line(_NOAUTH)
        sub = command[1].upper() if len(command) > 1 else b""
        match name, sub:
            case "PING", _:
                return encode(command[1]) if sub else b"+PONG\r\n"
            case "SELECT" | "READONLY" | "READWRITE" | "WATCH" | "UNWATCH", _:
                return b"+OK\r\n"
            case "CLIENT", b"ID":
                return encode(self.server.connections_total)
            case "CLIENT", b"SETINFO" | b"SETNAME" | b"NO-EVICT" | b"NO-TOUCH" | b"REPLY":
                return b"+OK\r\n"
            case "CLIENT", _:
                given = command[1].decode("utf-8", "replace") if sub else ""
                return _line(f"-ERR unknown subcommand '{given}'. Try CLIENT HELP.")
        if self.server.default is not None:
            return self._bytes(self.server.default, command)
        beginning = "".join(f"'{arg.decode('utf-8', 'replace')}' " for arg in command[1:3])
        given = command[0].decode("utf-8", "replace")
        return _line(f"-ERR unknown command '{given}', with args beginning with: {beginning}")

    def _hello(self, command: Command) -> bytes:
        words = [word.upper() for word in command]
        if b"AUTH" in words and (error := self._auth(command[words.index(b"AUTH") + 2])):
            return error
        if not self.authenticated:
            return _line(_NOAUTH_HELLO)
        if len(words) > 1:
            if words[1] not in (b"2", b"3"):
                return _line("-NOPROTO unsupported protocol version")
            self.protocol = int(words[1])
        about = {"server": "redis", "version": "7.4.0", "proto": self.protocol}
        about |= {"id": self.server.connections_total, "mode": "standalone", "role": "master"}
        return encode({**about, "modules": []}, self.protocol)

    def _auth(self, password: bytes) -> bytes | None:
        """None, or the error."""
        if self.server.password is None:
            return _line(_UNSET)
        self.authenticated = password == self.server.password.encode()
        return None if self.authenticated else _line(_WRONGPASS)


def _line(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return data if data.endswith(b"\r\n") else data + b"\r\n"


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection without waiting for a peer that does not read."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 1.0)
    except (OSError, asyncio.TimeoutError):
        writer.transport.abort()
