"""One established connection, spoken to in the caller's thread, every exchange with a deadline."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.connection import AbstractConnection

from ._requests import Command
from ._wire import PENDING, Parser, pack

_CHUNK = 1 << 16
_SLACK = 0.002
"""Seconds that a timeout may exceed what is left: then it need not be set anew each time."""


class Deadline:
    """A moment that the sockets of a connection obey while it is being established."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = time.monotonic()

    def remaining(self) -> float:
        return _remaining(self.at)


class _DeadlineSocket:
    """A socket whose every read and write ends at a deadline.

    A timeout per read is none at all where the reply drips in byte by byte.
    """

    def __init__(self, sock: Any, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def recv(self, *args: Any) -> bytes:
        self._sock.settimeout(self._deadline.remaining())
        data: bytes = self._sock.recv(*args)
        return data

    def recv_into(self, *args: Any) -> int:
        self._sock.settimeout(self._deadline.remaining())
        count: int = self._sock.recv_into(*args)
        return count

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def settimeout(self, value: float | None) -> None:
        """Left to the deadline."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def with_deadline(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Derive a connection class that is established within its `deadline`."""

    class Bounded(kind):  # type: ignore[misc, valid-type]  # a class made at run time
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.deadline = Deadline()
            self.socket: Any = None
            super().__init__(*args, **kwargs)

        def _connect(self) -> Any:
            self.socket_connect_timeout = self.deadline.remaining()
            self.socket = super()._connect()
            return _DeadlineSocket(self.socket, self.deadline)

    return Bounded


class Line:
    """A connection and what has arrived on it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection  # closes the socket, after a fork our copy of it only
        self._socket = connection.socket
        self._parser = Parser()
        self._arrived = _poll(self._socket)
        self._set_timeout = _timeout_of(self._socket)
        self._timeout = 0.0

    @classmethod
    def opened(cls, connection: Any, until: float) -> Line:
        """Establish a connection."""
        connection.deadline.at = until
        try:
            connection.connect()
            return cls(connection)
        except BaseException:
            connection.disconnect()
            raise

    def is_silent(self) -> bool:
        """Tell whether the next thing to arrive will be the reply to the next command.

        Otherwise the server has closed the connection, or what is left of an earlier reply would
        be taken for the next one.
        """
        return not self._parser.has_more() and not self._arrived()

    def ask(self, commands: Sequence[Command], until: float) -> list[Any]:
        """Send commands and return what was answered; closes the connection where that fails."""
        try:
            self._write(pack(commands), until)
            return [self._read(until) for _ in commands]
        except BlockingIOError:  # the kernel's word for late
            self.close()
            raise TimeoutError("deadline") from None
        except BaseException:
            self.close()
            raise

    def _write(self, data: bytes, until: float) -> None:
        self._limit(until)
        sent = self._socket.send(data)
        while sent < len(data):
            self._limit(until)
            sent += self._socket.send(data[sent:])

    def _limit(self, until: float) -> None:
        left = _remaining(until)
        if not 0 <= self._timeout - left <= _SLACK:
            self._set_timeout(left)
            self._timeout = left

    def _read(self, until: float) -> Any:
        while (reply := self._parser.reply()) is PENDING:
            self._limit(until)
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionError("closed by the server")
            self._parser.feed(data)
        return reply

    def close(self) -> None:
        self._connection.disconnect()


def _remaining(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("deadline")
    return left


def _timeout_of(sock: Any) -> Callable[[float], None]:
    """Return a function that sets how long the next reads and writes may take, in seconds.

    With a timeout of its own, Python polls before every read and write, and each of these calls
    lets another thread have the interpreter: 16 threads get a third more done with the kernel's.
    """
    if isinstance(sock, ssl.SSLSocket) or sys.platform == "win32":
        return sock.settimeout  # type: ignore[no-any-return]  # the socket's class may vary
    options = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)

    def set_timeout(seconds: float) -> None:
        # Nothing would mean for ever.
        micros = max(1000, int(seconds * 1_000_000))
        value = struct.pack("@ll", micros // 1_000_000, micros % 1_000_000)
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, value)

    try:
        set_timeout(1.0)
    except OSError:  # another layout of time
        return sock.settimeout  # type: ignore[no-any-return]  # the socket's class may vary
    sock.settimeout(None)
    return set_timeout


def _poll(sock: Any) -> Callable[[], Any]:
    """Return a function that tells whether there is something to read now."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda: poll.poll(0)
