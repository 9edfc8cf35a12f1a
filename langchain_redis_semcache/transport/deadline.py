"""Sync connections whose every read and write ends at one moment, from the handshake on.

A timeout per read is none at all where the reply drips in byte by byte, so the socket that
redis-py reads from and writes to obeys a deadline instead. It is set before each exchange.
"""

from __future__ import annotations

import select
import ssl
import time
from typing import Any

from redis.connection import AbstractConnection


class Deadline:
    """A moment that the socket of a connection obeys."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = time.monotonic()

    def remaining(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left


def with_deadline(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Derive a connection class with a `deadline`, and with the `obedient` socket once connected.

    `_connect` is what redis-py's own kinds of connections override; nothing else of it that is
    private is touched.
    """

    class Bounded(kind):  # type: ignore[misc, valid-type]  # a class made at run time
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.deadline = Deadline()
            super().__init__(*args, **kwargs)

        def _connect(self) -> Any:
            self.socket_connect_timeout = self.deadline.remaining()
            self.obedient = obedient(super()._connect(), self.deadline)
            return self.obedient

    return Bounded


def obedient(sock: Any, deadline: Deadline) -> Any:
    """Make a socket obey a deadline."""
    polled = hasattr(select, "poll") and not isinstance(sock, ssl.SSLSocket)
    return (PolledSocket if polled else _Timed)(sock, deadline)


class _Obedient:
    def __init__(self, sock: Any, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._waits = True
        self.fileno = sock.fileno

    def settimeout(self, value: float | None) -> None:
        """Do not wait where that is asked for (0); for how long else, the deadline says."""
        self._waits = value != 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class PolledSocket(_Obedient):
    """A plain socket, waited for by polling.

    With a timeout of its own Python polls before every read and write, and each of these calls lets
    another thread have the interpreter: without, 16 threads get a third more done. The kernel's
    timeouts would cost even less, but every signal begins them anew.
    """

    def __init__(self, sock: Any, deadline: Deadline) -> None:
        super().__init__(sock, deadline)
        sock.setblocking(False)
        readable, writable = select.poll(), select.poll()
        readable.register(sock, select.POLLIN)
        writable.register(sock, select.POLLOUT)
        # Bound once: what 16 threads do under the interpreter's lock is what they wait for.
        self._until_readable, self._until_writable = readable.poll, writable.poll
        self._recv_into, self._send = sock.recv_into, sock.send

    def is_silent(self) -> bool:
        """Tell whether nothing has arrived, nor the end."""
        return not self._until_readable(0)

    def pending(self) -> int:
        """Nothing is held back; redis-py asks each time whether this is a TLS socket."""
        return 0

    def recv(self, *args: Any) -> bytes:
        data: bytes = self._received(self._sock.recv, *args)
        return data

    def recv_into(self, *args: Any) -> int:
        count: int = self._received(self._recv_into, *args)
        return count

    def _received(self, receive: Any, *args: Any) -> Any:
        while True:
            if self._waits:
                self._until_readable(self._deadline.remaining() * 1000)
            try:
                return receive(*args)
            except BlockingIOError:
                if not self._waits:
                    raise

    def sendall(self, data: Any) -> None:
        rest = data
        while True:
            try:
                sent = self._send(rest)
            except BlockingIOError:
                sent = 0
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]
            self._until_writable(self._deadline.remaining() * 1000)


class _Timed(_Obedient):
    """A TLS socket, which may hold what a poll does not see; any socket on Windows."""

    def recv(self, *args: Any) -> bytes:
        self._sock.settimeout(self._patience())
        data: bytes = self._sock.recv(*args)
        return data

    def recv_into(self, *args: Any) -> int:
        self._sock.settimeout(self._patience())
        count: int = self._sock.recv_into(*args)
        return count

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def _patience(self) -> float:
        return self._deadline.remaining() if self._waits else 0.0
