"""A URL, $REDIS_URL or clients lead to links, one per event loop, without connecting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio

from langchain_redis_semcache.bounded.breaker import SuspendedError
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.transport.connect import Links, open_links


def by_url(url: str | None) -> Links:
    return open_links(url, None, None, Workers(), 0.5)


def host_of(url: str | None) -> str:
    host: str = by_url(url).sync._connect().host  # type: ignore[attr-defined]
    return host


def test_default_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """$REDIS_URL is used where nothing else is said, else localhost; an argument beats it."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert host_of(None) == "localhost"
    monkeypatch.setenv("REDIS_URL", "redis://from-env:1")
    assert host_of(None) == "from-env"
    assert host_of("redis://argument") == "argument"


def test_client_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was passed in is used, whatever $REDIS_URL says."""
    monkeypatch.setenv("REDIS_URL", "redis://from-env:1")
    client = redis.Redis(host="nowhere")
    for async_client in (None, redis.asyncio.Redis()):
        links = open_links(None, client, async_client, Workers(), 0.5)
        assert links.sync._client is client  # type: ignore[attr-defined]


@pytest.mark.parametrize("async_client", [None, redis.asyncio.Redis()])
def test_two_servers(async_client: Any) -> None:
    """A URL beside a sync client is refused: they name a server each."""
    with pytest.raises(ConfigurationError, match="leave one of them out"):
        open_links("redis://host", redis.Redis(), async_client, Workers(), 0.5)


def test_only_async() -> None:
    """With an async client only, sync calls are left out, which says nothing about Redis."""
    links = open_links(None, None, redis.asyncio.Redis(), Workers(), 0.5)
    with pytest.raises(SuspendedError):
        links.sync.exchange([("PING",)], False, 1)
    links.sync.close()
    links.forget()


def test_url_beside_async_client() -> None:
    """A URL beside an async client serves the sync calls."""
    links = open_links("redis://host", None, redis.asyncio.Redis(), Workers(), 0.5)
    assert links.sync._connect().host == "host"  # type: ignore[attr-defined]


def test_one_link_per_loop() -> None:
    """Each event loop has a link of its own, and those of ended loops are let go."""
    links = by_url("redis://host")

    async def link() -> Any:
        assert links.on_running_loop() is links.on_running_loop()
        return links.on_running_loop()

    first, second = asyncio.run(link()), asyncio.run(link())
    assert first is not second
    assert len(links._per_loop) == 1
    links.forget()
    assert not links._per_loop


def test_loops_side_by_side() -> None:
    """A loop that is still open keeps its link while another one is used."""
    links = by_url("redis://host")
    loops = [asyncio.new_event_loop() for _ in range(2)]

    async def link() -> Any:
        return links.on_running_loop()

    first, second, again = (loops[n].run_until_complete(link()) for n in (0, 1, 0))
    for loop in loops:
        loop.close()
    assert first is again
    assert first is not second


def test_aclose() -> None:
    """Closing ends the running loop's link; the next call opens another."""
    links = by_url("redis://host")

    async def main() -> None:
        await links.aclose()
        link = links.on_running_loop()
        await links.aclose()
        assert link.closed
        assert links.on_running_loop() is not link

    asyncio.run(main())
