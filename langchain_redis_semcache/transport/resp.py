"""RESP in Python, for installations without hiredis: its interface, at a tenth of its speed.

Alike for what Redis answers to our commands; rarities of RESP3 (big numbers, attributes) are not.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias

from .._effects import Command

_Parse: TypeAlias = Generator[None, None, Any]


class ReplyError(Exception):
    """An error that Redis answered."""


class ProtocolError(ConnectionError):
    """What arrived is not RESP."""


class PushNotification(list[Any]):
    """A message of RESP3 that answers nothing."""


def pack_command(command: Command) -> bytes:
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class Reader:
    """Parses what is fed to it; a reply that has not arrived completely is resumed later."""

    def __init__(self, notEnoughData: Any) -> None:  # noqa: N803 -- hiredis's name
        self._pending = notEnoughData
        self._buffer = bytearray()
        self._current: _Parse | None = None

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def has_data(self) -> bool:
        return bool(self._buffer) or self._current is not None

    def gets(self) -> Any:
        if self._current is None:
            if not self._buffer:
                return self._pending
            self._current = self._value()
        try:
            next(self._current)
        except StopIteration as stop:
            self._current = None
            return stop.value
        return self._pending

    def _value(self) -> _Parse:
        line = yield from self._line()
        kind, rest = line[:1], line[1:]
        try:
            if kind in _SIMPLE:
                return _SIMPLE[kind](rest)
            size = int(rest)
        except (ValueError, KeyError):
            raise ProtocolError("not a reply") from None
        if size < 0:
            return None
        if kind in (b"$", b"=", b"!"):
            data = yield from self._bytes(size)
            return data if kind == b"$" else data[4:] if kind == b"=" else _error(data)
        if kind in _COLLECTIONS:
            items = []
            for _ in range(size * _COLLECTIONS[kind]):
                items.append((yield from self._value()))
            return _collected(kind, items)
        raise ProtocolError("not a reply")

    def _line(self) -> Generator[None, None, bytes]:
        searched = 0
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 1)
            yield
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _bytes(self, size: int) -> Generator[None, None, bytes]:
        while len(self._buffer) < size + 2:
            yield
        data = bytes(self._buffer[:size])
        del self._buffer[: size + 2]
        return data


def _error(text: bytes) -> ReplyError:
    return ReplyError(text.decode("utf-8", "replace"))


def _collected(kind: bytes, items: Sequence[Any]) -> Any:
    if kind == b"%":
        try:
            return dict(zip(items[::2], items[1::2], strict=True))
        except TypeError:
            raise ProtocolError("a key that is no scalar") from None
    return PushNotification(items) if kind == b">" else list(items)


_SIMPLE: dict[bytes, Any] = {
    b"+": bytes,
    b"-": _error,
    b":": int,
    b"_": lambda _: None,
    b",": float,
    b"#": {b"t": True, b"f": False}.__getitem__,
    b"(": int,
}
# Kind of a collection -> values per element.
_COLLECTIONS = {b"*": 1, b"~": 1, b">": 1, b"%": 2}
