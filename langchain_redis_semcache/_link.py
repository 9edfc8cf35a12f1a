"""Round trips over sync connections that we open ourselves, each with one total deadline.

A connection is used in the caller's thread only once it is established: looking up a host name or
a handshake can take longer than any socket timeout, so that happens in a worker thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from redis.connection import AbstractConnection
from redis.exceptions import ResponseError

from ._cluster import KEYLESS, plan
from ._replies import demoted, error_reply, unpack_transaction, wire
from ._requests import Command
from ._workers import Workers

MAX_IDLE = 64
"""Connections kept after a storm of threads; the server has other clients as well."""


class SyncLink(Protocol):
    """Carries commands to Redis and replies back, in time."""

    def exchange(
        self, commands: Sequence[Command], atomic: bool, timeout: float
    ) -> Sequence[Any]: ...

    def close(self) -> None: ...

    def forget(self) -> None: ...


class Deadline:
    """A moment that the sockets of a connection obey."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = time.monotonic()

    def remaining(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left


class _DeadlineSocket:
    """A socket whose every read and write ends at a deadline.

    A timeout per read is none at all where the reply drips in byte by byte.
    """

    def __init__(self, sock: Any, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._polling = False

    def recv(self, *args: Any) -> bytes:
        self._obey()
        data: bytes = self._sock.recv(*args)
        return data

    def recv_into(self, *args: Any) -> int:
        self._obey()
        count: int = self._sock.recv_into(*args)
        return count

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def settimeout(self, value: float | None) -> None:
        """Left to the deadline, unless the question is whether there is anything to read now."""
        self._polling = value == 0

    def _obey(self) -> None:
        self._sock.settimeout(0 if self._polling else self._deadline.remaining())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def with_deadline(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Derive a connection class whose sockets obey the connection's `deadline`."""

    class Bounded(kind):  # type: ignore[misc, valid-type]  # a class made at run time
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.deadline = Deadline()
            super().__init__(*args, **kwargs)

        def _connect(self) -> Any:
            self.socket_connect_timeout = self.deadline.remaining()
            return _DeadlineSocket(super()._connect(), self.deadline)

    return Bounded


class SocketLink:
    """Connections of our own, the last used first."""

    def __init__(self, connect: Callable[[], Any], workers: Workers) -> None:
        self._connect = connect
        self._workers = workers
        self._idle: deque[Any] = deque()
        self._closed = threading.Event()

    def exchange(self, commands: Sequence[Command], atomic: bool, timeout: float) -> Sequence[Any]:
        until = time.monotonic() + timeout
        connection = self._established()
        if connection is not None:
            return self._talk(connection, commands, atomic, until)
        return self._workers.run(lambda: self._talk(None, commands, atomic, until), timeout)

    def close(self) -> None:
        self._closed.set()
        while self._idle:
            self._idle.pop().disconnect()

    def forget(self) -> None:
        """After a fork both processes would read from one socket; redis-py closes our copy."""
        self._idle = deque()

    def _established(self) -> Any | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            try:
                # Something to read without a question asked: the server has closed it, or what
                # is left of an earlier reply would be taken for the next one.
                if not connection.can_read():
                    return connection
            except Exception:
                connection.disconnect()
                continue
            connection.disconnect()
        return None

    def _talk(
        self, connection: Any | None, commands: Sequence[Command], atomic: bool, until: float
    ) -> Sequence[Any]:
        established = connection is not None
        if connection is None:
            connection = self._connect()
        connection.deadline.at = until
        try:
            if not established:
                connection.connect()
            packed = (
                connection.pack_command(*commands[0])
                if len(commands) == 1 and not atomic
                else connection.pack_commands(wire(commands, atomic))
            )
            connection.send_packed_command(packed, check_health=False)
            replies = [_read(connection) for _ in range(len(commands) + 2 * atomic)]
        except BaseException:
            connection.disconnect()
            raise
        if self._closed.is_set() or demoted(replies) or len(self._idle) >= MAX_IDLE:
            connection.disconnect()
        else:
            self._idle.append(connection)
        return unpack_transaction(replies) if atomic else replies


def _read(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error_reply(error)


def undecoded(atomic: bool) -> dict[str, bool]:
    """Return the option that keeps a passed client from decoding vectors.

    Not in a transaction: redis-py passes it on to its callbacks, that of PEXPIRE raises TypeError,
    and there are only numbers to decode.
    """
    return {} if atomic else {"NEVER_DECODE": True}


class ClientLink:
    """A client that the application passed in, called in a worker thread.

    Its own timeouts and retries may be long; the caller waits for ours only.
    """

    def __init__(self, client: Any, workers: Workers) -> None:
        self._client = client
        self._workers = workers

    def exchange(self, commands: Sequence[Command], atomic: bool, timeout: float) -> Sequence[Any]:
        return self._workers.run(lambda: self.talk(commands, atomic), timeout)

    def close(self) -> None:
        """The client is the application's."""

    def forget(self) -> None:
        """redis-py's own pools notice a fork."""

    def talk(self, commands: Sequence[Command], atomic: bool) -> Sequence[Any]:
        if len(commands) == 1 and not atomic:
            try:
                return [self._client.execute_command(*commands[0], NEVER_DECODE=True)]
            except ResponseError as error:
                return [error_reply(error)]
        with self._client.pipeline(transaction=atomic) as pipeline:
            for command in commands:
                pipeline.execute_command(*command, **undecoded(atomic))
            try:
                replies = pipeline.execute(raise_on_error=False)
            except ResponseError as error:
                return [error_reply(error)] * len(commands)
        return [error_reply(r) if isinstance(r, Exception) else r for r in replies]


class ClusterLink(ClientLink):
    """A passed `RedisCluster`."""

    def talk(self, commands: Sequence[Command], atomic: bool) -> Sequence[Any]:
        keyed = [command for command in commands if command[0] not in KEYLESS]
        replies = iter(super().talk(keyed, atomic) if keyed else ())
        return [self._everywhere(c) if c[0] in KEYLESS else next(replies) for c in commands]

    def _everywhere(self, command: Command) -> Any:
        client = self._client
        nodes = {node.name: node for node in client.get_primaries()}
        owner = client.get_node_from_key(command[1]).name if len(command) > 1 else ""
        steps = plan(command, list(nodes), owner)
        try:
            node, asked = next(steps)
            while True:
                reply: Any
                try:
                    # Not through the cluster client, which would follow a MOVED.
                    one = client.get_redis_connection(nodes[node])
                    reply = one.execute_command(*asked, NEVER_DECODE=True)
                except ResponseError as error:
                    reply = error_reply(error)
                node, asked = steps.send(reply)
        except StopIteration as stop:
            return stop.value
