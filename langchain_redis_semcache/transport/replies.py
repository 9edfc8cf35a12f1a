"""Commands to the wire and replies back: transactions, error replies, labels fit for a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ExecAbortError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from .._effects import Command, ErrorReply
from ..bounded.breaker import SuspendedError

CODE_CHARS = 32
"""Codes go to the log, and what a server sends as its first word may be of any length."""
# redis-py takes the code off the message where it has a class for it.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (NoPermissionError, "NOPERM"),
    (OutOfMemoryError, "OOM"),
    (ReadOnlyError, "READONLY"),
    (BusyLoadingError, "LOADING"),
    (MasterDownError, "MASTERDOWN"),
    (ClusterDownError, "CLUSTERDOWN"),
    (TryAgainError, "TRYAGAIN"),
    (MovedError, "MOVED"),
    (AskError, "ASK"),
    (ExecAbortError, "EXECABORT"),
    (AuthenticationError, "NOAUTH"),
)


_SMALL = 128
_SIZES = [b"\r\n$%d\r\n" % size for size in range(_SMALL)]


class ForeignReply(SuspendedError):  # noqa: N818 -- its name is what a `Failed` event says
    """What came is not the reply to what was asked, and so may be all that follows.

    A middlebox has lost, doubled or swapped one, or an entry was tampered with: which of both
    cannot be told, so that the connection ends and no breaker learns from it.
    """


Ours = Callable[[Sequence[Any]], bool] | None


def check(replies: Sequence[Any], ours: Ours) -> Sequence[Any]:
    """Return replies that can be those to what was asked; raise ForeignReply for others."""
    if ours is not None and not ours(replies):
        raise ForeignReply
    return replies


def wire(commands: Sequence[Command], atomic: bool) -> Sequence[Command]:
    """Return the commands as they are sent."""
    return [("MULTI",), *commands, ("EXEC",)] if atomic else commands


def pack(commands: Sequence[Command]) -> bytes:
    """Return commands as they are sent.

    Not by hiredis, which crashes the interpreter where a signal handler raises while it packs a
    number (3.5.0), and before there is a connection whose `pack_commands` could do it.
    """
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d" % len(command))
        for argument in command:
            data = argument if type(argument) is bytes else str(argument).encode()
            size = len(data)
            parts.append(_SIZES[size] if size < _SMALL else b"\r\n$%d\r\n" % size)
            parts.append(data)
        parts.append(b"\r\n")
    return b"".join(parts)


def unsendable(commands: Sequence[Command], error: UnicodeError) -> Sequence[ErrorReply]:
    """Answer in Redis's stead where commands cannot be written: one with half a character, say.

    That is nobody's failure but theirs: neither of what is gathered with them nor of Redis.
    """
    return [ErrorReply(type(error).__name__, "cannot be written")] * len(commands)


def unpack_transaction(replies: Sequence[Any]) -> Sequence[Any]:
    """Return the replies of the commands between MULTI and EXEC."""
    *queued, result = replies
    if isinstance(result, (list, tuple)):
        if len(result) != len(queued) - 1 or any(isinstance(r, (list, tuple)) for r in queued):
            raise ForeignReply
        return [error_reply(r) if isinstance(r, Exception) else r for r in result]
    # Refused while queueing: the first error is the reason, EXECABORT its consequence.
    refusal = next((r for r in queued if isinstance(r, ErrorReply)), result)
    if not isinstance(refusal, ErrorReply):
        refusal = ErrorReply("EXECABORT", "the transaction was not carried out")
    return [refusal] * (len(queued) - 1)


def demoted(replies: Sequence[Any]) -> bool:
    """Tell whether this connection leads to a replica; after a failover a new one need not."""
    return any(isinstance(reply, ErrorReply) and reply.code == "READONLY" for reply in replies)


def error_reply(error: Exception) -> ErrorReply:
    """Give an error reply its code back."""
    text = str(error)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return ErrorReply(code, text)
    word = text[: CODE_CHARS + 1].split(" ", 1)[0]
    known = len(word) <= CODE_CHARS and word.isascii() and word.isalpha() and word.isupper()
    return ErrorReply(word if known else "ERR", text)


def label(error: BaseException) -> str:
    """Describe an error without its message, which may hold commands, hosts or credentials."""
    if isinstance(error, ResponseError):
        return error_reply(error).code
    if isinstance(error, (RedisError, OSError, EOFError)) and error.__cause__ is not None:
        cause = type(error.__cause__).__name__
        own = type(error).__name__
        return own if own == cause else f"{own}: {cause}"
    return type(error).__name__
