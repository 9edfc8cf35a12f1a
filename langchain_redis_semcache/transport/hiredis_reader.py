"""Bytes to replies by hiredis, where that is installed: what redis-py's own parser does with it.

Rule of this module: a reply here is what `read_response` would have returned or raised.
"""

from __future__ import annotations

from typing import Any, Final

from redis.exceptions import AuthenticationError, BusyLoadingError, InvalidResponse

from .replies import error_reply

try:
    import hiredis
except ImportError:  # an extra
    hiredis = None  # type: ignore[assignment]

_PENDING: Final = object()
"""Stands for a reply that has not arrived completely."""
# No answers to a command: nothing on such a connection will be answered.
_UNAVAILABLE: dict[str, type[Exception]] = {
    "LOADING": BusyLoadingError,
    "NOAUTH": AuthenticationError,
    "WRONGPASS": AuthenticationError,
}


def is_usable() -> bool:
    """Tell whether there is a hiredis; before 3.2 it did not tell push messages from replies."""
    return hasattr(hiredis, "PushNotification")


class Reader:
    """What has arrived on one connection."""

    def __init__(self) -> None:
        reader: Any = hiredis.Reader(notEnoughData=_PENDING, protocolError=InvalidResponse)
        self.feed, self.has_data, self._gets = reader.feed, reader.has_data, reader.gets

    def take(self, replies: list[Any], count: int) -> bool:
        """Add what has arrived, up to so many replies in all; tell whether these are all there."""
        while len(replies) < count:
            reply = self._gets()
            if reply is _PENDING:
                return False
            if type(reply) is hiredis.ReplyError:
                replies.append(_refusal(reply))
            elif type(reply) is not hiredis.PushNotification:  # RESP3: nobody asked for it
                replies.append(reply)
        return True


def _refusal(error: Exception) -> Any:
    reply = error_reply(error)
    unavailable = _UNAVAILABLE.get(reply.code)
    if unavailable is not None:
        raise unavailable
    return reply
