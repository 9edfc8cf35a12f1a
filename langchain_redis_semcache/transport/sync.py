"""Round trips over sync connections that we open ourselves, each with one total deadline.

A connection is used in the caller's thread only once it is established: looking up a host name or
a handshake can take longer than any socket timeout, so that happens in a worker thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from redis.exceptions import ResponseError

from .._effects import Command
from ..bounded.threads import Workers
from .conversation import ask, disconnecting
from .hiredis_socket import on_own_socket
from .idle import Idle
from .replies import (
    ForeignReply,
    Ours,
    check,
    demoted,
    error_reply,
    pack,
    unpack_transaction,
    unsendable,
    wire,
)

MAX_IDLE = 64
"""Connections kept after a storm of threads; the server has other clients as well."""


Received = Callable[[list[Any]], Sequence[Any]]


class SyncLink(Protocol):
    """Carries commands to Redis and replies back, in time."""

    def exchange(
        self, commands: Sequence[Command], atomic: bool, timeout: float, ours: Ours = None
    ) -> Sequence[Any]: ...

    def close(self) -> None: ...

    def forget(self) -> None: ...


class SocketLink:
    """Connections of our own, the last used first."""

    def __init__(self, connect: Callable[[], Any], workers: Workers) -> None:
        self._connect = connect
        self._workers = workers
        self._idle: Idle[Spoken] = Idle()
        self._closed = False

    def exchange(
        self, commands: Sequence[Command], atomic: bool, timeout: float, ours: Ours = None
    ) -> Sequence[Any]:
        until = time.monotonic() + timeout
        sent = wire(commands, atomic)
        try:
            packed = pack(sent)
        except UnicodeError as error:
            return unsendable(commands, error)

        def received(replies: list[Any]) -> Sequence[Any]:
            return check(unpack_transaction(replies) if atomic else replies, ours)

        connection = self._established()
        if connection is not None:
            return self._talk(connection, packed, len(sent), until, received)
        return self._workers.run(
            lambda: self._open_and_talk(packed, len(sent), until, received), timeout
        )

    def close(self) -> None:
        self._closed = True
        while (connection := self._idle.take()) is not None:
            connection.disconnect()

    def forget(self) -> None:
        """After a fork both processes would read from one socket; redis-py closes our copy."""
        self._idle = Idle()

    def _established(self) -> Spoken | None:
        for old in self._idle.expired():
            old.disconnect()
        while (connection := self._idle.take()) is not None:
            if connection.is_silent():
                return connection
            connection.disconnect()
        return None

    def _open_and_talk(
        self, packed: bytes, count: int, until: float, received: Received
    ) -> Sequence[Any]:
        connection = opened(self._connect(), until)
        return self._talk(connection, packed, count, until, received)

    def _talk(
        self, connection: Spoken, packed: bytes, count: int, until: float, received: Received
    ) -> Sequence[Any]:
        began = time.monotonic()
        try:
            replies = received(connection.exchange(packed, count, until))
        except Exception:
            connection.disconnect()
            for other in self._idle.before(began):
                other.disconnect()
            raise
        if self._closed or demoted(replies) or len(self._idle) >= MAX_IDLE:
            connection.disconnect()
        else:
            self._idle.put(connection)
        return replies


class Spoken(Protocol):
    """An established connection."""

    def is_silent(self) -> bool:
        """Tell whether the next thing to arrive will be the reply to the next command.

        Otherwise the server has closed the connection, or what is left of an earlier reply would
        be taken for the next one.
        """

    def exchange(self, packed: bytes, count: int, until: float) -> list[Any]:
        """Send commands and return their replies; closes the connection where that fails."""

    def disconnect(self) -> None: ...


def opened(connection: Any, until: float) -> Spoken:
    """Establish a connection until then."""
    connection.deadline.at = until
    try:
        connection.connect()
        public = PublicSocket(connection)
        if not public.is_silent():  # greeted with more than it asked for
            raise ConnectionError("not silent")
    except BaseException:
        connection.disconnect()
        raise
    return on_own_socket(connection) or public


class PublicSocket:
    """A connection of redis-py by its public methods."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def is_silent(self) -> bool:
        try:
            return not self._connection.can_read(0)
        except Exception:
            return False

    def exchange(self, packed: bytes, count: int, until: float) -> list[Any]:
        self._connection.deadline.at = until
        try:
            self._connection.send_packed_command([packed], check_health=False)
            return [self._reply() for _ in range(count)]
        except BaseException:
            self._connection.disconnect()
            raise

    def disconnect(self) -> None:
        self._connection.disconnect()

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error_reply(error)


class ClientLink:
    """A client that the application passed in, called in a worker thread.

    Its own timeouts and retries may be long; the caller waits for ours only.
    """

    def __init__(self, client: Any, workers: Workers) -> None:
        self._client = client
        self._workers = workers

    def exchange(
        self, commands: Sequence[Command], atomic: bool, timeout: float, ours: Ours = None
    ) -> Sequence[Any]:
        try:
            pack(commands)
        except UnicodeError as error:
            return unsendable(commands, error)
        return self._workers.run(lambda: self._checked(commands, atomic, ours), timeout)

    def close(self) -> None:
        """The client is the application's."""

    def forget(self) -> None:
        """redis-py's own pools notice a fork."""

    def _checked(self, commands: Sequence[Command], atomic: bool, ours: Ours) -> Sequence[Any]:
        try:
            return check(self.talk(commands, atomic), ours)
        except ForeignReply:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Close the client's connections that nobody uses at this moment."""
        disconnect = disconnecting(self._client)
        if disconnect is not None:
            disconnect(inuse_connections=False)

    def talk(self, commands: Sequence[Command], atomic: bool) -> Sequence[Any]:
        conversation = ask(self._client, commands, atomic)
        try:
            call = next(conversation)
            while True:
                try:
                    reply = call()
                except Exception as error:
                    call = conversation.throw(error)
                else:
                    call = conversation.send(reply)
        except StopIteration as stop:
            replies: Sequence[Any] = stop.value
            return replies
