"""Nobody gets in to the local page but who has its link, on this machine, and once."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("starlette", reason="extra not installed")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from langchain_redis_semcache.cli.door import HEADERS, Door

HOST = "http://127.0.0.1:8000"


async def inside(request: Any) -> PlainTextResponse:
    return PlainTextResponse("inside")


def door() -> Door:
    return Door(Starlette(routes=[Route("/", inside, methods=["GET", "POST"])]), 8000)


def client(of: Door) -> TestClient:
    return TestClient(of, base_url=HOST, follow_redirects=False)


@pytest.fixture
def entered() -> TestClient:
    """Somebody who has opened the link."""
    ours = door()
    visitor = client(ours)
    assert visitor.get(ours.link).status_code == 303
    return visitor


def test_the_link(entered: TestClient) -> None:
    """Whoever opens the link is led to the page, whose address does not hold the token."""
    ours = door()
    visitor = client(ours)
    answer = visitor.get(ours.link)
    assert answer.headers["location"] == "/"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert visitor.get("/").text == "inside"


def test_once() -> None:
    """The link works once, for whoever comes first."""
    ours = door()
    assert client(ours).get(ours.link).status_code == 303
    second = client(ours)
    assert second.get(ours.link).status_code == 403
    assert second.get("/").status_code == 403


@pytest.mark.parametrize("token", ["", "x", "é", "%ff"])
def test_a_wrong_token(token: str) -> None:
    """A token that is none opens nothing, and spends nothing."""
    ours = door()
    visitor = client(ours)
    assert visitor.get(f"/?token={token}").status_code == 403
    assert visitor.get(ours.link).status_code == 303


@pytest.mark.parametrize("cookie", ["", "semcache_8000=x", "semcache_8000=é", "semcache_8000"])
def test_without_the_cookie(cookie: str) -> None:
    """Without the session's cookie there is no page."""
    headers = {"cookie": cookie.encode("latin-1")}
    assert client(door()).get("/", headers=headers).status_code == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1", "127.0.0.1:9000", ""])
def test_other_hosts(entered: TestClient, host: str) -> None:
    """A name that somebody made lead here is refused, and so is the link under it."""
    assert entered.get("/", headers={"host": host}).status_code == 403
    ours = door()
    assert client(ours).get(ours.link, headers={"host": host}).status_code == 403
    assert client(ours).get(ours.link).status_code == 303


def test_localhost() -> None:
    """The usual name of this machine is as good."""
    ours = door()
    visitor = TestClient(ours, base_url="http://localhost:8000", follow_redirects=False)
    assert visitor.get(ours.link.replace("127.0.0.1", "localhost")).status_code == 303
    assert visitor.get("/").text == "inside"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9000", "https://127.0.0.1:8000"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_sites(entered: TestClient, origin: str, method: str) -> None:
    """What another site sends is refused, whatever it asks."""
    assert entered.request(method, "/", headers={"origin": origin}).status_code == 403


def test_forms(entered: TestClient) -> None:
    """A form says that it is of this page, or it is none."""
    assert entered.post("/").status_code == 403
    assert entered.post("/", headers={"origin": HOST}).text == "inside"


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)],
)
def test_fetch_metadata(entered: TestClient, site: str, status: int) -> None:
    """A browser that says who sends it is believed: another port is another site."""
    assert entered.get("/", headers={"sec-fetch-site": site}).status_code == status


@pytest.mark.parametrize("path", ["/", "/missing", "/?token=x"])
def test_headers(entered: TestClient, path: str) -> None:
    """Every answer, refusals included, forbids scripts, frames, guesses and keeping."""
    answer = entered.get(path)
    assert HEADERS.items() <= dict(answer.headers).items()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"script-src|unsafe|https?:|\*", policy)


def test_websockets(entered: TestClient) -> None:
    """There is nothing but requests."""
    with pytest.raises(WebSocketDisconnect), entered.websocket_connect("/"):
        pass
