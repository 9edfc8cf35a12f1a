"""Redis is away, slow, broken or grumpy: the model answers in time and caching comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from langchain_core.outputs import Generation

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import (
    Application,
    eventually,
    new_question,
    untouched,
)
from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.scripted_redis import (
    CLOSE,
    HANG,
    ScriptedRedis,
    encode,
    in_turn,
    nothing,
    resp,
)
from langchain_redis_semcache import Limits, Sliding
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.embedded.server import free_port
from langchain_redis_semcache.entry import answer

NETWORK: dict[str, Callable[[FaultProxy], None]] = {
    "black hole": lambda proxy: proxy.deaf(),
    "refuses": lambda proxy: proxy.refuse(),
    "slow": lambda proxy: proxy.delay(2.0),
    "drips": lambda proxy: proxy.drip(0.1),
    "reset in the middle of a reply": lambda proxy: proxy.reset(),
    "half a reply, then closed": lambda proxy: proxy.half_reply("close"),
    "half a reply, then silence": lambda proxy: proxy.half_reply("hang"),
    "garbage": lambda proxy: proxy.garbage(),
    "a negative length": lambda proxy: proxy.garbage(b"*-7\r\n"),
    "a length of terabytes": lambda proxy: proxy.garbage(b"$9999999999999\r\nx"),
    "replies to nothing": lambda proxy: proxy.garbage(b"+OK\r\n" * 40),
    "a deep array": lambda proxy: proxy.garbage(b"*1\r\n" * 100_000),
    "reset in the middle of a request": lambda proxy: proxy.cut_after(30),
    "writes hang": lambda proxy: proxy.block_writes(),
}


@pytest.mark.parametrize("fault", NETWORK.values(), ids=NETWORK.keys())
def test_network(
    fault: Callable[[FaultProxy], None],
    app: Application,
    proxy: FaultProxy,
    server: redis.Redis,
) -> None:
    """Whatever the network does, the model answers in time, and caching goes on afterwards."""
    with untouched(server):
        known = app.warm_up()
        fault(proxy)
        app(known)
        for _ in range(4):
            app(new_question())
        app.discreet()
        proxy.pass_through()
        app.recovers()
        assert app(known)
        app.discreet()


def test_reads_work_while_writes_hang(app: Application, proxy: FaultProxy) -> None:
    """What is stored is still served, and hanging writes cost one timeout and not one per call."""
    known = app.warm_up()
    before = len(app.cache.delays)
    proxy.block_writes()
    for _ in range(6):
        app(new_question())
        assert app(known)
    slow = [delay for delay in app.cache.delays[before:] if delay > 0.3]
    assert len(slow) <= 2
    app.discreet()


ERRORS = [
    "-ERR something went wrong",
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "-LOADING Redis is loading the dataset in memory",
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "-READONLY You can't write against a read only replica.",
    "-OOM command not allowed when used memory > 'maxmemory'.",
    "-MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.",
    "-NOAUTH Authentication required.",
    "-WRONGPASS invalid username-password pair or user is disabled.",
    "-NOPERM User default has no permissions to run the 'hmget' command",
    "-MOVED 3999 127.0.0.1:6381",
    "-ASK 3999 127.0.0.1:6381",
    "-TRYAGAIN Multiple keys request during rehashing of slot",
    "-CLUSTERDOWN The cluster is down",
    "-NOREPLICAS Not enough good replicas to write.",
    "-UNKNOWNTHING that nobody has heard of",
    "-\xff\xfe",
]
COMMANDS = ("HMGET", "FT.SEARCH", "FT.CREATE", "HSET", "UNLINK", "PEXPIRE", "MULTI", "EXEC")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.split()[0])
def test_error_replies_to_everything(error: str, make_app: MakeApplication) -> None:
    """A server that answers everything with an error costs nothing but the saving."""
    with ScriptedRedis(dict.fromkeys(COMMANDS, error)) as server:
        app = make_app(server.url)
        for _ in range(3):
            assert not app(new_question())
        app.discreet()
        app.close()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.split()[0])
def test_error_replies_to_writes(error: str, make_app: MakeApplication) -> None:
    """A server that refuses to write loses no answer and stops no reading."""
    script = {"HMGET": nothing, "FT.SEARCH": resp([0]), "HSET": error, "UNLINK": error}
    with ScriptedRedis(script) as server:  # type: ignore[arg-type]
        app = make_app(server.url)
        for _ in range(3):
            assert not app(new_question())
        assert all(failure.startswith("store: ") for failure in app.failures())
        app.discreet()
        app.close()


@pytest.mark.parametrize("reply", [HANG, CLOSE, resp("OK"), resp(7), resp([]), resp([[]] * 9)])
@pytest.mark.parametrize("command", ["HMGET", "FT.SEARCH", "EXEC"])
def test_replies_of_a_wrong_kind(command: str, reply: object, make_app: MakeApplication) -> None:
    """A reply that no Redis would send is a miss or a lost store, never an exception."""
    script = {"HMGET": nothing, "FT.SEARCH": resp([0]), "HSET": resp(1)}
    with ScriptedRedis({**script, command: reply}, default=resp(1)) as server:  # type: ignore[dict-item]
        app = make_app(server.url, limits=Limits(redis=0.2))
        assert not app(new_question())
        assert not app(new_question())
        app.close()


def test_a_reply_too_many(make_app: MakeApplication) -> None:
    """A reply that nobody asked for is not taken for the answer to the next question."""
    stolen = [answer.encode([Generation(text="another question's answer")]), b"1.0"]
    script: dict[str, Any] = {
        # All further replies come one command late: the next HMGET would get that of EXEC.
        "HMGET": lambda command: encode([None] * (len(command) - 2)) + encode(stolen),
        "FT.SEARCH": resp([0]),
        "EXEC": resp(stolen),
    }
    with ScriptedRedis(script, default=resp(1)) as server:
        app = make_app(server.url)
        for _ in range(5):
            assert not app(new_question())
        # What is shared is asked along with the first one: what comes in its place is not gone by.
        assert set(app.failures()) <= {"settings: Unreadable"}
        app.close()


@pytest.mark.parametrize(
    "greeting", ["-ERR max number of clients reached", "-DENIED Redis is running in protected mode"]
)
def test_refused_at_the_door(greeting: str, make_app: MakeApplication) -> None:
    """A server that turns connections away is an outage like any other."""
    with ScriptedRedis(greeting=greeting) as server:
        app = make_app(server.url)
        for _ in range(3):
            assert not app(new_question())
        app.discreet()
        app.close()


def test_maxclients(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """When the server has room for connections again, they are opened."""
    with redis.Redis.from_url(scratch.url) as other:
        other.config_set("maxclients", 1)
        app = make_app(scratch.url)
        assert not app(new_question())
        app.discreet()
        other.config_set("maxclients", 100)
        app.recovers()


NOWHERE: dict[str, str] = {
    "nobody listens": "redis://127.0.0.1:1",
    "unresolvable host": "redis://no-such-host.invalid:6379",
    "black hole": "redis://10.255.255.1:6379",
    "no socket": "unix:///nonexistent/redis.sock",
    "no sentinel": "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster",
    "wrong password": "{server}",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE.keys())
def test_down_at_construction(url: str, make_app: MakeApplication, proxy: FaultProxy) -> None:
    """A server that was never there is no reason not to start."""
    app = make_app(url.format(server=proxy.url.replace("://", "://nobody:secret@")))
    for _ in range(4):
        assert not app(new_question())
    app.discreet()
    assert not any("secret" in warning for warning in app.warnings())


@pytest.mark.parametrize("certificates", ["none", "required"])
def test_tls_to_a_plain_port(
    certificates: str, make_app: MakeApplication, proxy: FaultProxy
) -> None:
    """The wrong scheme is an outage, not a hang."""
    app = make_app(f"{proxy.url.replace('redis:', 'rediss:')}?ssl_cert_reqs={certificates}")
    for _ in range(3):
        assert not app(new_question())
    app.discreet()


def test_a_listener_that_never_accepts(make_app: MakeApplication) -> None:
    """A full backlog swallows connections: that costs one timeout."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as fill:
            for _ in range(3):
                client = fill.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            app = make_app(f"redis://127.0.0.1:{port}")
            for _ in range(4):
                assert not app(new_question())
            app.discreet()


