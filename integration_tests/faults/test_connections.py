"""Connections that users really have: TLS, sockets, passwords, sentinels, clusters, own clients."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.credentials import CredentialProvider

from integration_tests.faults.conftest import MakeApplication, MakeBoth, tls_options
from integration_tests.faults.harness import Application, LoopInThread, eventually, new_question
from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.servers import RawServer
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.embedded.server import free_port
from langchain_redis_semcache.reporting.log import QUIET_SECONDS


@pytest.fixture(scope="module")
def tls_port(certificates: Path) -> Iterator[int]:
    port = free_port()
    with EmbeddedRedis(config={"tls-port": str(port), **tls_options(certificates)}):
        yield port


def test_tls(make_app: MakeApplication, tls_port: int, certificates: Path) -> None:
    """rediss:// with the CA's file works, and stale connections are noticed there as well."""
    app = make_app(f"rediss://127.0.0.1:{tls_port}?ssl_ca_certs={certificates}/ca.crt")
    app.recovers()
    known = app.warm_up()
    with redis.Redis(port=tls_port, ssl=True, ssl_cert_reqs="none") as other:
        for _ in range(3):
            assert app(known)
            other.client_kill_filter(_type="normal", skipme=True)
            eventually(lambda: app(known), 2)


def test_tls_that_cannot_be_trusted(make_app: MakeApplication, tls_port: int) -> None:
    """An unknown certificate authority is an outage: no connection, no exception, one warning."""
    app = make_app(f"rediss://127.0.0.1:{tls_port}")
    for _ in range(3):
        assert not app(new_question())
    app.discreet()


def test_tls_through_faults(
    make_app: MakeApplication, tls_port: int, certificates: Path, way: str
) -> None:
    """The deadline holds for TLS too, handshake included."""
    with FaultProxy(f"redis://127.0.0.1:{tls_port}") as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}?ssl_ca_certs={certificates}/ca.crt"
        app = make_app(url)
        known = app.warm_up()
        faults: list[Callable[[], None]] = [
            proxy.deaf,
            proxy.reset,
            lambda: proxy.drip(0.05),
            proxy.garbage,
            lambda: proxy.half_reply("hang"),
        ]
        for fault in faults:
            fault()
            app(known)
            app(new_question())
            proxy.pass_through()
            app.recovers()
            assert app(known)
        proxy.drip(0.05)
        app.close()
        app = make_app(url)  # dripping from the handshake on
        assert not app(new_question())
        proxy.pass_through()
        app.recovers()
        app.close()


def test_unix_socket(make_app: MakeApplication) -> None:
    """unix:// works."""
    with EmbeddedRedis(unix_socket=True) as server:
        app = make_app(server.url)
        assert app.works()
        assert not app.failures()


