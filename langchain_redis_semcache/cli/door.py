"""Who may come in to the local page: whoever was given its link, from this machine, once.

Rule of this module: a request is refused unless everything about it is right. Any site that the
user's browser has open can send requests to 127.0.0.1, and a name of its own can lead there.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Not "no-referrer": with that browsers send forms from nowhere, `Origin: null`.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_READS = ("GET", "HEAD")
_OWN = ("same-origin", "none")


class Door:
    """Lets requests through to a page that is served at one port of this machine."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"semcache_{port}"
        self._session = secrets.token_urlsafe(32)
        self._token: str | None = secrets.token_urlsafe(32)
        self.link = f"http://127.0.0.1:{port}/?token={self._token}"
        """Opens the page, once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope)
        await (self._app if answer is None else answer)(scope, receive, guarded)

    def _answer(self, scope: Scope) -> ASGIApp | None:
        """Return what is said at the door, or None: come in."""
        headers = Headers(scope=scope)
        foreign = self._foreign(headers, scope["method"])
        if foreign is not None:
            return PlainTextResponse(f"This page is not for {foreign}.\n", 403)
        token = QueryParams(scope["query_string"]).get("token")
        if token is not None:
            return self._enter(token)
        if not _same(_cookies(headers).get(self._cookie), self._session):
            return PlainTextResponse("Open the link that `semcache ui` has printed.\n", 403)
        return None

    def _foreign(self, headers: Headers, method: str) -> str | None:
        host = headers.getlist("host")
        if len(host) != 1 or host[0] not in self._hosts:
            return "other hosts"
        origins = headers.getlist("origin")
        if any(origin != f"http://{host[0]}" for origin in origins):
            return "other sites"
        if method not in _READS and len(origins) != 1:  # every browser says where a form is from
            return "other sites"
        if any(one not in _OWN for one in headers.getlist("sec-fetch-site")):
            return "other sites"
        return None

    def _enter(self, token: str) -> ASGIApp:
        if not _same(token, self._token):
            said = "This link has been used, or is none. Run `semcache ui` again for another one.\n"
            return PlainTextResponse(said, 403)
        self._token = None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict")
        return answer


def _same(given: str | None, known: str | None) -> bool:
    if given is None or known is None:
        return False
    return secrets.compare_digest(given.encode(), known.encode())


def _cookies(headers: Headers) -> dict[str, str]:
    pairs = (one.partition("=") for line in headers.getlist("cookie") for one in line.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