def test_killed_and_restarted(make_app: MakeApplication, tmp_path: object) -> None:
    """Killed between two calls, started again with its data and then without: caching goes on."""
    port = free_port()
    first = EmbeddedRedis(port=port, data_dir=f"{tmp_path}/data").start()
    app = make_app(first.url)
    known = app.warm_up()
    with redis.Redis.from_url(first.url) as client:
        client.save()
    os.kill(first.pid, signal.SIGKILL)
    for _ in range(3):
        assert not app(new_question())
    first.stop()
    with EmbeddedRedis(port=port, data_dir=f"{tmp_path}/data"):
        app.recovers()
        assert app(known)
        app.discreet()
    assert not app(new_question())
    with EmbeddedRedis(port=port):
        app.recovers()
        assert not app(known)
        assert app(known)


@pytest.fixture
def stopped(scratch: EmbeddedRedis) -> Iterator[Callable[[], None]]:
    yield lambda: os.kill(scratch.pid, signal.SIGSTOP)
    with contextlib.suppress(ProcessLookupError):
        os.kill(scratch.pid, signal.SIGCONT)


def test_sigstop(
    make_app: MakeApplication, scratch: EmbeddedRedis, stopped: Callable[[], None]
) -> None:
    """A server that accepts and never answers costs one timeout in each pause of the breaker."""
    app = make_app(scratch.url)
    known = app.warm_up()
    stopped()
    before = len(app.cache.delays)
    for _ in range(20):
        app(known)
    assert sum(app.cache.delays[before:]) < 20 * 0.5 / 4
    app.discreet()
    os.kill(scratch.pid, signal.SIGCONT)
    app.recovers()
    assert app(known)


