"""An established connection on an event loop, read by hiredis without redis-py in between.

Rule of this module: redis-py opens the connection and closes it, with all that TLS, credentials and
URLs need; the transport in between is ours. That is the one thing that redis-py does not hand out:
`transport_of` is the only place that knows where it is kept, the contract is tried against each
version of redis-py in integration_tests/test_streams.py, and where anything of it does not
hold `taken_over` says so and streams.py reads by redis-py's public methods.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from .hiredis_reader import Reader, is_usable

# Others do more than their transports do: Sentinel's look at what they read.
_KINDS = (Connection, SSLConnection, UnixDomainSocketConnection)
_USED = ("abort", "get_protocol", "is_closing", "set_protocol", "write")


def taken_over(connection: Any) -> HiredisStream | None:
    """Take over an established connection; None where it is better read by its own methods."""
    if not is_usable() or type(connection) not in _KINDS:
        return None
    transport = transport_of(connection)
    return None if transport is None else HiredisStream(connection, transport)


def transport_of(connection: Any) -> asyncio.Transport | None:
    """Return the transport of an established connection, if it is where it has always been."""
    transport = getattr(getattr(connection, "_writer", None), "transport", None)
    # uvloop's are no `asyncio.Transport`.
    return transport if all(callable(getattr(transport, name, None)) for name in _USED) else None


class HiredisStream(asyncio.Protocol):
    """The protocol of a connection's transport from now on."""

    def __init__(self, connection: Any, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._transport = transport
        self._reader = Reader()
        self._expected = 0
        self._arrival: asyncio.Future[None] | None = None
        self._ended: Exception | None = None
        self._before = transport.get_protocol()
        transport.set_protocol(self)

    async def is_silent(self) -> bool:
        """Tell whether the next thing to arrive will be the reply to the next command."""
        return (
            self._ended is None
            and not self._expected
            and not self._transport.is_closing()
            and not self._reader.has_data()
        )

    async def send(self, packed: bytes, count: int) -> None:
        """Send so many commands; raises where that fails at once."""
        self._expected += count
        self._transport.write(packed)
        if self._ended is not None or self._transport.is_closing():
            raise RedisConnectionError("closed while it rested")

    async def replies(self, count: int) -> list[Any]:
        """Return the next replies, `ErrorReply` included."""
        replies: list[Any] = []
        while not self._reader.take(replies, count):
            await self._more()
        self._expected -= count
        return replies

    async def end(self) -> None:
        """Close at once."""
        self._give_back()
        self._transport.abort()
        await self._connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close in peace: with TLS both sides say goodbye."""
        self._give_back()
        await self._connection.disconnect()

    def _give_back(self) -> None:
        """Let redis-py hear of the end that it is about to bring about."""
        if self._ended is None:
            self._transport.set_protocol(self._before)

    async def _more(self) -> None:
        if self._ended is not None:
            raise self._ended
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    # -- what the transport calls ------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if not self._expected:  # nobody asked: what comes next would answer the wrong question
            self._end(RedisConnectionError("a reply that nobody asked for"))
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        self._end(RedisConnectionError("closed by the server"))

    def connection_lost(self, exc: Exception | None) -> None:
        error = RedisConnectionError("lost")
        error.__cause__ = exc
        self._end(error)
        self._before.connection_lost(exc)

    def _end(self, error: Exception) -> None:
        self._ended = self._ended or error
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
