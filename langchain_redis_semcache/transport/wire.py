"""Commands to bytes, bytes to replies: by hiredis where it is installed.

redis-py opens connections, with all that TLS, credentials and Sentinel need. Once one is open, its
layers cost more than the exchange itself (docs/benchmarks.md), so the parser that it is built on as
well is used directly from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import AuthenticationError, BusyLoadingError

from .._effects import Command, ErrorReply
from . import resp
from .replies import error_reply

PENDING: Final = object()
"""What stands for a reply that has not arrived completely."""

# Not an answer to a command: nothing on this connection will be answered.
_UNAVAILABLE: dict[str, type[Exception]] = {
    "LOADING": BusyLoadingError,
    "NOAUTH": AuthenticationError,
    "WRONGPASS": AuthenticationError,
}


def _chosen() -> Any:
    try:
        import hiredis
    except ImportError:
        return resp
    # Who installed a version before 3 did so for something else.
    return hiredis if hasattr(hiredis, "PushNotification") else resp


_library = _chosen()


def pack(commands: Sequence[Command]) -> bytes:
    """Return the commands as they are sent."""
    return b"".join([_library.pack_command(command) for command in commands])


class Parser:
    """Takes replies off what has arrived, in order."""

    def __init__(self) -> None:
        self._reader = _library.Reader(notEnoughData=PENDING)
        self.feed = self._reader.feed
        self.has_more = self._reader.has_data

    def reply(self) -> Any:
        """Return the next reply, `ErrorReply` included, or PENDING.

        Raises where the server says that it is not available.
        """
        value = self._reader.gets()
        while type(value) is _library.PushNotification:  # RESP3, and nothing that was asked for
            value = self._reader.gets()
        return _refusal(value) if type(value) is _library.ReplyError else value


def _refusal(error: Exception) -> ErrorReply:
    reply = error_reply(error)
    unavailable = _UNAVAILABLE.get(reply.code)
    if unavailable is not None:
        raise unavailable
    return reply
