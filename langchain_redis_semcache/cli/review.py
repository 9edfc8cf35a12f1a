"""What the local page does: shows the recorded hits, and takes verdicts on those that it showed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ..errors import SemcacheError
from .page import PAGE, Shown, View, document, page, show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.requests import Request

    from .. import RecordedHit, RedisSemanticCache
    from .verdicts import Verdicts

MOST = 2_000
"""Hits that are looked at, the newest ones."""
_LONGEST_FORM = 10_000
_SAID = {"right": "Noted.", "wrong": "Noted, and removed from the cache."}


class Review:
    """The page of one cache."""

    def __init__(self, cache: RedisSemanticCache, verdicts: Verdicts) -> None:
        self._cache = cache
        self._verdicts = verdicts
        self._seen: dict[str, RecordedHit] = {}
        """Those that were shown, by id."""

    def app(self) -> Starlette:
        """Return the page as an ASGI application; who may come in is not its business."""
        return Starlette(
            routes=[
                Route("/", self._show),
                Route("/verdict", self._judge, methods=["POST"]),
                Route("/page.css", _style),
            ],
            exception_handlers={SemcacheError: self._failed},
            lifespan=self._while_open,
        )

    @asynccontextmanager
    async def _while_open(self, app: Starlette) -> AsyncIterator[None]:
        yield
        await self._cache.aclose()

    async def _show(self, request: Request) -> Response:
        hits = [hit async for hit in self._cache.arecorded(limit=MOST)]
        view = _view(request.query_params)
        chosen = view.chosen(hits)[view.page * PAGE :][:PAGE]
        self._seen = {hit.id: hit for hit in hits}
        shown = [Shown(hit, self._verdicts.of(hit), times) for hit, times in chosen]
        said = _SAID.get(request.query_params.get("said", ""), "")
        return _html(page(self._cache.name, await self._rate(), hits, shown, view, said))

    async def _rate(self) -> str:
        try:
            totals = await self._cache.atotals()
        except SemcacheError:  # a user who may not read them may review all the same
            return "not known"
        return f"{totals.hit_rate:.1%} of {totals.lookups:,}" if totals.lookups else "not known"

    async def _judge(self, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return Response("too long\n", 413)
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        hit, verdict = self._seen.get(form.get("id", "")), form.get("verdict")
        if hit is None or verdict not in _SAID:
            return _html(document(self._cache.name, "<p>That hit is not shown any more.</p>"), 404)
        self._verdicts.add(hit, verdict == "right")
        if verdict == "wrong":
            await self._cache.aremove(hit.entry)
        asked = parse_qs(form.get("back", "").partition("?")[2])
        back = _view({name: values[0] for name, values in asked.items()})
        return RedirectResponse(back.link(said=verdict), 303)

    async def _failed(self, request: Request, error: Exception) -> Response:
        return _html(document(self._cache.name, f"<p>{show(str(error))}</p>"), 503)


def _view(asked: Mapping[str, str]) -> View:
    number = asked.get("page", "")
    return View(
        order="farthest" if asked.get("order") == "farthest" else "newest",
        every=asked.get("every") == "1",
        page=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0,
    )


async def _style(request: Request) -> Response:
    text = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css")


def _html(text: str, status: int = 200) -> Response:
    # Questions may hold what UTF-8 cannot, half of a character.
    return HTMLResponse(text.encode("utf-8", errors="replace"), status)
