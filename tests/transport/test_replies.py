"""Transactions on the wire, error replies with their code, labels without content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.transport.replies import (
    ForeignReply,
    check,
    demoted,
    error_reply,
    label,
    pack,
    unpack_transaction,
    unsendable,
    wire,
)

COMMANDS = [("UNLINK", "k"), ("HSET", "k", "f", b"v")]
OOM = ErrorReply("OOM", "x")
ABORTED = ErrorReply("EXECABORT", "x")


def test_wire() -> None:
    """An atomic batch is sent between MULTI and EXEC, others as they are."""
    assert wire(COMMANDS, True) == [("MULTI",), *COMMANDS, ("EXEC",)]
    assert wire(COMMANDS, False) == COMMANDS


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([b"OK", b"QUEUED", b"QUEUED", [1, 2]], [1, 2]),
        ([b"OK", b"QUEUED", b"QUEUED", (1, 2)], [1, 2]),
        (
            [b"OK", b"QUEUED", b"QUEUED", [1, exceptions.ResponseError("WRONGTYPE a")]],
            [1, ErrorReply("WRONGTYPE", "WRONGTYPE a")],
        ),
        ([b"OK", OOM, b"QUEUED", ABORTED], [OOM, OOM]),
        ([b"OK", b"QUEUED", b"QUEUED", ABORTED], [ABORTED, ABORTED]),
        (
            [b"OK", b"QUEUED", b"QUEUED", None],
            [ErrorReply("EXECABORT", "the transaction was not carried out")] * 2,
        ),
        ([OOM, b"x", b"x", ABORTED], [OOM, OOM]),
    ],
)
def test_unpack_transaction(replies: list[Any], expected: list[Any]) -> None:
    """There is one reply for each command; a refusal names the first reason."""
    assert list(unpack_transaction(replies)) == expected


@pytest.mark.parametrize(
    ("replies", "expected"),
    [([1, b"x"], False), ([OOM], False), ([1, ErrorReply("READONLY", "x")], True), ([], False)],
)
def test_demoted(replies: list[Any], expected: bool) -> None:
    """A connection on which a write was refused as read-only leads to a replica."""
    assert demoted(replies) is expected


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.ResponseError("ERR unknown command"), "ERR"),
        (exceptions.ResponseError("WRONGTYPE Operation against"), "WRONGTYPE"),
        (exceptions.ResponseError("wrong number of arguments"), "ERR"),
        (exceptions.ResponseError("k1: secret"), "ERR"),
        (exceptions.ResponseError(""), "ERR"),
        (exceptions.ResponseError("NOTSEARCHEDACROSSNODES x"), "NOTSEARCHEDACROSSNODES"),
        (exceptions.ResponseError("X" * 5_000_000), "ERR"),
        (exceptions.ResponseError("X" * 33 + " y"), "ERR"),
        (exceptions.ResponseError("\u00c4RGER y"), "ERR"),
        (exceptions.ResponseError("MISCONF Redis is"), "MISCONF"),
        (exceptions.NoPermissionError("this user has no permissions"), "NOPERM"),
        (exceptions.OutOfMemoryError("command not allowed"), "OOM"),
        (exceptions.ReadOnlyError("You can't write"), "READONLY"),
        (exceptions.BusyLoadingError("Redis is loading"), "LOADING"),
        (exceptions.MasterDownError("Link with MASTER"), "MASTERDOWN"),
        (exceptions.ClusterDownError("The cluster is down"), "CLUSTERDOWN"),
        (exceptions.MovedError("1 host:1"), "MOVED"),
        (exceptions.ExecAbortError("Transaction discarded"), "EXECABORT"),
    ],
)
def test_codes(error: Exception, code: str) -> None:
    """An error reply has its code again where redis-py took it off, and never free words.

    A code is short: it is logged, and a server may send anything.
    """
    assert error_reply(error).code == code


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.ResponseError("OOM secret"), "OOM"),
        (exceptions.NoPermissionError("secret"), "NOPERM"),
        (exceptions.ConnectionError("redis://user:secret@host"), "ConnectionError"),
        (
            caused(exceptions.ConnectionError("secret"), OSError("secret")),
            "ConnectionError: OSError",
        ),
        (caused(exceptions.TimeoutError("secret"), TimeoutError("secret")), "TimeoutError"),
        (caused(OSError("secret"), EOFError()), "OSError: EOFError"),
        (caused(ValueError("secret"), OSError()), "ValueError"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_labels(error: Exception, expected: str) -> None:
    """A label names classes and codes, and nothing of hosts, commands or credentials."""
    assert label(error) == expected


arguments = st.one_of(
    st.binary(max_size=9),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.integers(),
    st.floats(allow_nan=False),
)


@given(st.lists(st.lists(arguments, min_size=1, max_size=5).map(tuple), max_size=3))
def test_pack(commands: list[tuple[Any, ...]]) -> None:
    """Commands are written as hiredis writes them."""
    hiredis = pytest.importorskip("hiredis")
    packed = pack(commands)
    assert packed == b"".join(map(hiredis.pack_command, commands))


def test_half_a_character() -> None:
    """What has no bytes cannot be written, and is answered like a refusal."""
    command = ("UNLINK", "x\ud800")
    with pytest.raises(UnicodeError) as caught:
        pack([command])
    (reply,) = unsendable([command], caught.value)
    assert reply.code == "UnicodeEncodeError"


@pytest.mark.parametrize(
    "replies",
    [
        [b"OK", b"QUEUED", b"QUEUED", [1]],
        [b"OK", b"QUEUED", [b"{}", b"1.0"], [1, 2]],
        [[1, 2], b"OK", b"QUEUED", [1, 2]],
    ],
)
def test_transactions_of_others(replies: list[Any]) -> None:
    """Replies that cannot be those to MULTI, two commands and EXEC are recognised."""
    with pytest.raises(ForeignReply):
        unpack_transaction(replies)


def test_check() -> None:
    """Replies pass where they can be ours, or where nobody can tell."""
    assert check([1], None) == [1]
    assert check([1], lambda replies: replies == [1]) == [1]
    with pytest.raises(ForeignReply):
        check([2], lambda replies: replies == [1])
