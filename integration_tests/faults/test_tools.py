"""The test tools do what they say: the fault proxy and the scripted Redis."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import MasterDownError
from redis.retry import Retry

from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.scripted_redis import (
    CLOSE,
    HANG,
    ScriptedRedis,
    encode,
    in_turn,
    resp,
    split_commands,
)


@pytest.fixture
def server() -> Iterator[ScriptedRedis]:
    with ScriptedRedis({"GET": resp("value"), "HSET": resp(1), "EXPIRE": resp(1)}) as running:
        yield running


@pytest.fixture
def proxy(server: ScriptedRedis) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as running:
        yield running


def connect(url: str, **kwargs: Any) -> redis.Redis:
    return redis.Redis.from_url(url, **_options(kwargs))


def _options(kwargs: dict[str, Any]) -> dict[str, Any]:
    retry = Retry(NoBackoff(), 0)
    return {"socket_timeout": 0.5, "retry": retry, "decode_responses": True, **kwargs}


def get(url: str, use_async: bool, **kwargs: Any) -> Any:
    """GET once, on a new connection."""
    if not use_async:
        with connect(url, **kwargs) as client:
            return client.get("key")

    async def run() -> Any:
        async with redis.asyncio.Redis.from_url(url, **_options(kwargs)) as client:
            return await client.get("key")

    return asyncio.run(run())


both = pytest.mark.parametrize("use_async", [False, True], ids=["sync", "async"])


class TestScriptedRedis:
    @both
    @pytest.mark.parametrize("protocol", [2, 3])
    def test_handshake(self, server: ScriptedRedis, protocol: int, use_async: bool) -> None:
        """Clients of both protocols shake hands and read scripted replies."""
        assert get(server.url, use_async, protocol=protocol, client_name="me") == "value"
        assert server.received("GET") == [[b"GET", b"key"]]
        assert bool(server.received("HELLO")) is (protocol == 3)
        server.wait_for(lambda: server.connections_open == 0)

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_values(self, server: ScriptedRedis, protocol: int) -> None:
        """`resp` speaks the connection's protocol: maps, nulls and doubles are real in RESP3."""
        server.script["X"] = resp({"a": [None, 1.5, True, b"\xc3\xa9"]})
        with connect(server.url, protocol=protocol) as client:
            reply = client.execute_command("X")
        if protocol == 3:
            assert reply == {"a": [None, 1.5, True, "é"]}
        else:
            assert reply == ["a", [None, "1.5", 1, "é"]]

    @both
    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("-LOADING Redis is loading the dataset in memory", redis.BusyLoadingError),
            ("-BUSY Redis is busy running a script.", redis.ResponseError),
            ("-MASTERDOWN Link with MASTER is down", MasterDownError),
            ("-READONLY You can't write against a read only replica.", redis.ReadOnlyError),
            ("-OOM command not allowed when used memory > 'maxmemory'.", redis.OutOfMemoryError),
            ("-NOAUTH Authentication required.", redis.AuthenticationError),
            ("-NOPERM this user has no permissions", redis.ResponseError),
            ("-MOVED 1 127.0.0.1:1", redis.ResponseError),
            ("-CLUSTERDOWN The cluster is down", redis.ResponseError),
        ],
    )
    def test_error_lines(
        self, server: ScriptedRedis, line: str, error: type[Exception], use_async: bool
    ) -> None:
        """A scripted error line is raised by the client as its own class of error."""
        server.script["GET"] = line
        with pytest.raises(error):
            get(server.url, use_async)

    def test_unknown_commands(self, server: ScriptedRedis) -> None:
        """What no script knows is an unknown command, or gets the default."""
        with connect(server.url) as client:
            with pytest.raises(redis.ResponseError, match=r"unknown command 'FT\.SEARCH', with"):
                client.execute_command("FT.SEARCH", "index", "*")
            server.default = "-ERR everything fails"
            with pytest.raises(redis.ResponseError, match="everything fails"):
                client.execute_command("FT.SEARCH", "index", "*")
            server.script["GET"] = in_turn("-BUSY wait", resp(None), resp("late"))
            with pytest.raises(redis.ResponseError):
                client.get("key")
            assert [client.get("key") for _ in range(3)] == [None, "late", "late"]

    def test_passwords(self) -> None:
        """A server with a password wants it, in HELLO as well as in AUTH."""
        with ScriptedRedis({"GET": resp("value")}, password="secret") as server:
            for protocol in (2, 3):
                assert get(server.url, False, password="secret", protocol=protocol) == "value"
                with pytest.raises(redis.AuthenticationError):
                    get(server.url, False, password="wrong", protocol=protocol)
                with pytest.raises(redis.AuthenticationError):
                    get(server.url, False, protocol=protocol)

    @both
    def test_failing_handshakes(self, server: ScriptedRedis, use_async: bool) -> None:
        """The script beats the handshake: a denied SETINFO is survived, a denied HELLO is not."""
        server.script["CLIENT SETINFO"] = "-NOPERM this user has no permissions"
        assert get(server.url, use_async) == "value"
        server.script["HELLO"] = "-NOAUTH HELLO must be called with the client authenticated"
        with pytest.raises(redis.RedisError):
            get(server.url, use_async, protocol=3)

    def test_transactions(self, server: ScriptedRedis) -> None:
        """Commands are queued; EXEC carries their replies, or aborts after a queue error."""
        with connect(server.url) as client:
            pipeline = client.pipeline(transaction=True)
            assert pipeline.hset("h", "f", "v").expire("h", 5).execute() == [1, True]
            server.script["HSET"] = "-WRONGTYPE Operation against a key of the wrong kind"
            replies = pipeline.hset("h", "f", "v").expire("h", 5).execute(raise_on_error=False)
            assert isinstance(replies[0], redis.ResponseError)
            assert replies[1] == 1
            server.script["HSET"] = "-OOM command not allowed"
            with pytest.raises(redis.OutOfMemoryError, match="HSET"):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.script |= {"HSET": resp(1), "EXEC": "-EXECABORT Transaction discarded"}
            with pytest.raises(redis.RedisError, match="discarded"):
                pipeline.hset("h", "f", "v").execute()

    @both
    def test_silence_and_closing(self, server: ScriptedRedis, use_async: bool) -> None:
        """HANG runs into the timeout, CLOSE and a greeting of maxclients into a lost connection."""
        server.script["GET"] = HANG
        with pytest.raises(redis.TimeoutError):
            get(server.url, use_async)
        server.script["GET"] = CLOSE
        with pytest.raises(redis.ConnectionError):
            get(server.url, use_async)
        server.greeting = "-ERR max number of clients reached"
        with pytest.raises(redis.ConnectionError):
            get(server.url, use_async)

    def test_split_commands(self) -> None:
        """Commands are cut out of any stream of bytes, binary arguments and all."""
        data = encode([b"SET", b"k", b"\r\n*1\r\n"]) + encode([b"PING"])
        for cut in range(len(data)):
            head, rest = split_commands(data[:cut])
            tail, left = split_commands(rest + data[cut:])
            assert head + tail == [[b"SET", b"k", b"\r\n*1\r\n"], [b"PING"]]
            assert left == b""


