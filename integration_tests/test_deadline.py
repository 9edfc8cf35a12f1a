"""One sync connection to a peer that answers nothing, slowly, or closes: its deadline holds.

It is a connection of the installed redis-py: its public methods are all that is called.
"""

from __future__ import annotations

import inspect
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
import redis.connection

from langchain_redis_semcache.transport.deadline import with_deadline
from langchain_redis_semcache.transport.replies import pack
from langchain_redis_semcache.transport.sync import exchange, is_silent

BUDGET = 0.2


@pytest.fixture
def pair() -> Iterator[tuple[Any, socket.socket]]:
    """A connection and the socket of its peer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kind: Any = with_deadline(redis.Connection)
        known = inspect.signature(redis.connection.AbstractConnection).parameters
        # Nothing is said in the handshake.
        unnamed = ("driver_info",) if "driver_info" in known else ("lib_name", "lib_version")
        port = server.getsockname()[1]
        connection = kind(host="127.0.0.1", port=port, protocol=2, **dict.fromkeys(unnamed))
        connection.deadline.at = time.monotonic() + 10
        connection.connect()
        peer, _ = server.accept()
        with peer:
            yield connection, peer
            connection.disconnect()


def ask(connection: Any, *command: Any) -> Any:
    return exchange(connection, pack([command]), 1, time.monotonic() + BUDGET)


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Starts a function that ends once its socket is closed."""
    threads: list[threading.Thread] = []

    def start(function: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_reply(pair: tuple[Any, socket.socket]) -> None:
    """What the peer answers is returned, in order, and the connection is silent afterwards."""
    connection, peer = pair
    peer.sendall(b"+OK\r\n:7\r\n")
    packed = pack([("PING",), ("TTL", "k")])
    assert exchange(connection, packed, 2, time.monotonic() + BUDGET) == [b"OK", 7]
    assert is_silent(connection)
    peer.sendall(b"+more\r\n")
    assert not is_silent(connection)


def test_deaf(pair: tuple[Any, socket.socket]) -> None:
    """Without an answer the call ends at its deadline."""
    with pytest.raises(redis.TimeoutError):
        ask(pair[0], "PING")


def test_signals(pair: tuple[Any, socket.socket]) -> None:
    """Signals that keep coming, as those of a profiler do, do not begin the wait anew."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(redis.TimeoutError):
            ask(pair[0], "PING")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_slow_reader(
    pair: tuple[Any, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A peer that takes a long request piece by piece does not prolong it."""
    connection, peer = pair

    over = threading.Event()

    def read() -> None:
        with suppress(OSError):
            while not over.wait(0.05):
                peer.recv(1 << 10)

    in_thread(read)
    with pytest.raises(redis.TimeoutError):
        ask(connection, "SET", "k", b"x" * 50_000_000)
    over.set()


def test_drips(
    pair: tuple[Any, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A reply that comes byte by byte does not prolong the wait either."""
    connection, peer = pair

    def write() -> None:
        with suppress(OSError):
            peer.sendall(b"$1000\r\n")
            while True:
                peer.sendall(b"x")
                time.sleep(0.02)

    in_thread(write)
    with pytest.raises(redis.TimeoutError):
        ask(connection, "GET", "k")


def test_closed(pair: tuple[Any, socket.socket]) -> None:
    """A peer that closes is a connection error, and no timeout."""
    connection, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert not is_silent(connection)
    with pytest.raises(redis.ConnectionError):
        ask(connection, "PING")


def test_long_request(
    pair: tuple[Any, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A request longer than the socket's buffers arrives as it was."""
    connection, peer = pair
    value, received = b"0123456789" * 300_000, bytearray()

    def serve() -> None:
        while len(received) < len(value):
            received.extend(peer.recv(1 << 16))
        peer.sendall(b"+OK\r\n")

    in_thread(serve)
    assert exchange(connection, pack([("SET", "k", value)]), 1, time.monotonic() + 10) == [b"OK"]
    assert received.endswith(value + b"\r\n")
