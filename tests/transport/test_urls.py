"""URLs are read without connecting; errors say what to write and hold no secret."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.transport.urls import by_url, cluster_url, is_cluster_url


def connection(url: str) -> Any:
    """The sync connection that a URL leads to, not yet connected."""
    return by_url(url, 0.5)[0]()


def aconnection(url: str) -> Any:
    """The async connection that a URL leads to, not yet connected."""

    async def make() -> Any:
        return by_url(url, 0.5)[1]()

    return asyncio.run(make())


SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "seeds", "node"),
    [
        ("redis+cluster://a", ["a:6379"], "redis://c:1"),
        ("redis+cluster://a,b:7000/0", ["a:6379", "b:7000"], "redis://c:1"),
        (
            f"redis+cluster://me:{SECRET}%2F@a,b",
            ["a:6379", "b:6379"],
            f"redis://me:{SECRET}%2F@c:1",
        ),
        ("rediss+cluster://a?ssl_cert_reqs=none", ["a:6379"], "rediss://c:1/?ssl_cert_reqs=none"),
        ("redis+cluster://[::1]:7000,a", ["::1:7000", "a:6379"], "redis://c:1"),
    ],
)
def test_cluster_urls(url: str, seeds: list[str], node: str) -> None:
    """A cluster's URL names some nodes; what it says besides holds for each that is found."""
    read = cluster_url(url, 0.5)
    assert read.seeds == seeds
    assert read.of("c:1") == node
    assert read.of("::1:7000").split("?")[0].endswith("[::1]:7000" + ("/" if "?" in node else ""))
    assert is_cluster_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis+cluster://", "names some of the nodes"),
        ("redis+cluster://,", "names some of the nodes"),
        ("redis+cluster://a/1", "database 0 only"),
        ("redis+cluster://a?db=2", "database 0 only"),
        (f"redis+cluster://x:{SECRET}@a:port", "could not be read"),
        (f"redis+cluster://x:{SECRET}@a?socket_timeout=3", "cannot set socket_timeout"),
        ("rediss+cluster://a?ssl_nonsense=1", "could not be read"),
    ],
)
def test_refused_cluster_urls(url: str, says: str) -> None:
    """What a cluster's URL cannot say is refused at construction, without its secrets."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        cluster_url(url, 0.5)
    assert SECRET not in str(caught.value)


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
    # On a loop the link has the one deadline.
    assert made.socket_connect_timeout == (0.5 if connect is connection else None)
    assert made.protocol == expected.get("protocol", 2)


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
        f"redis://host/{SECRET}",
        f"redis://me:pa?{SECRET}=word@host",
        f"redis://host?db={SECRET}",
        f"rediss://host?ssl_{SECRET}=1",
        "redis://host?protocol=4",
    ],
)
def test_bad_urls(url: str) -> None:
    """A URL that cannot be read is refused with an example, and not quoted."""
    with pytest.raises(ConfigurationError) as caught:
        by_url(url, 0.5)
    message = str(caught.value)
    assert "redis_url" in message or "sentinel URL" in message
    assert "redis://" in message or "redis+sentinel://host1" in message
    assert SECRET not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("url", ["redis://host", "redis+sentinel://a/b", "unix:///tmp/r.sock"])
def test_tls_options_without_tls(url: str) -> None:
    """Options of TLS on a plain connection are refused with the scheme that they are for."""
    with pytest.raises(ConfigurationError, match=r"redis_url .* rediss://host:6379"):
        by_url(f"{url}?ssl_cert_reqs=none", 0.5)


@pytest.mark.parametrize(
    "scheme", ["redis://host", "unix:///tmp/redis.sock", "redis+sentinel://a/b"]
)
@pytest.mark.parametrize(
    "option",
    [
        *("socket_timeout=9", "socket_connect_timeout=9", "timeout=9", "max_connections=1"),
        *("retry_on_timeout=yes", "retry_on_error=x", "retry=3", "health_check_interval=30"),
    ],
)
def test_options_that_are_ours(scheme: str, option: str) -> None:
    """An option that could not be kept is refused by name, with what to write instead."""
    with pytest.raises(ConfigurationError, match=option.split("=")[0]) as caught:
        by_url(f"{scheme}?{option}", 0.5)
    assert "Limits(redis=" in str(caught.value)


def test_bytes() -> None:
    """A URL in bytes is refused with a word about decoding it."""
    url: Any = b"redis://me:s3cret@host"
    with pytest.raises(ConfigurationError, match=r"\.decode\(\)") as caught:
        by_url(url, 0.5)
    assert SECRET not in str(caught.value)