def test_a_long_script(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """While a Lua script holds the server, calls wait once; afterwards all is as before."""
    app = make_app(scratch.url)
    known = app.warm_up()
    with redis.Redis.from_url(scratch.url) as other:
        other.config_set("busy-reply-threshold", 300)
        seconds = "local t=redis.call('TIME')[1]+2 while redis.call('TIME')[1]+0<t do end return 1"
        script = threading.Thread(target=other.eval, args=(seconds, 0))
        script.start()
        eventually(lambda: not app(known))
        for _ in range(3):
            app(new_question())
        script.join()
    app.recovers()
    assert app(known)
    app.discreet()


def test_idle_connections_closed(app: Application, proxy: FaultProxy) -> None:
    """A connection that the server closed while it was idle costs no hit."""
    known = app.warm_up()
    for reset in (False, True):
        assert app(known)
        proxy.close_idle(reset=reset)
        proxy.wait_for(lambda: proxy.connections_open == 0)
        assert app(known)
    assert not app.failures()


def test_client_kill(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """CLIENT KILL, as `timeout` and `client-output-buffer-limit` do it, costs no hit either."""
    app = make_app(scratch.url)
    known = app.warm_up()
    with redis.Redis.from_url(scratch.url) as other:
        assert other.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: app(known), 2)
    assert len(app.failures()) <= 1


def test_read_only_replica(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """After a failover under the same address hits go on, stores are refused and come back."""
    app = make_app(scratch.url, ttl=Sliding(100))
    known = app.warm_up()
    with redis.Redis.from_url(scratch.url) as other:
        other.execute_command("REPLICAOF", "127.0.0.1", "1")
        for _ in range(3):
            assert app(known)
            assert not app(new_question())
        assert set(app.failures()) <= {"store: READONLY", "store: suspended"}
        other.execute_command("REPLICAOF", "NO", "ONE")
    app.recovers()
    app.discreet()


def test_out_of_memory(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """A full server that evicts nothing serves what it has and loses no answer."""
    app = make_app(scratch.url)
    known = app.warm_up()
    with redis.Redis.from_url(scratch.url) as other:
        other.config_set("maxmemory", 1)
        for _ in range(3):
            assert app(known)
            assert not app(new_question())
        assert set(app.failures()) == {"store: OOM"}
        other.config_set("maxmemory", 0)
    app.recovers()
    app.discreet()


def test_loading(make_app: MakeApplication) -> None:
    """A server that reads its data first is used once it is ready."""
    loading = "-LOADING Redis is loading the dataset in memory"
    with ScriptedRedis({"HMGET": in_turn(loading, loading, resp([None] * 5))}) as server:
        server.script |= {"FT.SEARCH": resp([0]), "FT.CREATE": "+OK", "HSET": resp(5)}
        server.script |= {"UNLINK": resp(0)}
        app = make_app(server.url)

        def stored() -> bool:
            app(new_question())
            return app.cache.stats.stored > 0

        eventually(stored)
        app.discreet()
        app.close()
