"""From a URL to functions that make connections, not yet connected: one sync, one for a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import redis
import redis.asyncio

from ..errors import ConfigurationError
from .deadline import with_deadline
from .options import insisted, refuse_others, without_notifications
from .sentinel import by_sentinel

DEFAULT_URL = "redis://localhost:6379"
_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")


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
