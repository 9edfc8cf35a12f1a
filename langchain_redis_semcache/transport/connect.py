"""From what the user gives (a URL, REDIS_URL, a client) to links that can be talked over."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelManagedConnection as AsyncSentinelConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection as AsyncSentinelSSLConnection
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from ..bounded.breaker import SuspendedError
from ..bounded.threads import Workers
from ..errors import ConfigurationError
from .line import with_deadline
from .on_loop import (
    AsyncLink,
    ClientChannel,
    ClusterChannel,
    GatheringLink,
    SocketChannel,
    ThreadedChannel,
)
from .sync import ClientLink, ClusterLink, SocketLink, SyncLink

DEFAULT_URL = "redis://localhost:6379"
_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")


class Links:
    """The sync link and one async link per running event loop."""

    def __init__(self, sync: SyncLink, make_async: Callable[[], AsyncLink]) -> None:
        self.sync = sync
        self._make_async = make_async
        self._per_loop: dict[asyncio.AbstractEventLoop, AsyncLink] = {}

    def on_running_loop(self) -> AsyncLink:
        loop = asyncio.get_running_loop()
        link = self._per_loop.get(loop)
        if link is None or link.closed:
            # Links refer to their loops, so weak references would keep both for ever.
            for other in list(self._per_loop):
                if other.is_closed():
                    self._per_loop.pop(other, None)
            link = self._per_loop[loop] = self._make_async()
        return link

    def forget(self) -> None:
        """After a fork: neither the parent's sockets nor its loops are ours."""
        self.sync.forget()
        self._per_loop = {}

    async def aclose(self) -> None:
        link = self._per_loop.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.close()
        self.sync.close()


def open_links(
    redis_url: str | None,
    client: Any | None,
    async_client: Any | None,
    workers: Workers,
    timeout: float,
) -> Links:
    """Prepare links without connecting; a client that was passed in beats a URL."""
    if isinstance(client, (redis.asyncio.Redis, redis.asyncio.RedisCluster)):
        raise ConfigurationError(
            "redis_client must be a sync client; pass the redis.asyncio one as async_redis_client="
        )
    if isinstance(async_client, (redis.Redis, redis.RedisCluster)):
        raise ConfigurationError(
            "async_redis_client must be a redis.asyncio client; pass the sync one as redis_client="
        )
    for given in (client, async_client):
        if given is not None and not hasattr(given, "execute_command"):
            raise ConfigurationError(
                "redis_client and async_redis_client take client objects, not a "
                f"{type(given).__name__}; pass a URL as redis_url="
            )
    if client is None and async_client is None:
        return _links_by_url(
            redis_url or os.environ.get("REDIS_URL", DEFAULT_URL), workers, timeout
        )
    if client is not None:
        link = (ClusterLink if _is_cluster(client) else ClientLink)(client, workers)
        if async_client is None:
            return Links(link, lambda: GatheringLink(ThreadedChannel(link, workers)))
        return Links(link, _PassedAsync(async_client))
    sync: SyncLink = AsyncOnly()
    if redis_url is not None:
        sync = _links_by_url(redis_url, workers, timeout).sync
    return Links(sync, _PassedAsync(async_client))


