"""Connections that users really have: TLS, sockets, passwords, sentinels, clusters, own clients."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.credentials import CredentialProvider

from integration_tests.faults.conftest import MakeApplication, MakeBoth
from integration_tests.faults.harness import Application, LoopInThread, eventually, new_question
from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.scripted_redis import ScriptedRedis, in_turn, nothing, resp
from integration_tests.faults.servers import RawServer
from integration_tests.support import LLM, asked, told
from langchain_redis_semcache import Limits
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.embedded.server import free_port


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and a server's certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ("-newkey", "rsa:2048", "-nodes")
    authority = ("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    openssl(folder, *authority, "-days", "2")
    openssl(folder, "req", *key, "-keyout", "redis.key", "-out", "redis.csr", "-subj", "/CN=redis")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    signing = ("x509", "-req", "-in", "redis.csr", "-CA", "ca.crt", "-CAkey", "ca.key")
    openssl(
        folder, *signing, "-CAcreateserial", "-extfile", "san", "-out", "redis.crt", "-days", "2"
    )
    return folder


@pytest.fixture(scope="module")
def tls_port(certificates: Path) -> Iterator[int]:
    port = free_port()
    config = {
        "tls-port": str(port),
        "tls-cert-file": str(certificates / "redis.crt"),
        "tls-key-file": str(certificates / "redis.key"),
        "tls-ca-cert-file": str(certificates / "ca.crt"),
        "tls-auth-clients": "no",
    }
    with EmbeddedRedis(config=config):
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


def test_failover(make_both: MakeBoth, replicated: tuple[RawServer, RawServer, RawServer]) -> None:
    """When the master dies and a sentinel promotes the replica, the cache follows."""
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
    assert role(replica) == "master"


def test_demotion_under_a_living_connection(
    make_both: MakeBoth, replicated: tuple[RawServer, RawServer, RawServer]
) -> None:
    """A planned failover demotes the server we are connected to: READONLY, then the new master."""
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


# -- cluster -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RawServer]]:
    """Three masters, each with a third of the slots and, being Redis Stack 7.4, its own indexes."""
    options = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"}
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(RawServer(options)) for _ in range(3)]
        clients = [node.client for node in nodes]
        for i, client in enumerate(clients):
            first, last = i * 16384 // 3, (i + 1) * 16384 // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for client in clients[1:]:
            met = nodes[0]
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", met.port, met.cluster_port)
        eventually(lambda: all(_ok(client) for client in clients), 30)
        yield nodes


def _ok(client: redis.Redis) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


@pytest.fixture
def on_cluster(
    make_app: MakeApplication, cluster: list[RawServer], way: str, loop: LoopInThread
) -> Iterator[Callable[..., Application]]:
    clients: list[Any] = []

    def make(**kwargs: Any) -> Application:
        if way == "sync":
            client: Any = redis.RedisCluster(host="127.0.0.1", port=cluster[0].port)
            clients.append(client)
            return make_app(redis_client=client, **kwargs)
        client = redis.asyncio.RedisCluster(host="127.0.0.1", port=cluster[0].port)
        clients.append(client)
        return make_app(async_redis_client=client, **kwargs)

    yield make
    for client in clients:
        client.close() if way == "sync" else loop.run(client.aclose())


def sizes(cluster: list[RawServer]) -> list[int]:
    return [int(node.client.dbsize()) for node in cluster]


def test_cluster(on_cluster: Callable[..., Application], cluster: list[RawServer]) -> None:
    """On a cluster that searches node by node identical questions are served; that is said once."""
    app = on_cluster(ttl=1000, limits=Limits(redis=5))
    questions = [new_question() for _ in range(20)]
    for question in questions:
        assert not app(question)
    assert all(map(app, questions))
    assert all(sizes(cluster))
    (warning,) = app.warnings()
    assert "NotSearchedAcrossNodes" in warning
    assert set(app.failures()) == {"search: NotSearchedAcrossNodes"}
    calls = app.embeddings.calls
    assert not app(new_question())
    assert app.embeddings.calls == calls, "embedded for nothing"
    app.do("clear")
    assert sizes(cluster) == [0, 0, 0]
    for node in cluster:
        assert node.client.execute_command("FT._LIST") == []


def test_cluster_tags(on_cluster: Callable[..., Application], cluster: list[RawServer]) -> None:
    """Removing by tag and clearing reach every node, index or not, and nobody else's keys."""
    app = on_cluster(limits=Limits(redis=5))
    for node in cluster:
        for i in range(50):
            with contextlib.suppress(redis.ResponseError):  # another node's slot
                node.client.set(f"bystander{i}", "x")
    others = sum(sizes(cluster))
    for i in range(12):
        with app.cache.tags("even" if i % 2 == 0 else "odd"):
            app.do("lookup", asked(f"question {i}"), LLM)
            app.do("update", asked(f"question {i}"), LLM, told(str(i)))
    assert sum(sizes(cluster)) == others + 12
    assert app.do("delete_tagged", "even") == 6
    app.do("clear")
    assert sum(sizes(cluster)) == others
    for node in cluster:
        node.client.flushall()


def test_cluster_that_searches_as_a_whole(make_app: MakeApplication, way: str) -> None:
    """Where any node answers for all, as with Redis 8 or valkey-search, searches are used."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(ScriptedRedis()) for _ in range(3)]
        slots = [
            [i * 5461, (i + 1) * 5461 if i == 2 else (i + 1) * 5461 - 1, ["127.0.0.1", node.port]]
            for i, node in enumerate(nodes)
        ]
        for node in nodes:
            node.script |= {
                "CLUSTER": resp(slots),
                "COMMAND": resp([[c, -2, [], 1, 1, 1] for c in ("hmget", "hset", "unlink")]),
                "INFO": resp("cluster_enabled:1\r\n"),
                "HMGET": nothing,
                "FT.SEARCH": in_turn("-ERR x: no such index", resp([0])),
                "FT.CREATE": "+OK",
                "HSET": resp(5),
                "UNLINK": resp(0),
            }
        port = nodes[0].port
        kind: Any = redis.RedisCluster if way == "sync" else redis.asyncio.RedisCluster
        client = kind(host="127.0.0.1", port=port)
        passed = {"redis_client" if way == "sync" else "async_redis_client": client}
        app = make_app(**passed, limits=Limits(redis=5))
        for _ in range(10):
            assert not app(new_question())
        assert not app.failures()
        assert app.cache.stats.stored == 10
        assert sum(len(node.received("FT.SEARCH")) for node in nodes) == 10
        assert 1 <= sum(len(node.received("FT.CREATE")) for node in nodes) <= 3
        client.close() if way == "sync" else app.loop.run(client.aclose())


def test_cluster_node_hangs(
    on_cluster: Callable[..., Application], cluster: list[RawServer]
) -> None:
    """A node that hangs costs timeouts and no answers; when it is back, so is the cache."""
    app = on_cluster()
    app.patience += 0.3
    known = [new_question() for _ in range(6)]
    for question in known:
        app(question)
    os.kill(cluster[1].process.pid, signal.SIGSTOP)
    try:
        for question in known:
            app(question)
            app(new_question())
    finally:
        os.kill(cluster[1].process.pid, signal.SIGCONT)
    eventually(lambda: all(_ok(node.client) for node in cluster), 20)
    app.recovers(20, semantic=False)
    eventually(lambda: all(map(app, known)), 20)
    app.do("clear")


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
