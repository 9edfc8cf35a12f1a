"""Changing what all processes of a name share, and reading it. Asked for, so a failure raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._effects import Flow
from ..errors import CacheUnavailableError, ConfigurationError
from .admin import send
from .lookup import Core
from .shared import CHECKS, SharedSettings, asking, change, key_of, parse


def settings(core: Core) -> Flow[SharedSettings]:
    """Read what is in Redis; what is not there is as each process was constructed."""
    schema = core.settings.schema
    (reply,) = yield from send([asking(schema.root)], tolerated=("wrongtype",))
    try:
        return parse(reply, schema.name) or SharedSettings()
    except (ValueError, ConfigurationError):
        raise CacheUnavailableError(
            f"{key_of(schema.root)} makes no sense, and no process goes by it: remove it"
        ) from None


def share(core: Core, wanted: Mapping[str, Any]) -> Flow[SharedSettings]:
    """Change some for all processes, and go by them here at once."""
    schema = core.settings.schema
    yield from send([change(schema.root, schema.name, wanted)])
    told = yield from settings(core)
    core.shared.adopt(told)
    return told


def wanted(**given: Any) -> dict[str, float]:
    """Check what is to be changed."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if not chosen:
        raise ConfigurationError("set() takes distance_threshold, ttl or both, e.g. set(ttl=3600)")
    return {name: CHECKS[name](value) for name, value in chosen.items()}


def unwanted(names: Sequence[str]) -> dict[str, None]:
    """Check what is to be as it was constructed; everything where nothing is named."""
    for name in names:
        if name not in CHECKS:
            raise ConfigurationError(f"unset() takes {' and '.join(CHECKS)}, not {name!r}")
    return dict.fromkeys(names or tuple(CHECKS))
