"""What a URL may say about connections, and what we insist on whatever it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..errors import ConfigurationError

_OURS = frozenset(
    {
        *("socket_timeout", "socket_connect_timeout", "timeout", "max_connections"),
        *("retry", "retry_on_timeout", "retry_on_error", "health_check_interval"),
    }
)
_FREE = frozenset(
    {
        *("db", "username", "password", "path", "protocol", "client_name", "lib_name"),
        *("lib_version", "socket_keepalive", "socket_read_size"),
        # Of no consequence: replies are read as bytes, whatever other clients of the URL do.
        *("decode_responses", "encoding", "encoding_errors"),
    }
)


def refuse_others(scheme: str, names: Iterable[str]) -> None:
    """Refuse options that would be overridden or are unknown.

    Those that nobody knows are not quoted: they may be part of a password with a "?" in it.
    """
    given = set(names)
    if ours := sorted(given & _OURS):
        raise ConfigurationError(
            f"redis_url cannot set {', '.join(ours)}: connections are opened as they are needed, "
            "nothing is tried twice, and Limits(redis=...) is that of a whole call; write e.g. "
            "redis://host:6379/0 and limits=Limits(redis=0.5)"
        )
    if any(name not in _FREE and not name.startswith("ssl_") for name in given):
        raise ConfigurationError(
            f"redis_url has an option other than {', '.join(sorted(_FREE))} and ssl_...; "
            "write e.g. redis://host:6379/0?client_name=app, with special characters %-encoded"
        )
    if not scheme.startswith("rediss") and any(name.startswith("ssl_") for name in given):
        raise ConfigurationError(
            "redis_url has ssl_... options, and there is no TLS without rediss:// (or "
            "rediss+sentinel://); write e.g. rediss://host:6379/0?ssl_ca_certs=/path/ca.pem"
        )


def insisted(timeout: float, given: Mapping[str, Any]) -> dict[str, Any]:
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


def without_notifications(kwargs: Mapping[str, Any]) -> dict[str, Any]:
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