class TestProxy:
    @both
    def test_pass_through_and_counters(
        self, server: ScriptedRedis, proxy: FaultProxy, use_async: bool
    ) -> None:
        """Everything passes and is counted, and closed connections are seen as closed."""
        assert get(proxy.url, use_async, protocol=2) == "value"
        proxy.wait_for(lambda: proxy.connections_open == 0)
        assert proxy.connections_total == 1
        assert proxy.bytes_in > 20
        assert proxy.bytes_out > 10

    def test_round_trips(self, proxy: FaultProxy) -> None:
        """A pipeline is one round trip, however many commands it has."""
        with connect(proxy.url, socket_timeout=5) as client:
            client.get("warm up")
            before = proxy.round_trips
            pipeline = client.pipeline(transaction=False)
            for i in range(100):
                pipeline.hset("h", str(i), "x")
            pipeline.execute()
            assert proxy.round_trips == before + 1
            client.get("key")
            assert proxy.round_trips == before + 2

    @both
    def test_delay(self, proxy: FaultProxy, use_async: bool) -> None:
        """Each reply is late by the given time, which a timeout notices."""
        proxy.delay(0.05)
        started = time.monotonic()
        assert get(proxy.url, use_async, protocol=3) == "value"
        assert time.monotonic() - started >= 0.1
        proxy.delay(5)
        with pytest.raises(redis.TimeoutError):
            get(proxy.url, use_async)

    def test_drip(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """A dripping reply defeats the timeout of a single read."""
        server.script["GET"] = resp("0123456789" * 2)
        proxy.drip(0.02)
        started = time.monotonic()
        assert get(proxy.url, False, protocol=2) == "0123456789" * 2
        assert time.monotonic() - started > 0.2

    @both
    def test_deaf(self, server: ScriptedRedis, proxy: FaultProxy, use_async: bool) -> None:
        """A deaf proxy accepts and forwards nothing; a client that gives up is seen to go."""
        proxy.deaf()
        with pytest.raises(redis.TimeoutError):
            get(proxy.url, use_async)
        proxy.wait_for(lambda: proxy.connections_open == 0)
        assert server.commands == []

    def test_what_was_held_is_delivered(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """When a deaf proxy hears again, waiting requests are answered on the same connection."""
        with connect(proxy.url, socket_timeout=5) as client, ThreadPoolExecutor(1) as pool:
            client.get("warm up")
            proxy.deaf()
            before = proxy.round_trips
            asked = pool.submit(client.get, "key")
            proxy.wait_for(lambda: proxy.round_trips > before)
            assert len(server.received("GET")) == 1
            proxy.pass_through()
            assert asked.result(5) == "value"
            assert proxy.connections_total == 1

    @both
    def test_refuse(self, proxy: FaultProxy, use_async: bool) -> None:
        """Refusing resets what is open, refuses what is new, and comes back on the same port."""
        with connect(proxy.url) as client:
            client.get("warm up")
            proxy.refuse()
            assert proxy.connections_open == 0
            with pytest.raises(redis.ConnectionError):
                client.get("key")
            with pytest.raises(redis.ConnectionError, match=r"refused|Connect call failed"):
                get(proxy.url, use_async)
            proxy.pass_through()
            assert client.get("key") == "value"
            assert get(proxy.url, use_async) == "value"

    @both
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (lambda proxy: proxy.reset(), redis.ConnectionError),
            (lambda proxy: proxy.half_reply("close"), redis.ConnectionError),
            (lambda proxy: proxy.half_reply("hang"), redis.TimeoutError),
            (lambda proxy: proxy.garbage(b"!!?\r\n"), Exception),
        ],
        ids=["reset", "half-close", "half-hang", "garbage"],
    )
    def test_broken_replies(
        self,
        proxy: FaultProxy,
        fault: Callable[[FaultProxy], None],
        error: type[Exception],
        use_async: bool,
    ) -> None:
        """A broken reply is an error of the client, and the next connection may be whole again."""
        fault(proxy)
        with pytest.raises(error):
            get(proxy.url, use_async)
        proxy.pass_through()
        assert get(proxy.url, use_async) == "value"

    def test_so_many_times(self, proxy: FaultProxy) -> None:
        """A fault with `times` strikes that often and then lets everything pass."""
        with connect(proxy.url) as client:
            client.get("warm up")
            proxy.reset(times=1)
            with pytest.raises(redis.ConnectionError):
                client.get("key")
            assert client.get("key") == "value"

    def test_cut(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """A pipeline can be cut between two of its commands, or after any byte."""
        with connect(proxy.url) as client:
            pipeline = client.pipeline(transaction=False)
            client.get("warm up")
            proxy.cut_before("expire", times=1)
            with pytest.raises(redis.ConnectionError):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.wait_for(lambda: len(server.received("HSET")) == 1)
            client.get("warm up")
            size = len(encode([b"HSET", b"h", b"f", b"v"]))
            proxy.cut_after(size + 10, times=1)
            with pytest.raises(redis.ConnectionError):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.wait_for(lambda: len(server.received("HSET")) == 2)
            assert server.received("EXPIRE") == []
            assert pipeline.hset("h", "f", "v").expire("h", 5).execute() == [1, True]

    def test_block_writes(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """Reads work while writes hang, also inside a transaction."""
        with connect(proxy.url) as client:
            proxy.block_writes()
            assert client.get("key") == "value"
            with pytest.raises(redis.TimeoutError):
                client.pipeline(transaction=True).hset("h", "f", "v").execute()
            assert client.get("key") == "value"
            assert server.received("MULTI") == []

    def test_a_transaction_is_one_round_trip(self, proxy: FaultProxy) -> None:
        """A transaction with a vector, which clients send in parts, counts as one round trip."""
        with connect(proxy.url) as client:
            client.get("warm up")
            for i in range(1, 51):
                before = proxy.round_trips
                pipeline = client.pipeline(transaction=True)
                pipeline.hset("h", "vector", "x" * 6144).expire("h", i).execute()
                assert proxy.round_trips == before + 1

    def test_close_idle(self, proxy: FaultProxy) -> None:
        """Idle connections are closed, and a client that checks finds a new one."""
        for reset in (False, True):
            with connect(proxy.url) as client:
                client.get("warm up")
                proxy.close_idle(reset=reset)
                assert proxy.connections_open == 0
                assert client.get("key") == "value"

    def test_it_works_while_the_tested_loop_is_blocked(self, proxy: FaultProxy) -> None:
        """The proxy has its own loop: a blocking call inside a coroutine is served."""

        async def blocking() -> Any:
            return get(proxy.url, use_async=False)

        assert asyncio.run(blocking()) == "value"

    def test_no_server_behind(self) -> None:
        """Where the server is away, the connection breaks at the first request."""
        with FaultProxy("redis://user:secret@127.0.0.1:1/2") as proxy:
            assert proxy.url == f"redis://user:secret@127.0.0.1:{proxy.port}/2"
            with pytest.raises(redis.ConnectionError):
                get(proxy.url, use_async=False)

    def test_nothing_is_left(self, server: ScriptedRedis) -> None:
        """Leaving the context ends the thread and every connection, whatever is held in it."""
        with connect(server.url) as direct:
            direct.get("key")
            with FaultProxy(server.url) as proxy:
                clients = [connect(proxy.url) for _ in range(3)]
                for client in clients:
                    client.get("key")
                proxy.deaf()
                for client in clients:
                    with pytest.raises(redis.TimeoutError):
                        client.get("key")
            assert proxy.connections_open == 0
            server.wait_for(lambda: server.connections_open == 1)
            for client in clients:
                client.close()
        assert not [t for t in threading.enumerate() if t.name == "FaultProxy"]
