"""Connections on a loop, read by hiredis and by redis-py's public methods: both do the same.

The first is a contract with the installed redis-py: it opens a connection, `taken_over` takes its
transport, it closes the connection. Tried with 6.2.0, 7.4.1, 8.0.0 and 8.1.0, and hiredis from 3.2.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.exceptions import BusyLoadingError, InvalidResponse
from redis.exceptions import ConnectionError as RedisConnectionError

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.transport.hiredis_stream import (
    HiredisStream,
    taken_over,
    transport_of,
)
from langchain_redis_semcache.transport.replies import pack
from langchain_redis_semcache.transport.streams import PublicStream, Stream, opened
from langchain_redis_semcache.transport.urls import by_url

pytest.importorskip("hiredis")

To = Callable[..., Awaitable[Stream]]


class Peer:
    """A server that says what it is told to, after the greeting that redis-py expects."""

    def __init__(self) -> None:
        self.heard = b""
        self.writers: list[asyncio.StreamWriter] = []
        self.said_goodbye = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while data := await reader.read(1 << 16):
            if b"CLIENT" in data or b"SELECT" in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
            else:
                self.heard += data
        self.said_goodbye.set()
        writer.close()

    def say(self, data: bytes) -> None:
        self.writers[-1].write(data)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    one = Peer()
    async with await asyncio.start_server(one.serve, "127.0.0.1", 0) as server:
        one.port = server.sockets[0].getsockname()[1]
        yield one
        for writer in one.writers:
            writer.close()


@pytest.fixture(params=[HiredisStream, PublicStream], ids=lambda kind: kind.__name__)
def to(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> To:
    """Opens a stream of one kind, to a URL or to a peer."""
    if request.param is PublicStream:
        monkeypatch.setattr("langchain_redis_semcache.transport.hiredis_reader.hiredis", None)

    async def open_stream(where: str | Peer) -> Stream:
        url = where if isinstance(where, str) else f"redis://127.0.0.1:{where.port}"
        stream = await opened(by_url(url, 0.5)[1])
        assert type(stream) is request.param, "redis-py keeps its transport elsewhere"
        return stream

    return open_stream


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_real_server(redis_url: str, protocol: int, to: To) -> None:
    """Replies come in order and undecoded, errors among them with their codes."""
    stream = await to(f"{redis_url}?protocol={protocol}&decode_responses=True")
    commands = [("SET", "k", b"\xff" * 100_000, "PX", 1000), ("GET", "k"), ("HGET", "k", "x")]
    await stream.send(pack(commands), 3)
    done, value, refused = await stream.replies(3)
    assert (done, value) == (b"OK", b"\xff" * 100_000)
    assert isinstance(refused, ErrorReply)
    assert refused.code == "WRONGTYPE"
    assert await stream.is_silent()
    await stream.close()
    assert not await stream.is_silent()


def test_on_uvloop(redis_url: str) -> None:
    """A loop with transports of its own kind is no other case."""

    async def ask() -> list[Any]:
        stream = await opened(by_url(redis_url, 0.5)[1])
        assert isinstance(stream, HiredisStream)
        await stream.send(pack([("PING",)]), 1)
        replies = await stream.replies(1)
        await stream.close()
        return replies

    loop = pytest.importorskip("uvloop").new_event_loop()
    try:
        assert loop.run_until_complete(ask()) == [b"PONG"]
    finally:
        loop.close()


async def test_closing_is_redis_pys(peer: Peer, to: To) -> None:
    """In peace or at once, the peer sees the end, and nothing is left for the collector to find."""
    for close in ("close", "end"):
        stream = await to(peer)
        peer.said_goodbye.clear()
        await asyncio.wait_for(getattr(stream, close)(), 5)
        await asyncio.wait_for(peer.said_goodbye.wait(), 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del stream
        gc.collect()


async def test_pieces(peer: Peer, to: To) -> None:
    """A reply that comes byte by byte is one reply, and what comes too early waits."""
    stream = await to(peer)
    await stream.send(pack([("A",), ("B",)]), 2)
    for byte in b"$2\r\nab\r\n:7\r\n":
        peer.say(bytes([byte]))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(stream.replies(1), 5) == [b"ab"]
    assert await asyncio.wait_for(stream.replies(1), 5) == [7]
    assert await stream.is_silent()
    await stream.end()


async def test_a_reply_that_nobody_asked_for(peer: Peer, to: To) -> None:
    """It is noticed before the next question: it would be taken for the answer to that."""
    stream = await to(peer)
    peer.say(b"+more\r\n")
    while await stream.is_silent():
        await asyncio.sleep(0)
    await stream.end()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"-LOADING Redis is loading\r\n", BusyLoadingError),
        (b"-NOAUTH Authentication required.\r\n", redis.AuthenticationError),
        (b"nonsense\r\n", InvalidResponse),
        (None, RedisConnectionError),
    ],
)
async def test_no_reply(peer: Peer, to: To, said: bytes | None, error: type[Exception]) -> None:
    """A server that is not available, nonsense and an end are the errors that redis-py raises."""
    stream = await to(peer)
    await stream.send(pack([("PING",)]), 1)
    if said is None:
        peer.writers[-1].close()
    else:
        peer.say(said)
    with pytest.raises(error):
        await asyncio.wait_for(stream.replies(1), 5)
    await stream.end()


async def test_an_end_at_rest(peer: Peer, to: To) -> None:
    """That the server has closed it is known before anything is sent on it."""
    stream = await to(peer)
    peer.writers[-1].close()
    while await stream.is_silent():
        await asyncio.sleep(0)
    await asyncio.wait_for(stream.close(), 5)


async def test_other_kinds_are_left_alone(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does more than its transport, or is not open, is not taken over."""

    class Own(redis.asyncio.Connection):  # type: ignore[misc]  # untyped in some versions
        """Reads in its own way, as Sentinel's do."""

    connect: Callable[..., Any] = by_url(f"redis://127.0.0.1:{peer.port}", 0.5)[1]
    connection = connect()
    assert transport_of(connection) is None
    assert taken_over(connection) is None
    assert taken_over(Own()) is None
    await connection.connect()
    monkeypatch.setattr("langchain_redis_semcache.transport.hiredis_reader.hiredis", None)
    assert taken_over(connection) is None
    await connection.disconnect()
