"""What all processes of a name share: a switch, a distance threshold and a ttl, kept in Redis.

Rule of this module: it comes along with what a call sends anyway, and what cannot be read changes
nothing. That there is nothing to be read is no reason either: Redis may have evicted it. With a
`signing_key` it can only be stricter than the constructor said, since it cannot be signed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from .._arguments import NEARLY_EVERYTHING
from .._checks import check_threshold, seconds
from .._effects import Command, ErrorReply, Flow, RedisUnavailableError, Send, as_text
from ..errors import ConfigurationError
from ..events import Bypassed, Operation, SettingsChanged, Warned
from .calls import Calls

__all__ = ["Shared", "SharedSettings"]

FRESH = 2.0
"""Seconds after which one call asks anew."""
STALE = 4.0
"""Seconds after which every call does: nobody has, or nobody was answered."""
PATIENCE = 0.5
OFF = "switched_off"
DISABLED = "disabled"


@dataclass(frozen=True)
class SharedSettings:
    """What was changed for all processes of a name; None is what each was constructed with."""

    on: bool = True
    """Whether answers are served and stored."""
    distance_threshold: float | None = None
    ttl: float | None = None
    """Seconds, for what is stored from now on."""


_FIELDS = tuple(field.name for field in fields(SharedSettings))
CHECKS: dict[str, Callable[[float], float]] = {
    "distance_threshold": check_threshold,
    "ttl": lambda value: seconds("ttl", value, "e.g. ttl=86400"),
}
Changeable = Literal["distance_threshold", "ttl"]


def key_of(root: str) -> str:
    return f"{root}settings"


def asking(root: str) -> Command:
    return ("HMGET", key_of(root), "of", *_FIELDS)


def change(root: str, name: str, wanted: Mapping[str, Any]) -> Command:
    """Return the command that changes some; None is back to what was constructed."""
    pairs: list[str] = ["of", name]
    for field, value in wanted.items():
        pairs += [field, "" if value is None else _written(field, value)]
    return ("HSET", key_of(root), *pairs)


def parse(reply: Any, name: str) -> SharedSettings | None:
    """Read what is stored; None where nothing is, a ValueError where it makes no sense."""
    if not isinstance(reply, (list, tuple)):
        raise ValueError
    if not any(reply):
        return None
    if len(reply) != len(_FIELDS) + 1 or reply[0] is None or as_text(reply[0]) != name:
        raise ValueError
    stored = reply[1:]
    told = {f: as_text(v) for f, v in zip(_FIELDS, stored, strict=True) if v}
    on = told.pop("on", "1")
    if on not in ("0", "1"):
        raise ValueError
    numbers = {field: CHECKS[field](float(value)) for field, value in told.items()}
    return SharedSettings(on == "1", **numbers)


def _written(field: str, value: Any) -> str:
    return str(int(value)) if field == "on" else repr(CHECKS[field](value))


class Shared:
    """What this process knows of it."""

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.monotonic) -> None:
        settings = calls.settings
        self.current = SharedSettings()
        self._calls = calls
        self._name = settings.schema.name
        self._root = settings.schema.root
        self._disabled = settings.disabled
        self._only_stricter = settings.signer is not None
        self._clock = clock
        self._asked = self._heard = float("-inf")

    def closed(self, operation: Operation) -> Bypassed | None:
        """Say that the cache is to be left alone, where it is."""
        if self._disabled:
            return Bypassed(operation, DISABLED)
        return None if self.current.on else Bypassed(operation, OFF)

    def due(self) -> list[Command]:
        """Return the command that asks, where it is time to.

        While it is fresh no call asks, then one at a time does, and once it is stale all do.
        """
        now = self._clock()
        if self._disabled or (now - self._asked < FRESH and now - self._heard < STALE):
            return []
        self._asked = now
        return [asking(self._root)]

    def heard(self, reply: Any) -> None:
        """Take over what was answered."""
        self._asked = self._heard = self._clock()
        if isinstance(reply, ErrorReply):
            return self._calls.failed("lookup", "settings", reply.code)
        try:
            told = parse(reply, self._name)
        except (ValueError, ConfigurationError):
            return self._calls.failed("lookup", "settings", "Unreadable")
        self._calls.reporter.recovered("settings")
        if told is not None:
            self.adopt(told)

    def adopt(self, told: SharedSettings) -> None:
        """Go by other settings from now on, and say so."""
        with self._calls.reporter.lock:
            changed = told != self.current
            self.current = told
        if not changed:
            return
        threshold = told.distance_threshold
        self._calls.reporter.emit(SettingsChanged(told.on, threshold, told.ttl))
        if threshold is not None and threshold >= NEARLY_EVERYTHING:
            says = f"{threshold:g} accepts nearly everything"
            self._calls.reporter.emit(Warned("distance_threshold", says))

    def ask(self, commands: Sequence[Command]) -> Flow[None]:
        """Ask what is due, when nothing else is sent."""
        try:
            (reply,) = yield Send(commands, timeout=PATIENCE)
        except RedisUnavailableError:
            return
        self.heard(reply)

    def is_stale(self) -> bool:
        return not self._disabled and self._clock() - self._heard >= STALE

    def threshold(self, own: float) -> float:
        """Return the distance threshold in force where a policy has this one."""
        shared = self.current.distance_threshold
        if shared is None:
            return own
        return min(own, shared) if self._only_stricter else shared

    def ttl(self, own: float | None) -> float | None:
        """Return the ttl in force where the constructor got this one."""
        shared = self.current.ttl
        if shared is None or (self._only_stricter and own is not None):
            return own if shared is None else min(own or shared, shared)
        return shared
