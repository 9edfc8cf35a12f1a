"""Established connections on an event loop: packed commands out, replies back in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from redis.exceptions import ResponseError

from .hiredis_stream import taken_over
from .replies import error_reply


class Stream(Protocol):
    """A connection that can be talked over."""

    async def is_silent(self) -> bool:
        """Tell whether the next thing to arrive will be the reply to the next command."""

    async def send(self, packed: bytes, count: int) -> None:
        """Send so many commands; raises redis-py's ConnectionError where that fails at once."""

    async def replies(self, count: int) -> list[Any]:
        """Return the next replies, `ErrorReply` included."""

    async def end(self) -> None:
        """Close at once."""

    async def close(self) -> None:
        """Close in peace."""


async def opened(connect: Callable[[], Any]) -> Stream:
    """Establish a connection."""
    connection = connect()
    try:
        await connection.connect()
        if not await is_silent(connection):  # what was greeted with more than it asked for
            raise ConnectionError("not silent")
        return taken_over(connection) or PublicStream(connection)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise


class PublicStream:
    """A connection of redis-py by its public methods."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def is_silent(self) -> bool:
        return await is_silent(self._connection)

    async def send(self, packed: bytes, count: int) -> None:
        await self._connection.send_packed_command(packed, check_health=False)

    async def replies(self, count: int) -> list[Any]:
        return [await self._reply() for _ in range(count)]

    async def end(self) -> None:
        await self._connection.disconnect(nowait=True)

    async def close(self) -> None:
        await self._connection.disconnect()

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error_reply(error)


async def is_silent(connection: Any) -> bool:
    try:
        # redis-py 8 renamed it.
        can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
        return connection.is_connected and not await can_read()
    except Exception:
        return False
