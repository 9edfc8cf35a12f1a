"""A Redis server with search for this process alone, started from files of a wheel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .failures import EmbeddedRedisError, NoSearchError, PortTakenError
from .files import (
    Candidate,
    installed_candidates,
    no_search_anywhere,
)
from .folders import lock_folder
from .server import ServerProcess, checked_options, free_port

if TYPE_CHECKING:
    from typing_extensions import Self

_PORTS_TRIED = 5


class EmbeddedRedis:
    """A Redis server with search for this process alone; it ends when the process does, however.

    Args:
        data_dir: Keeps the data from one start to the next, except for what was written in the
            minute before a crash of the server itself. Without it nothing is kept.
        port: A port of 127.0.0.1, by default a free one. Every user of the machine can reach it.
        unix_socket: Listen on a socket that only this user can reach, and on no port.
        config: Further options as in redis.conf, such as ``{"maxmemory": "200mb"}``.
        start_timeout: Until then the server has to be ready, with `data_dir` read.
    """

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        port: int | None = None,
        unix_socket: bool = False,
        config: Mapping[str, str] | None = None,
        start_timeout: float | timedelta = 60.0,
    ) -> None:
        if port is not None and unix_socket:
            raise ValueError("port and unix_socket exclude each other: a server listens on one")
        if port is not None and not 0 < port < 65536:
            raise ValueError(
                f"port must be between 1 and 65535, or None for a free one, not {port}"
            )
        if isinstance(start_timeout, timedelta):
            start_timeout = start_timeout.total_seconds()
        if not start_timeout > 0:
            raise ValueError(f"start_timeout must be positive, not {start_timeout}")
        self._data_dir = Path(data_dir).absolute() if data_dir is not None else None
        self._port = port
        self._unix_socket = unix_socket
        self._options = checked_options(config or {})
        self._start_timeout = start_timeout
        self._server: ServerProcess | None = None

    @property
    def url(self) -> str:
        """Where clients connect to, password included."""
        return self._running_server().url

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._running_server().pid

    @property
    def log(self) -> str:
        """The last 4 kB of what the server logged since its start, also after its end."""
        return self._server.log if self._server is not None else ""

    def start(self) -> Self:
        """Start the server and return when it can be used."""
        if self._server is not None and not self._server.stopped:
            raise EmbeddedRedisError("this embedded server was started before; stop it first")
        if os.name != "posix":
            raise EmbeddedRedisError(no_search_anywhere([("this platform", "not supported")]))
        lock = lock_folder(self._data_dir) if self._data_dir is not None else None
        try:
            self._server = self._start_any(lock)
        finally:
            if lock is not None:
                os.close(lock)  # the server holds its own copy
        return self

    def stop(self) -> None:
        """End the server, which saves its data first; does nothing twice or in a forked child."""
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be called back: let it finish, then stop what it started.
            await asyncio.gather(starting, return_exceptions=True)
            await self.__aexit__(None, None, None)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _running_server(self) -> ServerProcess:
        if self._server is None or self._server.stopped:
            raise EmbeddedRedisError("this embedded server is not running: start it first")
        return self._server

    def _start_any(self, lock: int | None) -> ServerProcess:
        attempts = []
        for candidate in installed_candidates():
            try:
                return self._start_one(candidate, lock)
            except NoSearchError as reason:
                attempts.append((candidate.label, str(reason)))
        raise EmbeddedRedisError(no_search_anywhere(attempts))

    def _start_one(self, candidate: Candidate, lock: int | None) -> ServerProcess:
        if candidate.absent:
            raise NoSearchError(candidate.absent)
        for _ in range(_PORTS_TRIED):
            port = None if self._unix_socket else self._port or free_port()
            server = ServerProcess(
                candidate, port=port, data_dir=self._data_dir, lock=lock, options=self._options
            )
            try:
                server.wait_until_ready(self._start_timeout)
            except PortTakenError:
                server.stop(save=False)
                if self._port is not None:
                    raise EmbeddedRedisError(f"port {port} of 127.0.0.1 is taken") from None
            except BaseException:
                # No patience with it: it has nothing that is not in the data folder already.
                server.stop(save=False)
                raise
            else:
                return server
        raise EmbeddedRedisError(f"{_PORTS_TRIED} free ports were taken before the server had one")
