"""Clients that the application passes in: which are taken, and on which event loop they work."""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import redis
import redis.asyncio

from .._effects import Command
from ..bounded.breaker import SuspendedError
from ..errors import ConfigurationError
from .client_channels import ClientChannel
from .conversation import is_cluster
from .jobs import Budget
from .layout import ClientLayout
from .on_loop import AsyncLink, GatheringLink
from .options import without_notifications
from .pace import Pace
from .replies import Ours
from .shards import ShardedLink, Shards

_LOGGER = logging.getLogger("langchain_redis_semcache")


class ClientOfAnotherLoop(SuspendedError):  # noqa: N818 -- its name is what a `Failed` event says
    """A passed async client belongs to the event loop that used it first.

    That is the loop's trouble, and none of Redis's: the breaker does not learn from it.
    """


class NotAnAsyncClient(TypeError):  # noqa: N818 -- its name is what a `Failed` event says
    """A factory returned something else."""


def check_clients(client: Any | None, async_client: Any | None) -> None:
    """Refuse what is no client, and say which argument takes it."""
    if _is_async(client):
        raise ConfigurationError(
            "redis_client must be a sync client; pass the redis.asyncio one as async_redis_client="
        )
    if isinstance(async_client, (redis.Redis, redis.RedisCluster)):
        raise ConfigurationError(
            "async_redis_client must be a redis.asyncio client; pass the sync one as redis_client="
        )
    if inspect.iscoroutinefunction(async_client):
        raise ConfigurationError(
            "async_redis_client takes a plain function that returns a client, not an async one, "
            "e.g. async_redis_client=lambda: redis.asyncio.Redis(host='localhost')"
        )
    if async_client is not None and _is_factory(async_client):
        return
    for given in (client, async_client):
        if given is not None and (isinstance(given, type) or not hasattr(given, "execute_command")):
            raise ConfigurationError(
                "redis_client and async_redis_client take client objects (async_redis_client also "
                f"a function that returns one), not a {type(given).__name__}; pass a URL as "
                "redis_url="
            )


def _is_async(client: Any) -> bool:
    return isinstance(client, (redis.asyncio.Redis, redis.asyncio.RedisCluster))


def _is_factory(given: Any) -> bool:
    return callable(given) and (isinstance(given, type) or not hasattr(given, "execute_command"))


class AsyncOnly:
    """Stands where a sync link would: only an async client was passed in."""

    def exchange(self, commands: Any, atomic: bool, timeout: float, ours: Ours = None) -> Any:
        # Says nothing about Redis: the async side goes on.
        raise SuspendedError("only an async client was given")

    def close(self) -> None:
        """Nothing is open."""

    def forget(self) -> None:
        """Nothing is open."""


class Refused:
    """Stands where an async link would: on this loop there is no client."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.closed = True  # so that the next call tries again
        self.pace = Pace()

    def exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours = None
    ) -> asyncio.Future[Sequence[Any]]:
        failed: asyncio.Future[Sequence[Any]] = asyncio.get_running_loop().create_future()
        failed.set_exception(self._error)
        return failed

    async def close(self) -> None:
        """Nothing is open."""


class MadePerLoop:
    """One client per event loop, made there by the application's function; closed with its loop."""

    def __init__(self, make: Callable[[], Any], shards: Shards) -> None:
        self._make = make
        self._shards = shards

    def __call__(self) -> AsyncLink:
        try:
            client = self._make()
        except Exception as error:
            return Refused(error)
        if isinstance(client, (redis.Redis, redis.RedisCluster)) or not hasattr(
            client, "execute_command"
        ):
            if inspect.iscoroutine(client):
                client.close()
            return Refused(NotAnAsyncClient())
        if is_cluster(client):
            self._shards.found(ClientLayout(client))
        return _link(client, self._shards, owned=True)


class PassedAsync:
    """The application's async client on the first loop that uses it, one like it on others."""

    def __init__(self, client: Any, shards: Shards) -> None:
        self._client = client
        self._shards = shards
        self._home: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._told = False

    def __call__(self) -> AsyncLink:
        loop = asyncio.get_running_loop()
        if self._home is None:
            self._home = weakref.ref(loop)
        if self._home() is loop:
            return _link(self._client, self._shards, owned=False)
        twin = _twin(self._client)
        if twin is not None:
            return GatheringLink(ClientChannel(twin, owned=True))
        if not self._told:
            self._told = True
            _LOGGER.warning(
                "semcache: the async_redis_client belongs to the event loop that used it first, "
                "and calls on other loops go on without the cache; pass a function that makes "
                "one, e.g. async_redis_client=lambda: sentinel.master_for('mymaster')",
                extra={"semcache_event": "ClientOfAnotherLoop"},
            )
        return Refused(ClientOfAnotherLoop())


def async_links(given: Any, shards: Shards) -> Callable[[], AsyncLink]:
    """Return what makes a link for the running loop out of a passed client or a factory."""
    return MadePerLoop(given, shards) if _is_factory(given) else PassedAsync(given, shards)


def _link(client: Any, shards: Shards, *, owned: bool) -> AsyncLink:
    def gathering() -> AsyncLink:
        return GatheringLink(ClientChannel(client, owned=owned))

    return ShardedLink(gathering, shards) if is_cluster(client) else gathering()


def _twin(client: Any) -> Any | None:
    """Return a client like a plain one; others (Sentinel's, subclasses, clusters) have none."""
    if type(client) is not redis.asyncio.Redis or "execute_command" in vars(client):
        return None
    pool = client.connection_pool
    more: dict[str, Any] = {"max_connections": pool.max_connections}
    if type(pool) is redis.asyncio.BlockingConnectionPool:
        more["timeout"] = pool.timeout
    elif type(pool) is not redis.asyncio.ConnectionPool:
        return None
    kind = pool.connection_class
    options = without_notifications(pool.connection_kwargs)
    # The client closes it together with itself.
    return redis.asyncio.Redis.from_pool(type(pool)(connection_class=kind, **more, **options))
