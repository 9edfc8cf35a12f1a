"""What all processes of a cache do while somebody watches: what was counted, and recorded hits.

Rule of this module: it ends without a word when it is interrupted, or when nobody reads any more.
"""

from __future__ import annotations

import io
import select
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..errors import CacheUnavailableError
from .counting import counted, told
from .opening import Where, of_a_cache
from .printing import as_json
from .words import cut, one_line

if TYPE_CHECKING:
    from .. import RecordedHit, RedisSemanticCache, Stats

WIDTH = 160
"""Characters of a question that are shown."""
_KINDS = {"exact": "identical", "semantic": "reworded"}
_BEGINNING = "0-0"


@click.command()
@of_a_cache
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, metavar="SECONDS")
@click.option("--lines", type=click.IntRange(min=1), metavar="N", help="Stop after so many.")
def tail(where: Where, every: float, lines: int | None) -> int:
    """Say what all processes do, until interrupted.

    Shows each hit that a cache with `recording=` kept, as it comes: kind, distance, the question
    asked <- the one stored. Counts of everything come every few seconds.
    """
    with suppress(KeyboardInterrupt), where.opened() as cache:  # that is how it ends
        for line in islice(_lines(where, cache, every), lines):
            if isinstance(line, str):
                print(line)
            else:
                as_json(line)
            sys.stdout.flush()
    return 0


def _lines(where: Where, cache: RedisSemanticCache, every: float) -> Iterator[str | dict[str, Any]]:
    hits, before = _Hits(cache), cache.totals()
    while _waited(every):
        for hit in hits.more():
            yield {"at": hit.time, "hit": asdict(hit)} if where.json else _shown(hit)
        now = cache.totals()
        added = _added(now, before)
        before = now
        if added.lookups or added.stored or added.bypassed or added.failures:
            yield {"at": time.time(), **told(added)} if where.json else _summed(added)


class _Hits:
    """Recorded hits, from now on."""

    def __init__(self, cache: RedisSemanticCache) -> None:
        self._cache = cache
        self._seen: str | None = None
        try:
            newest = next(cache.recorded(limit=1), None)
        except CacheUnavailableError as error:  # who may not read them may read the counts
            print(f"semcache: without recorded hits: {one_line(error)}", file=sys.stderr)
        else:
            self._seen = newest.id if newest else _BEGINNING

    def more(self) -> Iterator[RecordedHit]:
        if self._seen is not None:
            for hit in self._cache.recorded(after=self._seen):
                self._seen = hit.id
                yield hit


def _waited(seconds: float) -> bool:
    """Wait, and tell whether anybody reads still: `semcache tail | head` is not to stay."""
    try:
        reader = sys.stdout.fileno()
        poll = select.poll()
    except (AttributeError, io.UnsupportedOperation):  # no such thing here
        time.sleep(seconds)
        return True
    poll.register(reader, 0)  # errors are told in any case
    return not poll.poll(seconds * 1000)


def _shown(hit: RecordedHit) -> str:
    at = f"{datetime.fromtimestamp(hit.time):%H:%M:%S}  {_KINDS[hit.kind]}"
    if hit.kind == "exact":
        return f"{at}  {cut(hit.asked, WIDTH)}"
    return f"{at} {hit.distance:.3f}  {cut(hit.asked, WIDTH)}  <-  {cut(hit.stored, WIDTH)}"


def _summed(added: Stats) -> str:
    parts = [f"{datetime.now():%H:%M:%S}  lookups {added.lookups}"]
    parts.append(f"identical {added.exact_hits}, reworded {added.semantic_hits}")
    for name in ("misses", "bypassed", "failures"):
        if counts := getattr(added, name):
            parts.append(f"{name} {' '.join(counted(counts))}")
    parts.append(f"stored {added.stored}")
    return "; ".join(parts)


def _added(now: Stats, before: Stats) -> Stats:
    changes: dict[str, Any] = {}
    for field in fields(now):
        new, old = getattr(now, field.name), getattr(before, field.name)
        if isinstance(new, Mapping) and field.name != "breakers":
            more = {name: count - old.get(name, 0) for name, count in new.items()}
            changes[field.name] = {name: count for name, count in more.items() if count > 0}
        elif isinstance(new, int):
            changes[field.name] = max(0, new - old)
    hits, lookups = changes["hits"], changes["lookups"]
    return replace(now, **changes, hit_rate=hits / max(1, lookups))
