"""One established connection, spoken to in the caller's thread, every exchange with a deadline."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.connection import AbstractConnection

from ._requests import Command
from ._wire import PENDING, Parser, pack

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


class Line:
    """A connection and what has arrived on it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection  # closes the socket, after a fork our copy of it only
        self._socket = connection.socket
        self._parser = Parser()
        self._arrived = _poll(self._socket)

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
        sock, parser = self._socket, self._parser
        try:
            sock.settimeout(_remaining(until))
            sock.sendall(pack(commands))
            replies: list[Any] = []
            for _ in commands:
                while (reply := parser.reply()) is PENDING:
                    sock.settimeout(_remaining(until))
                    data = sock.recv(_CHUNK)
                    if not data:
                        raise ConnectionError("closed by the server")
                    parser.feed(data)
                replies.append(reply)
            return replies
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.disconnect()


def _remaining(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("deadline")
    return left


def _poll(sock: Any) -> Callable[[], Any]:
    """Return a function that tells whether there is something to read now."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda: poll.poll(0)
