"""Where commands go, by a name fit for a message, and what must not be in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """A server."""

    name: str
    secrets: tuple[str, ...] = ()


def place_of(thing: Any) -> Place:
    """Name the server that a connection or a client leads to, as it was configured."""
    pool = getattr(thing, "connection_pool", None)
    options = getattr(pool, "connection_kwargs", None)
    if not isinstance(options, Mapping):
        options = {
            name: getattr(thing, name, None) for name in ("host", "port", "path", "password")
        }
    secrets = tuple(v for v in (options.get("password"),) if isinstance(v, str))
    if isinstance(service := getattr(pool, "service_name", None), str):
        return Place(f"the master of {service}", secrets)
    if isinstance(path := options.get("path"), str):
        return Place(path, secrets)
    if isinstance(host := options.get("host"), str):
        return Place(f"{host}:{options.get('port')}", secrets)
    return Place("the client that was passed", secrets)
