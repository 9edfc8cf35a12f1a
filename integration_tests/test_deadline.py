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
from langchain_redis_semcache.transport.hiredis_socket import HiredisSocket
from langchain_redis_semcache.transport.replies import pack
from langchain_redis_semcache.transport.sync import PublicSocket, Spoken, opened

BUDGET = 0.2


@pytest.fixture(params=[HiredisSocket, PublicSocket], ids=lambda kind: kind.__name__)
def pair(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Spoken, socket.socket]]:
    """A connection, read in either way, and the socket of its peer."""
    if request.param is PublicSocket:
        monkeypatch.setattr("langchain_redis_semcache.transport.hiredis_reader.hiredis", None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        kind: Any = with_deadline(redis.Connection)
        known = inspect.signature(redis.connection.AbstractConnection).parameters
        # Nothing is said in the handshake.
        unnamed = ("driver_info",) if "driver_info" in known else ("lib_name", "lib_version")
        port = server.getsockname()[1]
        connection = kind(host="127.0.0.1", port=port, protocol=2, **dict.fromkeys(unnamed))
        spoken = opened(connection, time.monotonic() + 10)
        assert type(spoken) is request.param
        peer, _ = server.accept()
        with peer:
            yield spoken, peer
            spoken.disconnect()


def ask(connection: Spoken, *command: Any) -> Any:
    return connection.exchange(pack([command]), 1, time.monotonic() + BUDGET)


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


def test_reply(pair: tuple[Spoken, socket.socket]) -> None:
    """What the peer answers is returned, in order, and the connection is silent afterwards."""
    connection, peer = pair
    peer.sendall(b"+OK\r\n:7\r\n")
    packed = pack([("PING",), ("TTL", "k")])
    assert connection.exchange(packed, 2, time.monotonic() + BUDGET) == [b"OK", 7]
    assert connection.is_silent()
    peer.sendall(b"+more\r\n")
    assert not connection.is_silent()


def test_deaf(pair: tuple[Spoken, socket.socket]) -> None:
    """Without an answer the call ends at its deadline."""
    with pytest.raises(redis.TimeoutError):
        ask(pair[0], "PING")


def test_signals(pair: tuple[Spoken, socket.socket]) -> None:
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
    pair: tuple[Spoken, socket.socket], in_thread: Callable[[Callable[[], None]], None]
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
    pair: tuple[Spoken, socket.socket], in_thread: Callable[[Callable[[], None]], None]
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


def test_closed(pair: tuple[Spoken, socket.socket]) -> None:
    """A peer that closes is a connection error, and no timeout."""
    connection, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert not connection.is_silent()
    with pytest.raises(redis.ConnectionError):
        ask(connection, "PING")


def test_long_request(
    pair: tuple[Spoken, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A request longer than the socket's buffers arrives as it was."""
    connection, peer = pair
    value, received = b"0123456789" * 300_000, bytearray()

    def serve() -> None:
        while len(received) < len(value):
            received.extend(peer.recv(1 << 16))
        peer.sendall(b"+OK\r\n")

    in_thread(serve)
    assert connection.exchange(pack([("SET", "k", value)]), 1, time.monotonic() + 10) == [b"OK"]
    assert received.endswith(value + b"\r\n")
