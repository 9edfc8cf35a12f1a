"""A sync connection whose plain socket, which is ours, is read by hiredis.

Rule of this module: redis-py opens and closes the connection, and greets the server on it; what is
said from then on goes over the socket that deadline.py has put in place. Nothing of redis-py that
is private is touched. TLS, Windows and Sentinel's connections go by its public methods: sync.py.
"""

from __future__ import annotations

from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import SentinelManagedConnection

from .deadline import PolledSocket
from .hiredis_reader import Reader, is_usable

_CHUNK = 1 << 14


def on_own_socket(connection: Any) -> HiredisSocket | None:
    """Talk over an established connection's socket; None where its own methods do that better."""
    # Sentinel's look at what they read: whether the master is one still.
    if not is_usable() or isinstance(connection, SentinelManagedConnection):
        return None
    socket = connection.obedient
    return HiredisSocket(connection, socket) if isinstance(socket, PolledSocket) else None


class HiredisSocket:
    """One established connection."""

    def __init__(self, connection: Any, socket: PolledSocket) -> None:
        self._connection = connection
        self._socket = socket
        self._reader = Reader()
        self._buffer = bytearray(_CHUNK)

    def is_silent(self) -> bool:
        """Tell whether the next thing to arrive will be the reply to the next command."""
        return not self._reader.has_data() and self._socket.is_silent()

    def exchange(self, packed: bytes, count: int, until: float) -> list[Any]:
        """Send commands and return their replies; closes the connection where that fails."""
        self._connection.deadline.at = until
        replies: list[Any] = []
        try:
            self._socket.sendall(packed)
            while True:
                size = self._socket.recv_into(self._buffer)
                if not size:
                    raise RedisConnectionError("closed by the server")
                self._reader.feed(self._buffer, 0, size)
                if self._reader.take(replies, count):
                    break
        except TimeoutError as error:
            self.disconnect()
            raise RedisTimeoutError("deadline") from error
        except OSError as error:
            self.disconnect()
            raise RedisConnectionError("lost") from error
        except BaseException:
            self.disconnect()
            raise
        return replies

    def disconnect(self) -> None:
        self._connection.disconnect()