def test_user_and_password(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """A user and a password with special characters stand %-encoded in the URL."""
    with redis.Redis.from_url(scratch.url) as admin:
        admin.execute_command("ACL", "SETUSER", "us/er", "on", ">p@s:s/w%", "~*", "&*", "+@all")
    app = make_app(scratch.url.replace("://", "://us%2Fer:p%40s%3As%2Fw%25@"))
    assert app.works()
    assert not app.failures()


class Provider(CredentialProvider):
    """Hands out short-lived passwords, as those of cloud providers do."""

    password = "first"

    def get_credentials(self) -> tuple[str, str]:
        return "rotating", self.password


MakeClient = Callable[..., dict[str, Any]]


@pytest.fixture
def client_of(loop: LoopInThread) -> Iterator[MakeClient]:
    """Makes clients to pass in, and closes them, as applications do."""
    made: list[Any] = []

    def make(way: str, url: str, **kwargs: Any) -> dict[str, Any]:
        kind: Any = redis.Redis if way == "sync" else redis.asyncio.Redis
        made.append(kind.from_url(url, **kwargs))
        return {"redis_client" if way == "sync" else "async_redis_client": made[-1]}

    yield make
    for client in made:
        if isinstance(client, redis.Redis):
            client.close()
        else:
            loop.run(client.aclose())


def test_credential_provider(
    make_app: MakeApplication, scratch: EmbeddedRedis, way: str, client_of: MakeClient
) -> None:
    """A passed client's credential provider is asked, and asked again when passwords rotate."""
    with redis.Redis.from_url(scratch.url) as admin:
        rotating = ("ACL", "SETUSER", "rotating", "on", "~*", "&*", "+@all")
        admin.execute_command(*rotating, "resetpass", ">first")
        provider = Provider()
        app = make_app(**client_of(way, scratch.url, credential_provider=provider))
        assert app.works()
        admin.execute_command(*rotating, "resetpass", ">second")
        provider.password = "second"
        admin.client_kill_filter(_type="normal", skipme=True)
        app.recovers()


@pytest.mark.parametrize("kind", ["client", "sync client used by async code"])
def test_a_client_without_timeouts(
    kind: str, make_app: MakeApplication, proxy: FaultProxy, way: str, client_of: MakeClient
) -> None:
    """A passed client that would wait for ever does not hold up a call."""
    sync = kind != "client" or way == "sync"
    patient = {"socket_timeout": None, "socket_connect_timeout": None}
    app = make_app(**client_of("sync" if sync else "async", proxy.url, **patient))
    known = app.warm_up()
    proxy.deaf()
    for _ in range(5):
        app(known)
    app.storm([new_question() for _ in range(20)])
    app.discreet()
    proxy.pass_through()
    app.recovers()
    assert app(known)


def test_a_client_that_retries(
    make_app: MakeApplication, proxy: FaultProxy, way: str, client_of: MakeClient
) -> None:
    """A passed client's own retries and backoffs do not hold up a call either."""
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    retry = (Retry if way == "sync" else AsyncRetry)(ConstantBackoff(1), 10)
    app = make_app(**client_of(way, proxy.url, retry=retry))
    known = app.warm_up()
    for fault in (proxy.refuse, proxy.reset, proxy.garbage):
        fault()
        for _ in range(3):
            app(known)
            app(new_question())
        proxy.pass_through()
        app.recovers()


# -- sentinel ------------------------------------------------------------------------------------


@pytest.fixture
def replicated() -> Iterator[tuple[RawServer, RawServer, RawServer]]:
    """A master, its replica, and a sentinel that fails over quickly."""
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(RawServer({"repl-diskless-sync-delay": "0"}))
        replica = stack.enter_context(RawServer(tail=f"replicaof 127.0.0.1 {master.port}\n"))
        watch = f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
        watch += "sentinel down-after-milliseconds mymaster 400\n"
        watch += "sentinel failover-timeout mymaster 2000\n"
        sentinel = stack.enter_context(RawServer(search=False, tail=watch))

        def linked() -> bool:
            info = master.client.info("replication")
            known = sentinel.client.execute_command("SENTINEL", "REPLICAS", "mymaster")
            return info["connected_slaves"] == 1 and len(known) == 1

        eventually(linked, 20)
        yield master, replica, sentinel


def role(server: RawServer) -> str:
    with contextlib.suppress(redis.ConnectionError):  # a server that changes roles closes them
        return str(server.client.info("replication")["role"])
    return "changing"


def test_failover(
    make_both: MakeBoth,
    replicated: tuple[RawServer, RawServer, RawServer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the master dies and a sentinel promotes the replica, the cache follows; the log says
    once that it is gone, and once that it is back."""
    caplog.set_level("INFO", "langchain_redis_semcache")
    master, replica, sentinel = replicated
    apps = make_both(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/mymaster/0")
    known = [app.warm_up() for app in apps]
    eventually(lambda: replica.client.dbsize() == master.client.dbsize())
    os.kill(master.process.pid, signal.SIGSTOP)
    for _ in range(3):
        for app in apps:
            app(new_question())
    for app, question in zip(apps, known, strict=True):
        app.recovers(30)
        assert app(question)
        app.discreet()
        eventually(partial(is_over, app), QUIET_SECONDS + 10)
        assert app.outages() == ["WARNING", "INFO"]
    assert role(replica) == "master"


def is_over(app: Application) -> bool:
    """Ask what had failed, a store as well: it is over where that works, or in time."""
    app(new_question())
    return len(app.outages()) != 1


def test_demotion_under_a_living_connection(
    make_both: MakeBoth,
    replicated: tuple[RawServer, RawServer, RawServer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A planned failover demotes the server we are connected to: READONLY, then the new master,
    which is one outage if it is any."""
    caplog.set_level("INFO", "langchain_redis_semcache")
    master, replica, sentinel = replicated
    apps = make_both(f"redis+sentinel://127.0.0.1:{sentinel.port}/mymaster")
    known = [app.warm_up() for app in apps]
    eventually(lambda: replica.client.dbsize() == master.client.dbsize())

    def accepted() -> bool:
        with contextlib.suppress(redis.ResponseError):  # not before it has seen the replica well
            return bool(sentinel.client.execute_command("SENTINEL", "FAILOVER", "mymaster"))
        return False

    eventually(accepted, 20)
    eventually(lambda: role(master) == "slave", 20)
    for app, question in zip(apps, known, strict=True):
        app.recovers(30)
        assert app(question)
        eventually(partial(is_over, app), QUIET_SECONDS + 10)
        assert app.outages() in ([], ["WARNING", "INFO"])


# -- flows that somebody in between forgot ---------------------------------------------------------


def test_forgotten_flows(app: Application, proxy: FaultProxy, way: str) -> None:
    """Idle connections that died silently cost one timeout together, and not one each."""
    known = app.warm_up()
    proxy.delay(0.1)  # until as many connections are open as there will be
    app.storm([known] * (20 if way == "sync" else 300))  # a loop gathers 128 on each
    proxy.pass_through()
    assert proxy.connections_open > 1
    app.events.clear()
    proxy.forget_flows()
    eventually(lambda: app(known))
    assert [f for f in app.failures() if "suspended" not in f] == ["redis: TimeoutError"]
    assert app.works()
