"""`redis+sentinel://` URLs: connections that ask sentinels where the master is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelManagedConnection as AsyncSentinelConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection as AsyncSentinelSSLConnection
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from ..errors import ConfigurationError
from .deadline import with_deadline
from .options import insisted, refuse_others, without_notifications


def by_sentinel(url: str, timeout: float) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Read `redis+sentinel://[user:pass@]h1[:26379][,h2..]/service[/db][?options]`.

    User and password are those of the data servers; those of the sentinels can be given as
    sentinel_username and sentinel_password.
    """
    parts = urlsplit(url)
    addresses, service, db = _places(parts.netloc.rpartition("@")[2], parts.path)
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
    refuse_others(parts.scheme, (name for name, _ in rest))
    options = _data_options(parts.netloc.rpartition("@")[0], rest) | {"db": db}
    options |= insisted(timeout, options)
    tls = parts.scheme.startswith("rediss")
    bounded = with_deadline(SentinelManagedSSLConnection if tls else SentinelManagedConnection)
    closing = _closing_sentinels(AsyncSentinelSSLConnection if tls else AsyncSentinelConnection)

    def connect() -> Any:
        pool = master.connection_pool
        return pool.connection_class(**without_notifications(pool.connection_kwargs))

    def aconnect() -> Any:
        # Sentinel clients belong to the loop as well, so each connection asks with its own.
        async_sentinel: Any = AsyncSentinel  # its constructor is untyped
        found = async_sentinel(
            addresses, sentinel_kwargs={**sentinel_options, "retry": AsyncRetry(NoBackoff(), 0)}
        )
        pool = found.master_for(
            service, connection_class=closing, **{**options, "socket_timeout": None}
        ).connection_pool
        pool.connection_kwargs = without_notifications(pool.connection_kwargs)
        connection = pool.make_connection()
        connection.semcache_pool = pool  # the connection itself holds a weak reference only
        return connection

    sentinel: Any = Sentinel
    master = sentinel(
        addresses, sentinel_kwargs={**sentinel_options, "retry": Retry(NoBackoff(), 0)}
    ).master_for(service, connection_class=bounded, **options)
    return connect, aconnect


def _places(hosts: str, path: str) -> tuple[list[tuple[str, int]], str, int]:
    addresses = []
    for address in filter(None, hosts.split(",")):
        one = urlsplit(f"//{address}")  # knows IPv6 as well
        addresses.append((unquote(one.hostname or ""), one.port or 26379))
    service, _, db = path.strip("/").partition("/")
    if not addresses or not service:
        raise ConfigurationError(
            "a sentinel URL names the sentinels and the service: "
            "redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    return addresses, service, int(db or 0)


def _data_options(credentials: str, rest: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the options of the data servers' connections."""
    read: Any = parse_url  # untyped
    options: dict[str, Any] = dict(read(f"redis://unused/?{urlencode(rest)}"))
    del options["host"]
    if credentials:
        user, _, password = credentials.partition(":")
        options["username"], options["password"] = unquote(user) or None, unquote(password)
    return options


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
