"""Commands to bytes and bytes to replies, with hiredis and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError, BusyLoadingError

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.transport import resp as _resp
from langchain_redis_semcache.transport import wire as _wire

PARSERS = [hiredis, _resp]


@pytest.fixture(params=PARSERS, ids=["hiredis", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _wire.Parser:
    monkeypatch.setattr(_wire, "_library", request.param)
    return _wire.Parser()


arguments = st.one_of(
    st.binary(max_size=9),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.integers(),
    st.floats(allow_nan=False),
)


@given(st.lists(arguments, min_size=1, max_size=5).map(tuple))
def test_pack(command: tuple[Any, ...]) -> None:
    """Both write a command alike, and each reads it as the parts that it was made of."""
    packed = _resp.pack_command(command)
    assert packed == hiredis.pack_command(command)
    reader = _resp.Reader(notEnoughData=_wire.PENDING)
    reader.feed(packed)
    parts = [p if isinstance(p, bytes) else str(p).encode() for p in command]
    assert reader.gets() == parts


def _framed(mark: bytes, per_item: int = 1) -> Callable[[list[bytes]], bytes]:
    return lambda items: b"%b%d\r\n" % (mark, len(items) // per_item) + b"".join(items)


words = st.text("abc XYZ", max_size=6).map(str.encode)
bulk = st.binary(max_size=9).map(lambda data: b"$%d\r\n%b\r\n" % (len(data), data))
scalars = st.one_of(
    bulk,
    words.map(lambda text: b"+%b\r\n" % text),
    words.map(lambda text: b"-ERR %b\r\n" % text),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: b":%d\r\n" % n),
    st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"_\r\n", b"#t\r\n", b"#f\r\n", b",1.5\r\n"]),
    words.map(lambda text: b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text)),
)
replies = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_framed(b"*")),
        st.lists(inner, max_size=3).map(_framed(b">")),
        st.lists(st.tuples(bulk, inner), max_size=2).map(
            lambda pairs: _framed(b"%", 2)([part for pair in pairs for part in pair])
        ),
    ),
    max_leaves=8,
)


def _plain(value: Any) -> Any:
    """A value to compare: errors are equal where their texts are."""
    if isinstance(value, Exception):
        return ("error", str(value))
    if isinstance(value, list):
        return (type(value).__name__, [_plain(item) for item in value])
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _all(kind: Any, data: bytes, chunk: int) -> list[Any]:
    reader = kind.Reader(notEnoughData=_wire.PENDING)
    found = []
    for start in range(0, len(data), chunk):
        reader.feed(data[start : start + chunk])
        while (value := reader.gets()) is not _wire.PENDING:
            found.append(_plain(value))
    assert not reader.has_data()
    return found


@given(st.lists(replies, min_size=1, max_size=4).map(b"".join), st.integers(1, 30))
def test_replies(data: bytes, chunk: int) -> None:
    """Without hiredis, replies are read as with it, however they arrive in pieces."""
    assert _all(_resp, data, chunk) == _all(hiredis, data, len(data))


@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    """Bytes that are no reply are refused or waited for."""
    reader = _resp.Reader(notEnoughData=_wire.PENDING)
    reader.feed(data)
    try:
        while reader.gets() is not _wire.PENDING:
            pass
    except _resp.ProtocolError:
        pass


def test_parts_of_a_reply(parser: _wire.Parser) -> None:
    """A reply is there once it is complete, and what follows is kept for later."""
    parser.feed(b"$5\r\nab")
    assert parser.reply() is _wire.PENDING
    assert parser.has_more()
    parser.feed(b"cde\r\n:1\r\n")
    assert parser.reply() == b"abcde"
    assert parser.has_more()
    assert parser.reply() == 1
    assert not parser.has_more()


def test_error_replies(parser: _wire.Parser) -> None:
    """An error is a reply, with its code."""
    parser.feed(b"-OOM command not allowed\r\n-unknown command\r\n")
    assert parser.reply() == ErrorReply("OOM", "OOM command not allowed")
    assert parser.reply() == ErrorReply("ERR", "unknown command")


def test_push(parser: _wire.Parser) -> None:
    """What the server sends unasked in RESP3 is taken for nobody's reply."""
    parser.feed(b">2\r\n+invalidate\r\n*0\r\n+OK\r\n")
    assert parser.reply() == b"OK"


def test_many_pushes(parser: _wire.Parser) -> None:
    """However much was sent unasked, the reply behind it is found."""
    parser.feed(b">1\r\n+x\r\n" * 5000 + b"+OK\r\n")
    assert parser.reply() == b"OK"


def test_old_hiredis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of hiredis that lack something we need are left alone."""
    monkeypatch.delattr(hiredis, "PushNotification")
    assert _wire._chosen() is _resp


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", BusyLoadingError),
        (b"-NOAUTH Authentication required.\r\n", AuthenticationError),
        (b"?what\r\n", Exception),
    ],
)
def test_unavailable(parser: _wire.Parser, data: bytes, error: type[Exception]) -> None:
    """A server that will answer nothing on this connection is not available."""
    parser.feed(data)
    with pytest.raises(error):
        parser.reply()