def _links_by_url(url: str, workers: Workers, timeout: float) -> Links:
    if not isinstance(url, str) or not url.startswith(_SCHEMES):
        scheme = url.split(":", 1)[0] if "://" in str(url) else "none"
        raise ConfigurationError(
            f"redis_url must begin with one of {', '.join(_SCHEMES)} (here: {scheme!r}), "
            f"e.g. {DEFAULT_URL} or redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    try:
        if "+sentinel://" in url:
            sync_connect, async_connect = _sentinel(url, timeout)
        else:
            sync_connect, async_connect = _direct(url, timeout)
    except ConfigurationError:
        raise
    except Exception as error:
        # The message of a URL parser may quote the URL with its password.
        raise ConfigurationError(
            f"redis_url could not be read ({type(error).__name__}); "
            "write e.g. redis://user:password@host:6379/0 with special characters %-encoded"
        ) from None
    return Links(
        SocketLink(sync_connect, workers), lambda: GatheringLink(SocketChannel(async_connect))
    )


def _direct(url: str, timeout: float) -> tuple[Callable[[], Any], Callable[[], Any]]:
    pool = redis.ConnectionPool.from_url(url)
    async_pool = redis.asyncio.ConnectionPool.from_url(url)
    bounded = with_deadline(pool.connection_class)
    kind = async_pool.connection_class
    given = _without_notifications(pool.connection_kwargs)
    kwargs = {**given, **_ours(timeout, given)}
    async_given = _without_notifications(async_pool.connection_kwargs)
    async_kwargs = {
        **async_given,
        **_ours(timeout, async_given),
        "socket_timeout": None,  # the link has one deadline for the whole round trip
    }
    return lambda: bounded(**kwargs), lambda: kind(**async_kwargs)


def _sentinel(url: str, timeout: float) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Read `redis+sentinel://[user:pass@]h1[:26379][,h2..]/service[/db][?options]`.

    User and password are those of the data servers; those of the sentinels can be given as
    sentinel_username and sentinel_password.
    """
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    addresses = []
    for address in filter(None, hosts.split(",")):
        one = urlsplit(f"//{address}")  # knows IPv6 as well
        addresses.append((unquote(one.hostname or ""), one.port or 26379))
    service, _, db = parts.path.strip("/").partition("/")
    if not addresses or not service:
        raise ConfigurationError(
            "a sentinel URL names the sentinels and the service: "
            "redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    # One that is down or deaf must leave time to ask the others.
    patience = timeout / (len(addresses) + 1)
    sentinel_options: dict[str, Any] = {
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
    }
    rest = []
    for name, value in parse_qsl(parts.query):
        if name in ("sentinel_username", "sentinel_password"):
            sentinel_options[name.removeprefix("sentinel_")] = value
        else:
            rest.append((name, value))
    read: Any = parse_url  # untyped
    options: dict[str, Any] = dict(read(f"redis://unused/?{urlencode(rest)}"))
    del options["host"]
    if credentials:
        user, _, password = credentials.partition(":")
        options["username"], options["password"] = unquote(user) or None, unquote(password)
    options |= {"db": int(db or 0), **_ours(timeout, options)}
    tls = parts.scheme.startswith("rediss")
    sync_kind = SentinelManagedSSLConnection if tls else SentinelManagedConnection
    async_kind = AsyncSentinelSSLConnection if tls else AsyncSentinelConnection
    bounded = with_deadline(sync_kind)
    closing = _closing_sentinels(async_kind)

    def connect() -> Any:
        pool = master.connection_pool
        return pool.connection_class(**_without_notifications(pool.connection_kwargs))

    def aconnect() -> Any:
        # Sentinel clients belong to the loop as well, so each connection asks with its own.
        async_sentinel: Any = AsyncSentinel  # its constructor is untyped
        found = async_sentinel(
            addresses, sentinel_kwargs={**sentinel_options, "retry": AsyncRetry(NoBackoff(), 0)}
        )
        pool = found.master_for(
            service, connection_class=closing, **{**options, "socket_timeout": None}
        ).connection_pool
        pool.connection_kwargs = _without_notifications(pool.connection_kwargs)
        connection = pool.make_connection()
        connection.semcache_pool = pool  # the connection itself holds a weak reference only
        return connection

    sentinel: Any = Sentinel
    master = sentinel(
        addresses, sentinel_kwargs={**sentinel_options, "retry": Retry(NoBackoff(), 0)}
    ).master_for(service, connection_class=bounded, **options)
    return connect, aconnect


def _ours(timeout: float, given: dict[str, Any]) -> dict[str, Any]:
    """Return the connection options that we insist on, and those that we only default."""
    driver = {} if {"driver_info", "lib_name"} & given.keys() else _driver_info()
    return {
        # RESP2 needs no HELLO: one round trip less, and nothing that an ACL may forbid.
        "protocol": int(given.get("protocol", 2)),
        "decode_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": None,
        "retry_on_timeout": False,
        "health_check_interval": 0,
        **driver,
    }


def _closing_sentinels(kind: Any) -> Any:
    class Closing(kind):  # type: ignore[misc]  # a class made at run time
        """Closes the connections to the sentinels once they have said where the master is."""

        async def connect(self) -> None:
            try:
                await super().connect()
            finally:
                for sentinel in self.connection_pool.sentinel_manager.sentinels:
                    await sentinel.aclose()

    return Closing


def _without_notifications(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out what redis-py 8 gives its pools: it fails without hiredis, and is RESP3's."""
    return {k: v for k, v in kwargs.items() if not k.startswith(("maint_notifications", "orig_"))}


def _driver_info() -> dict[str, Any]:
    """Name us in CLIENT LIST, where redis-py can do that without a round trip of ours."""
    try:
        from redis.driver_info import DriverInfo

        ours = version("langchain-redis-semcache")
    except (ImportError, PackageNotFoundError):
        return {}
    return {"driver_info": DriverInfo().add_upstream_driver("langchain-redis-semcache", ours)}


def _is_cluster(client: Any) -> bool:
    return isinstance(client, (redis.RedisCluster, redis.asyncio.RedisCluster))


class AsyncOnly:
    """Stands where a sync link would: only an async client was passed in."""

    def exchange(self, commands: Any, atomic: bool, timeout: float) -> Any:
        # Says nothing about Redis: the async side goes on.
        raise SuspendedError("only an async client was given")

    def close(self) -> None:
        """Nothing is open."""

    def forget(self) -> None:
        """Nothing is open."""


class _PassedAsync:
    """The application's async client on the first loop that uses it, one like it on others."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._home: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def __call__(self) -> AsyncLink:
        loop = asyncio.get_running_loop()
        if self._home is None:
            self._home = weakref.ref(loop)
        if self._home() is loop or not isinstance(self._client, redis.asyncio.Redis):
            channel = ClusterChannel if _is_cluster(self._client) else ClientChannel
            return GatheringLink(channel(self._client, owned=False))
        pool = self._client.connection_pool
        twin = redis.asyncio.Redis.from_pool(  # which it closes together with itself
            redis.asyncio.ConnectionPool(
                connection_class=pool.connection_class,
                **_without_notifications(pool.connection_kwargs),
            )
        )
        return GatheringLink(ClientChannel(twin, owned=True))
