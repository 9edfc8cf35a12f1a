"""What every connection is told, whatever its URL says."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from langchain_redis_semcache.transport import options
from langchain_redis_semcache.transport.options import insisted


def test_driver_info(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are named to the server, unless the URL names somebody else."""
    pytest.importorskip("redis.driver_info", reason="redis-py cannot do that before 7.2")
    monkeypatch.setattr(options, "version", lambda _: "1.2.3")
    assert "langchain-redis-semcache_v1.2.3" in insisted(1, {})["driver_info"].formatted_name
    assert "driver_info" not in insisted(1, {"lib_name": "mine"})


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree that is not installed has no version to name, and connects all the same."""

    def unknown(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(options, "version", unknown)
    assert "driver_info" not in insisted(1, {})


def test_protocol() -> None:
    """RESP2 is the default, and a URL may choose RESP3."""
    assert insisted(1, {})["protocol"] == 2
    assert insisted(1, {"protocol": "3"})["protocol"] == 3
