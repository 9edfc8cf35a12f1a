"""A reply belongs to its request: what a broken middlebox makes of others is never served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.disorder import Disorder, Kind, split_replies
from integration_tests.faults.harness import new_question
from integration_tests.faults.proxy import FaultProxy
from langchain_redis_semcache import Limits

KINDS: list[Kind] = ["double", "drop", "swap"]
AT_ONCE = 24
ROUNDS = 25
CLIENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "url": lambda url: {"redis_url": url},
    "client": lambda url: {"redis_client": redis.Redis.from_url(url, protocol=2)},
    "async client": lambda url: {
        "redis_url": url,
        "async_redis_client": lambda: redis.asyncio.Redis.from_url(url, protocol=2),
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_disorder(make_app: MakeApplication, proxy: FaultProxy, client: str, kind: Kind) -> None:
    """Doubled, lost and swapped replies cost misses; nobody gets somebody else's answer."""
    # A lost reply is waited for in vain, so not for long; the others arrive.
    limits = Limits(redis=0.1 if kind == "drop" else 1.0)
    app = make_app(**CLIENTS[client](proxy.url), limits=limits)
    questions = [new_question() for _ in range(AT_ONCE)]
    app.warm_up()
    app.storm(questions)
    app.events.clear()
    proxy.disorder(kind, 0.1)
    for number in range(ROUNDS):
        # As they were and reworded, so that both kinds of lookups share a pipeline.
        app.storm([f"please {q}" if n % 3 == number % 3 else q for n, q in enumerate(questions)])
    if kind == "double" or (kind == "swap" and app.way == "async"):
        assert app.hits()
        assert "redis: ForeignReply" in app.failures()
    proxy.pass_through()
    proxy.close_idle()
    app.recovers()


DATA = b"+OK\r\n:1\r\n$-1\r\n$3\r\na\r\n\r\n*2\r\n$1\r\nx\r\n*1\r\n:2\r\n*-1\r\n*0\r\n-ERR x\r\n"


def test_splitting() -> None:
    """Replies are found whole, wherever the data is cut."""
    whole, rest = split_replies(DATA)
    assert (len(whole), rest) == (8, b"")
    for cut in range(len(DATA)):
        head, left = split_replies(DATA[:cut])
        tail, rest = split_replies(left + DATA[cut:])
        assert ([*head, *tail], rest) == (whole, b"")


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [("double", b":1\r\n", b":1\r\n:2\r\n"), ("drop", b"", b""), ("swap", b":1\r\n", b":2\r\n")],
)
def test_one_by_one(kind: Kind, first: bytes, second: bytes) -> None:
    """What is doubled comes again before the next one; alone nothing can change its place."""
    disorder = Disorder(kind, 1.0, seed=1)
    assert (disorder.pass_on(b":1\r\n"), disorder.pass_on(b":2\r\n")) == (first, second)


def test_swapped() -> None:
    """Two replies that come together change places."""
    assert Disorder("swap", 1.0, seed=1).pass_on(b":1\r\n:2\r\n:3\r\n") == b":2\r\n:1\r\n:3\r\n"
