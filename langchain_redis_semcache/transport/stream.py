"""One established connection on an event loop: batches of commands out, replies back in order."""

from __future__ import annotations

import asyncio
from typing import Any

from .wire import PENDING, Parser


class Stream(asyncio.Protocol):
    """A connection that redis-py has opened, and what has arrived on it.

    It takes the place of redis-py's own protocol on the transport: from then on redis-py only
    closes the connection.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._transport: asyncio.Transport = connection._writer.transport
        self._parser = Parser()
        self._expecting = 0
        self._more: asyncio.Future[None] | None = None
        self._ended: Exception | None = None
        self._transport.set_protocol(self)

    @classmethod
    async def opened(cls, connection: Any) -> Stream:
        """Establish a connection."""
        try:
            await connection.connect()
            return cls(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise

    @property
    def is_silent(self) -> bool:
        """Whether the next thing to arrive will be the reply to the next command."""
        return (
            self._ended is None
            and not self._expecting
            and not self._transport.is_closing()
            and not self._parser.has_more()
        )

    def send(self, packed: bytes, count: int) -> None:
        """Send so many commands."""
        self._expecting += count
        self._transport.write(packed)

    def reply(self) -> Any:
        """Return the next reply, or PENDING: then there is `more` to wait for."""
        reply = self._parser.reply()
        if reply is not PENDING:
            self._expecting -= 1
        return reply

    async def more(self) -> None:
        """Wait until something has arrived."""
        if self._ended is not None:
            raise self._ended
        self._more = asyncio.get_running_loop().create_future()
        try:
            await self._more
        finally:
            self._more = None

    async def close(self) -> None:
        self._transport.abort()
        await self._connection.disconnect(nowait=True)

    # -- what the transport calls ------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        if not self._expecting:  # nobody asked: what comes next would answer the wrong question
            self._transport.abort()
            self.connection_lost(None)
        self._wake()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = exc or ConnectionError("closed by the server")
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
