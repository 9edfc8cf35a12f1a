"""One established connection, spoken to in the caller's thread, every exchange with a deadline."""

from __future__ import annotations

import select
import ssl
import time
from typing import Any

from redis.connection import AbstractConnection

from .wire import PENDING, Parser

_CHUNK = 1 << 16


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


class _Polled:
    """A plain socket, waited for by polling.

    With a timeout of its own Python polls before every read and write, and each of these calls lets
    another thread have the interpreter: without, 16 threads get a third more done. The kernel's
    timeouts would cost even less, but every signal begins them anew.
    """

    def __init__(self, sock: Any) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable.register(sock, select.POLLOUT)

    def has_arrived(self) -> bool:
        return bool(self._readable.poll(0))

    def send(self, data: bytes, until: float) -> None:
        rest: bytes | memoryview = data
        while True:
            try:
                sent = self._sock.send(rest)
            except BlockingIOError:
                sent = 0
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]
            self._writable.poll(_remaining(until) * 1000)

    def receive(self, until: float) -> bytes:
        while True:
            self._readable.poll(_remaining(until) * 1000)
            try:
                data: bytes = self._sock.recv(_CHUNK)
            except BlockingIOError:
                continue
            return data


class _Timed:
    """A TLS socket, which may hold what a poll does not see; any socket on Windows."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._poll: Any = None
        if hasattr(select, "poll"):  # `select` knows no descriptor beyond 1023
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)

    def has_arrived(self) -> bool:
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return True
        if self._poll is None:
            return bool(select.select([self._sock], [], [], 0)[0])
        return bool(self._poll.poll(0))

    def send(self, data: bytes, until: float) -> None:
        self._sock.settimeout(_remaining(until))
        self._sock.sendall(data)

    def receive(self, until: float) -> bytes:
        self._sock.settimeout(_remaining(until))
        data: bytes = self._sock.recv(_CHUNK)
        return data


class Line:
    """A connection and what has arrived on it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection  # closes the socket, after a fork our copy of it only
        sock = connection.socket
        polled = hasattr(select, "poll") and not isinstance(sock, ssl.SSLSocket)
        self._socket = _Polled(sock) if polled else _Timed(sock)
        self._parser = Parser()

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
        return not self._parser.has_more() and not self._socket.has_arrived()

    def ask(self, packed: bytes, count: int, until: float) -> list[Any]:
        """Send commands and return their replies; closes the connection where that fails."""
        try:
            self._socket.send(packed, until)
            return [self._reply(until) for _ in range(count)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.disconnect()

    def _reply(self, until: float) -> Any:
        while (reply := self._parser.reply()) is PENDING:
            data = self._socket.receive(until)
            if not data:
                raise ConnectionError("closed by the server")
            self._parser.feed(data)
        return reply


def _remaining(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("deadline")
    return left
