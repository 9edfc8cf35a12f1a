"""URLs and clients are read without connecting; errors say what to write and hold no secret."""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import redis
import redis.asyncio

from langchain_redis_semcache.bounded.breaker import SuspendedError
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.transport import connect as connecting
from langchain_redis_semcache.transport.connect import Links, open_links


def by_url(url: str | None) -> Links:
    return open_links(url, None, None, Workers(), 0.5)


def connection(url: str | None) -> Any:
    """The sync connection that a URL leads to, not yet connected."""
    return by_url(url).sync._connect()  # type: ignore[attr-defined]


def aconnection(url: str | None) -> Any:
    """The async connection that a URL leads to, not yet connected."""

    async def make() -> Any:
        link: Any = by_url(url).on_running_loop()
        return link._channel._connect()

    return asyncio.run(make())


SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", {"host": "host", "port": 6379, "db": 0}),
        ("redis://host:7000/3", {"host": "host", "port": 7000, "db": 3}),
        (
            f"redis://me:{SECRET}%2F@host",
            {"host": "host", "username": "me", "password": f"{SECRET}/"},
        ),
        ("redis://host?protocol=3", {"host": "host", "protocol": 3}),
        ("unix:///tmp/redis.sock?db=2", {"path": "/tmp/redis.sock", "db": 2}),
        ("rediss://host:6380?ssl_cert_reqs=none", {"host": "host", "port": 6380}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
    ],
)
@pytest.mark.parametrize("connect", [connection, aconnection])
def test_urls(connect: Any, url: str, expected: dict[str, Any]) -> None:
    """Sync and async connections are what the URL says, without retries of their own."""
    made = connect(url)
    found = {name: getattr(made, name) for name in expected if name not in ("username", "password")}
    assert found == {k: v for k, v in expected.items() if k in found}
    if "username" in expected:
        assert (made.username, made.password) == (expected["username"], expected["password"])
    assert ("SSL" in type(made).__mro__[connect is connection].__name__) is url.startswith("rediss")
    assert not made.retry_on_error
    assert made.socket_connect_timeout == 0.5
    assert made.protocol == expected.get("protocol", 2)


def test_default_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """$REDIS_URL is used where nothing else is said, else localhost; an argument beats it."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert connection(None).host == "localhost"
    monkeypatch.setenv("REDIS_URL", "redis://from-env:1")
    assert connection(None).host == "from-env"
    assert connection("redis://argument").host == "argument"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://host",
        "postgres://me:s3cret@host",
        f"me:{SECRET}@host",
        f"me:{SECRET}://host",
        "redis+sentinel://",
        f"redis+sentinel://me:{SECRET}@/service",
        f"redis+sentinel://me:{SECRET}@host",
        f"redis+sentinel://me:{SECRET}@host:x{SECRET}/service",
        f"redis+sentinel://me:{SECRET}@host/service/x{SECRET}",
        f"redis://me:{SECRET}@host:port{SECRET}",
        f"redis://host?socket_timeout={SECRET}",
    ],
)
def test_bad_urls(url: str) -> None:
    """A URL that cannot be read is refused with an example, and not quoted."""
    with pytest.raises(ConfigurationError) as caught:
        by_url(url)
    message = str(caught.value)
    assert "redis_url" in message or "sentinel URL" in message
    assert "redis://" in message or "redis+sentinel://host1" in message
    assert SECRET not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel"])
def test_sentinel(scheme: str) -> None:
    """A sentinel URL names sentinels, service, database, credentials and options."""
    url = f"{scheme}://me:{SECRET}@one,two:1/main/2?sentinel_username=s&sentinel_password=p"
    for made in (connection(url), aconnection(url)):
        pool: Any = made.connection_pool
        assert pool.service_name == "main"
        sentinels = pool.sentinel_manager.sentinels
        places = [s.connection_pool.connection_kwargs for s in sentinels]
        assert [(p["host"], p["port"]) for p in places] == [("one", 26379), ("two", 1)]
        assert places[0]["username"] == "s"
        assert (made.db, made.username, made.password) == (2, "me", SECRET)
        assert any("SSL" in kind.__name__ for kind in type(made).__mro__) is ("rediss" in scheme)


def test_sentinel_options() -> None:
    """Further options of a sentinel URL go to the data server, numbers as numbers."""
    made = connection("redis+sentinel://one/main?client_name=me&protocol=3")
    assert (made.client_name, made.protocol) == ("me", 3)


# -- clients -------------------------------------------------------------------------------------


def test_client_beats_url() -> None:
    """A client that was passed in is used, not a URL."""
    client = redis.Redis(host="nowhere")
    for async_client in (None, redis.asyncio.Redis()):
        links = open_links("redis://other", client, async_client, Workers(), 0.5)
        assert links.sync._client is client  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sync", "async_", "message"),
    [
        (redis.asyncio.Redis(), None, "async_redis_client="),
        (None, redis.Redis(), "redis_client="),
        ("redis://host", None, "redis_url="),
        (None, "redis://host", "redis_url="),
    ],
    ids=range(4),
)
def test_wrong_client(sync: Any, async_: Any, message: str) -> None:
    """A client of the wrong kind is refused at once, with the argument that takes it."""
    with pytest.raises(ConfigurationError, match=message):
        open_links(None, sync, async_, Workers(), 0.5)


def test_only_async() -> None:
    """With an async client only, sync calls are left out, which says nothing about Redis."""
    links = open_links(None, None, redis.asyncio.Redis(), Workers(), 0.5)
    with pytest.raises(SuspendedError):
        links.sync.exchange([("PING",)], False, 1)
    links.sync.close()
    links.forget()


def test_async_client_on_loops() -> None:
    """The passed client serves the loop that used it first, one like it each other loop."""
    client = redis.asyncio.Redis(host="nowhere.invalid", password=SECRET)
    links = open_links(None, None, client, Workers(), 0.5)

    async def channel() -> Any:
        link: Any = links.on_running_loop()
        await links.aclose()
        assert links.on_running_loop() is not link
        return link._channel

    first, second = asyncio.run(channel()), asyncio.run(channel())
    assert first._client is client
    assert second._client is not client
    assert second._client.connection_pool.connection_kwargs["password"] == SECRET
    assert (first._owned, second._owned) == (False, True)


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


@pytest.mark.parametrize("connect", [connection, aconnection])
def test_driver_info(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """We are named to the server."""
    pytest.importorskip("redis.driver_info", reason="redis-py cannot do that before 7.2")
    monkeypatch.setattr(connecting, "version", lambda _: "1.2.3")
    assert "langchain-redis-semcache_v1.2.3" in connect("redis://host").driver_info.formatted_name


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree that is not installed has no version to name, and connects all the same."""

    def unknown(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(connecting, "version", unknown)
    assert connection("redis://host").host == "host"
