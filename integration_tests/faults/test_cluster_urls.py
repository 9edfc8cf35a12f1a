"""Clusters by URL, over plain connections and over TLS, on three real nodes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.faults.conftest import Connect, MakeApplication, tls_options
from integration_tests.faults.harness import Application, eventually, new_question
from integration_tests.faults.servers import RawServer, is_well, three_nodes
from langchain_redis_semcache import Limits
from langchain_redis_semcache.errors import CacheUnavailableError


@pytest.fixture(scope="module")
def nodes(certificates: Path) -> Iterator[list[RawServer]]:
    """Three nodes of Redis Stack 7.4, each with a port for TLS and one without."""
    options = {"cluster-require-full-coverage": "no", **tls_options(certificates)}
    with three_nodes(options) as running:
        yield running


@pytest.fixture(params=["redis+cluster", "rediss+cluster"])
def connect(
    request: pytest.FixtureRequest,
    nodes: list[RawServer],
    certificates: Path,
    make_app: MakeApplication,
) -> Connect:
    secure = request.param == "rediss+cluster"
    ports = [node.tls_port if secure else node.port for node in nodes]
    seeds = ",".join(f"127.0.0.1:{port}" for port in ports[:2])
    trusted = f"?ssl_ca_certs={certificates}/ca.crt" if secure else ""
    return lambda **kwargs: make_app(f"{request.param}://{seeds}{trusted}", **kwargs)


def test_served(connect: Connect, nodes: list[RawServer]) -> None:
    """Answers are stored on all nodes and served, and nothing fails but the search that this
    engine lacks."""
    app = connect(limits=Limits(redis=5))
    known = [new_question() for _ in range(30)]
    assert not any(map(app, known))
    assert all(map(app, known))
    root = f"{app.cache.name}::"
    assert all(list(node.client.scan_iter(f"{root}*")) for node in nodes)
    assert set(app.failures()) == {"search: NotSearchedAcrossNodes"}
    app.do("clear")
    assert not any(map(app, known))
    app.do("clear")


def test_setup(connect: Connect) -> None:
    """Set-up says in a sentence what this engine lacks, and which have it."""
    with pytest.raises(CacheUnavailableError, match="use Redis 8, Redis Enterprise, or Valkey"):
        connect(limits=Limits(redis=5)).do("setup")


def test_a_node_that_hangs(connect: Connect, nodes: list[RawServer], name: str) -> None:
    """The deadline of a call holds, of one that has to connect as well; the other nodes' answers
    are served and stored."""
    before, after = connect(name=name), connect(name=name)
    for app in (before, after):
        app.patience += 1.0
    known = [new_question() for _ in range(24)]
    for question in known:
        before(question)
    eventually(lambda: all(map(before, known)))
    os.kill(nodes[2].process.pid, signal.SIGSTOP)
    try:
        for question in known:  # each call asserts that it was in time
            before(question)
            after(question)
        for app in (before, after):
            alive = [question for question in known if app(question)]
            assert 6 <= len(alive) < len(known)
            eventually(lambda: all(map(app, alive)))  # noqa: B023
            assert any(stored_now(app) for _ in range(12))
    finally:
        os.kill(nodes[2].process.pid, signal.SIGCONT)
    eventually(lambda: all(map(is_well, nodes)), 20)
    eventually(lambda: all(map(after, known)), 20)
    before.do("clear")


def stored_now(app: Application) -> bool:
    question = new_question()
    app(question)
    return app(question)


def test_tls_that_cannot_be_trusted(make_app: MakeApplication, nodes: list[RawServer]) -> None:
    """An unknown certificate authority is an outage: no exception, one warning; set-up says it."""
    app = make_app(f"rediss+cluster://127.0.0.1:{nodes[0].tls_port}")
    for _ in range(3):
        assert not app(new_question())
    app.discreet()
    with pytest.raises(CacheUnavailableError, match="certificate"):
        app.do("setup")
