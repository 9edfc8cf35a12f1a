"""From a URL to functions that make connections, not yet connected: one sync, one for a loop.

A cluster's URL names nodes; it is read into the URL of each node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
import redis.asyncio

from ..errors import ConfigurationError
from .deadline import with_deadline
from .options import insisted, refuse_others, without_notifications
from .sentinel import by_sentinel

DEFAULT_URL = "redis://localhost:6379"
_CLUSTER = ("redis+cluster://", "rediss+cluster://")
_SCHEMES = (
    *("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://"),
    *_CLUSTER,
)


def by_url(url: str, timeout: float) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Read a URL; what it says and we cannot do is refused here, not at the first call."""
    if isinstance(url, (bytes, bytearray)):
        raise ConfigurationError(
            f"redis_url is text, not {type(url).__name__}: write redis_url=url.decode(), "
            f"or e.g. redis_url={DEFAULT_URL!r}"
        )
    if not isinstance(url, str) or not url.startswith(_SCHEMES):
        scheme = url.split(":", 1)[0] if isinstance(url, str) and "://" in url else "none"
        raise ConfigurationError(
            f"redis_url must begin with one of {', '.join(_SCHEMES)} (here: {scheme!r}), "
            f"e.g. {DEFAULT_URL} or redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    try:
        makers = (by_sentinel if "+sentinel://" in url else _directly)(url, timeout)
        # What redis-py objects to in an option is found out by making one.
        makers[0]()
    except ConfigurationError:
        raise
    except Exception as error:
        # The message of a URL parser may quote the URL with its password.
        raise ConfigurationError(
            f"redis_url could not be read ({type(error).__name__}); "
            "write e.g. redis://user:password@host:6379/0 with special characters %-encoded"
        ) from None
    return makers


class ClusterUrl:
    """A URL such as redis+cluster://user:password@host1,host2:7000?ssl_ca_certs=..."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.replace("+cluster", "", 1))
        query = parse_qsl(parts.query)
        refuse_others(parts.scheme, (name for name, _ in query))
        if parts.path.strip("/") not in ("", "0") or dict(query).get("db", "0") != "0":
            raise ConfigurationError(
                "a cluster has database 0 only: write redis+cluster://host1,host2:7000 and "
                "another name= for other entries"
            )
        credentials, _, hosts = parts.netloc.rpartition("@")
        password = unquote(credentials.partition(":")[2])
        self.secrets = (password,) if password else ()
        self._before = f"{parts.scheme}://{credentials}@" if credentials else f"{parts.scheme}://"
        self._after = f"/?{parts.query}" if parts.query else ""
        self.seeds = []
        for host in filter(None, hosts.split(",")):
            one = urlsplit(f"//{host}")  # knows IPv6 as well
            self.seeds.append(f"{one.hostname}:{one.port or 6379}")
        if not self.seeds:
            raise ConfigurationError(
                "a cluster URL names some of the nodes: redis+cluster://host1:6379,host2:6379"
            )

    def of(self, node: str) -> str:
        """Return the URL of one node."""
        host, _, port = node.rpartition(":")
        host = f"[{host}]" if ":" in host else host
        return f"{self._before}{host}:{port}{self._after}"


def is_cluster_url(url: object) -> bool:
    return isinstance(url, str) and url.startswith(_CLUSTER)


def cluster_url(url: str, timeout: float) -> ClusterUrl:
    """Read a cluster's URL; what one node's connections cannot be made by is refused here."""
    try:
        read = ClusterUrl(url)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"redis_url could not be read ({type(error).__name__}); write e.g. "
            "redis+cluster://user:password@host1,host2:7000 with special characters %-encoded"
        ) from None
    by_url(read.of(read.seeds[0]), timeout)
    return read


def _directly(url: str, timeout: float) -> tuple[Callable[[], Any], Callable[[], Any]]:
    parts = urlsplit(url)
    refuse_others(parts.scheme, (name for name, _ in parse_qsl(parts.query)))
    if parts.scheme != "unix" and parts.path.strip("/"):
        int(parts.path.strip("/"))  # redis-py takes database 0 where this is no number
    pool = redis.ConnectionPool.from_url(url)
    async_pool = redis.asyncio.ConnectionPool.from_url(url)
    bounded = with_deadline(pool.connection_class)
    kind = async_pool.connection_class
    given = without_notifications(pool.connection_kwargs)
    kwargs = {**given, **insisted(timeout, given)}
    async_given = without_notifications(async_pool.connection_kwargs)
    async_kwargs = {
        **async_given,
        **insisted(timeout, async_given),
        # The link has one deadline for all of it, which knows a blocked loop from a dead server.
        "socket_timeout": None,
        "socket_connect_timeout": None,
    }
    return lambda: bounded(**kwargs), lambda: kind(**async_kwargs)
