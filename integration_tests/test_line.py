"""One sync connection to a peer that answers nothing, slowly, or closes: its deadline holds."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from langchain_redis_semcache.transport.line import Line
from langchain_redis_semcache.transport.wire import pack

BUDGET = 0.2
SOON = 1.0
"""Seconds: the budget, and what a busy machine may add."""


@pytest.fixture
def pair() -> Iterator[tuple[Line, socket.socket]]:
    """A line and the socket of its peer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = SimpleNamespace(socket=ours, disconnect=ours.close)
        yield Line(connection), theirs


def failing(line: Line, *command: Any) -> tuple[BaseException, float]:
    """Return what asking came to, and after how many seconds."""
    begun = time.monotonic()
    try:
        line.ask(pack([command]), 1, begun + BUDGET)
    except Exception as error:
        return error, time.monotonic() - begun
    raise AssertionError("should have failed")


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


def test_reply(pair: tuple[Line, socket.socket]) -> None:
    """What the peer answers is returned, in order, and the line is silent afterwards."""
    line, peer = pair
    peer.sendall(b"+OK\r\n:7\r\n")
    assert line.ask(pack([("PING",), ("TTL", "k")]), 2, time.monotonic() + BUDGET) == [b"OK", 7]
    assert line.is_silent()
    peer.sendall(b"+more\r\n")
    assert not line.is_silent()


def test_deaf(pair: tuple[Line, socket.socket]) -> None:
    """Without an answer the call ends at its deadline."""
    error, seconds = failing(pair[0], "PING")
    assert isinstance(error, TimeoutError)
    assert BUDGET <= seconds < SOON


def test_signals(pair: tuple[Line, socket.socket]) -> None:
    """Signals that keep coming, as those of a profiler do, do not begin the wait anew."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        error, seconds = failing(pair[0], "PING")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert isinstance(error, TimeoutError)
    assert seconds < SOON


def test_slow_reader(
    pair: tuple[Line, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A peer that takes a long request piece by piece does not prolong it."""
    line, peer = pair

    def read() -> None:
        with suppress(OSError):
            while peer.recv(1 << 16):
                time.sleep(0.05)

    in_thread(read)
    error, seconds = failing(line, "SET", "k", b"x" * 5_000_000)
    assert isinstance(error, TimeoutError)
    assert seconds < SOON


def test_drips(
    pair: tuple[Line, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A reply that comes byte by byte does not prolong the wait either."""
    line, peer = pair

    def write() -> None:
        with suppress(OSError):
            peer.sendall(b"$1000\r\n")
            while True:
                peer.sendall(b"x")
                time.sleep(0.02)

    in_thread(write)
    error, seconds = failing(line, "GET", "k")
    assert isinstance(error, TimeoutError)
    assert seconds < SOON


def test_closed(pair: tuple[Line, socket.socket]) -> None:
    """A peer that closes is a connection error, at once."""
    line, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert not line.is_silent()
    error, seconds = failing(line, "PING")
    assert isinstance(error, ConnectionError)
    assert seconds < BUDGET


def test_long_request(
    pair: tuple[Line, socket.socket], in_thread: Callable[[Callable[[], None]], None]
) -> None:
    """A request longer than the socket's buffers arrives as it was."""
    line, peer = pair
    value, received = b"0123456789" * 300_000, bytearray()

    def serve() -> None:
        while len(received) < len(value):
            received.extend(peer.recv(1 << 16))
        peer.sendall(b"+OK\r\n")

    in_thread(serve)
    assert line.ask(pack([("SET", "k", value)]), 1, time.monotonic() + 10) == [b"OK"]
    assert received.endswith(value + b"\r\n")
