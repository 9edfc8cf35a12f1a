"""Every fault is tried with `invoke` and with `ainvoke`, under a name of its own."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from integration_tests.faults.harness import Application, LoopInThread
from integration_tests.faults.proxy import FaultProxy

MakeApplication = Callable[..., Application]
Connect = Callable[..., Application]
MakeBoth = Callable[[str], list[Application]]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loop() -> Iterator[LoopInThread]:
    running = LoopInThread()
    yield running
    running.close()


@pytest.fixture
def make_app(way: str, loop: LoopInThread, name: str) -> Iterator[MakeApplication]:
    """Makes applications that use the server at a URL, or a client."""
    made: list[Application] = []

    def make(redis_url: str | None = None, **kwargs: Any) -> Application:
        if redis_url is not None:
            kwargs["redis_url"] = redis_url
        made.append(Application(way, loop, **{"name": name, **kwargs}))
        return made[-1]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def make_both(loop: LoopInThread, name: str) -> Iterator[MakeBoth]:
    """Makes a sync and an async application at once, where a fault takes long to produce."""
    made: list[Application] = []

    def make(redis_url: str) -> list[Application]:
        made.extend(
            Application(way, loop, name=f"{name}-{way}", redis_url=redis_url)
            for way in ("sync", "async")
        )
        return made[-2:]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def proxy(redis_url: str) -> Iterator[FaultProxy]:
    """Stands before the server that all tests share."""
    with FaultProxy(redis_url) as running:
        yield running


@pytest.fixture
def app(make_app: MakeApplication, proxy: FaultProxy) -> Application:
    """With everything by default, through the proxy."""
    return make_app(proxy.url)


@pytest.fixture(autouse=True)
def swept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ignores what redis-py's asyncio client for clusters leaves open where nodes come and go.

    That is found whenever garbage is collected, in this test or in another one.
    """
    chosen = getattr(request.node, "callspec", None)
    left_open = {"connect": "client", "way": "async"}.items() <= getattr(
        chosen, "params", {}
    ).items()
    if left_open:  # by markers: what a fixture changes itself ends with the set-up
        request.node.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
    yield
    if left_open:
        gc.collect()


@pytest.fixture(params=["client", "url"])
def connect(
    make_app: MakeApplication, way: str, loop: LoopInThread, request: pytest.FixtureRequest
) -> Iterator[Connect]:
    """Makes applications on a cluster, by a client or by a URL, given the port of one node."""
    clients: list[Any] = []
    apps: list[Application] = []

    def make(port: int, **kwargs: Any) -> Application:
        options = kwargs.pop("options", {})
        if request.param == "url":
            user = f"{options['username']}:{options['password']}@" if options else ""
            return make_app(f"redis+cluster://{user}127.0.0.1:{port}", **kwargs)
        kind: Any = redis.RedisCluster if way == "sync" else redis.asyncio.RedisCluster
        clients.append(kind(host="127.0.0.1", port=port, **options))
        passed = "redis_client" if way == "sync" else "async_redis_client"
        apps.append(make_app(**{passed: clients[-1]}, **kwargs))
        return apps[-1]

    yield make
    for app in apps:  # first: a client that is asked something after its end begins anew
        app.close()
    for client in clients:
        client.close() if way == "sync" else loop.run(client.aclose())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and a server's certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ("-newkey", "rsa:2048", "-nodes")
    authority = ("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    # From 3.13 on Python asks of an authority that it says what its key is for.
    openssl(folder, *authority, "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(folder, "req", *key, "-keyout", "redis.key", "-out", "redis.csr", "-subj", "/CN=redis")
    (folder / "san").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nauthorityKeyIdentifier=keyid\n"
    )
    signing = ("x509", "-req", "-in", "redis.csr", "-CA", "ca.crt", "-CAkey", "ca.key")
    openssl(
        folder, *signing, "-CAcreateserial", "-extfile", "san", "-out", "redis.crt", "-days", "2"
    )
    return folder


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def tls_options(certificates: Path) -> dict[str, str]:
    """What a server is configured with that shows its certificate and asks for none."""
    return {
        "tls-cert-file": str(certificates / "redis.crt"),
        "tls-key-file": str(certificates / "redis.key"),
        "tls-ca-cert-file": str(certificates / "ca.crt"),
        "tls-auth-clients": "no",
    }
