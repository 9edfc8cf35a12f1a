"""The local page as HTML: no script, nothing loaded from elsewhere.

Rule of this module: whatever users asked and models answered goes through `shown`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from .histogram import histogram
from .words import clean, spoken

if TYPE_CHECKING:
    from .. import RecordedHit

PAGE = 25
"""Hits on one page."""
Order = Literal["newest", "farthest"]
_ORDERS: dict[Order, str] = {"newest": "newest first", "farthest": "farthest first"}


@dataclass(frozen=True)
class View:
    """What somebody looks at."""

    order: Order = "newest"
    every: bool = False
    """Exact hits as well."""
    page: int = 0

    def link(self, **changes: object) -> str:
        """Return the address of this view, or of one like it."""
        wanted = {"order": self.order, "every": int(self.every), "page": self.page, **changes}
        return f"/?{urlencode(wanted)}"

    def chosen(self, hits: Sequence[RecordedHit]) -> list[tuple[RecordedHit, int]]:
        """Return the hits that it is about, in its order: alike ones once, with their number."""
        meant: dict[tuple[str, str], tuple[RecordedHit, int]] = {}
        for one in hits:
            if self.every or one.kind == "semantic":
                first, times = meant.get((one.asked, one.entry), (one, 0))
                meant[one.asked, one.entry] = first, times + 1
        chosen = list(meant.values())
        if self.order == "farthest":
            chosen.sort(key=lambda one: one[0].distance, reverse=True)
        return chosen


@dataclass(frozen=True)
class Shown:
    """A hit, and what was said of it."""

    hit: RecordedHit
    verdict: bool | None
    times: int = 1


def page(
    name: str,
    rate: str,
    hits: Sequence[RecordedHit],
    shown: Sequence[Shown],
    view: View,
    said: str = "",
) -> str:
    """Return the whole page: all hits are counted, those to show come with their verdicts."""
    semantic = [one.distance for one in hits if one.kind == "semantic"]
    count = len(view.chosen(hits))
    return document(
        name,
        f'<p role="status" class="said">{show(said)}</p>' if said else "",
        '<dl class="figures">',
        f"<div><dt>hit rate of all processes</dt><dd>{show(rate)}</dd></div>",
        f"<div><dt>hits recorded</dt><dd>{len(hits):,}</dd></div>",
        f"<div><dt>of them by meaning</dt><dd>{len(semantic):,}</dd></div></dl>",
        "<h2>Distances of the hits by meaning</h2>",
        histogram(semantic) if semantic else '<p class="soft">None was recorded.</p>',
        "<h2>Was it right?</h2>",
        '<p class="soft">Was the stored answer right for what was asked? “Wrong” removes it from '
        "the cache, under every wording. Both are labels for <code>semcache calibrate</code>.</p>",
        _choices(view),
        *(_article(one, view) for one in shown),
        "" if shown else '<p class="soft">Nothing to review here.</p>',
        _pages(view, count),
    )


def document(name: str, *parts: str) -> str:
    """Return a page of ours around some parts."""
    title = f"{show(name)}: semantic cache"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="stylesheet" href="/page.css">',
            f"<title>{title}</title></head><body><h1>{show(name)}</h1>",
            *filter(None, parts),
            "</body></html>",
        )
    )


def show(text: str) -> str:
    """Return a text as it may stand in the page: nothing of it is markup or turns it around."""
    return escape(clean(text, lines=True))


def _choices(view: View) -> str:
    links = [
        _link(says, view.link(order=order, page=0), view.order == order)
        for order, says in _ORDERS.items()
    ]
    for every, says in ((0, "by meaning only"), (1, "identical questions too")):
        links.append(_link(says, view.link(every=every, page=0), view.every == bool(every)))
    return f'<nav aria-label="which hits">{" ".join(links)}</nav>'


def _link(says: str, to: str, here: bool) -> str:
    current = ' aria-current="true"' if here else ""
    return f'<a href="{escape(to)}"{current}>{says}</a>'


def _article(one: Shown, view: View) -> str:
    hit = one.hit
    about = [
        "the identical question" if hit.kind == "exact" else f"distance {hit.distance:.3f}",
        f"{spoken(max(0.0, time.time() - hit.time))} ago",
        *([hit.model] if hit.model else []),
        *([f"{one.times:,} times in the record"] if one.times > 1 else []),
    ]
    return "\n".join(
        (
            "<article><dl>",
            f'<dt>asked</dt><dd dir="auto">{show(hit.asked)}</dd>',
            f'<dt>stored</dt><dd dir="auto">{show(hit.stored)}</dd>' if hit.kind != "exact" else "",
            f'<dt>answer</dt><dd dir="auto" class="answer">{show(hit.answer)}</dd></dl>',
            f'<p class="soft">{show(" · ".join(about))}<br><code>{show(hit.entry)}</code></p>',
            _verdict(one, view),
            "</article>",
        )
    )


def _verdict(one: Shown, view: View) -> str:
    if one.verdict is not None:
        return f'<p class="verdict">said to be {"right" if one.verdict else "wrong"}</p>'
    hidden = {"id": one.hit.id, "back": view.link()}
    fields = [f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in hidden.items()]
    return (
        f'<form method="post" action="/verdict">{"".join(fields)}'
        '<button name="verdict" value="right">Right</button> '
        '<button name="verdict" value="wrong" class="wrong">Wrong: remove it</button></form>'
    )


def _pages(view: View, count: int) -> str:
    last = max(0, count - 1) // PAGE
    if last == 0:
        return ""
    links = [f"page {view.page + 1:,} of {last + 1:,}"]
    if view.page > 0:
        links.insert(0, f'<a rel="prev" href="{escape(view.link(page=view.page - 1))}">back</a>')
    if view.page < last:
        links.append(f'<a rel="next" href="{escape(view.link(page=view.page + 1))}">on</a>')
    return f'<nav aria-label="pages">{" ".join(links)}</nav>'
