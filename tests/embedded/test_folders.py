"""Folders that are private and short, or held by one server at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from langchain_redis_semcache.embedded.failures import EmbeddedRedisError
from langchain_redis_semcache.embedded.folders import lock_folder, private_folder


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


def test_one_server_a_folder(tmp_path: Path) -> None:
    """Two servers on one data folder would destroy it: the second is refused by the first's pid."""
    folder = tmp_path / "new" / "data"
    lock = lock_folder(folder)
    with pytest.raises(EmbeddedRedisError, match=f"of process {os.getpid()}"):
        lock_folder(folder)
    os.close(lock)
    os.close(lock_folder(folder))
