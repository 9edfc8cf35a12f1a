"""What a cache did, in all processes together: stats, and tail, which says what was added."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .opening import Where, of_a_cache
from .printing import as_json, console
from .words import clean

if TYPE_CHECKING:
    from .. import Stats


@click.command()
@of_a_cache
def stats(where: Where) -> int:
    """Show what all processes have counted, since counting began.

    They add their counts every few seconds; a process that is idle has told all.
    """
    with where.opened() as cache:
        totals = cache.totals()
    if where.json:
        as_json(_fields(totals))
        return 0
    if totals.since is None:
        print("Nothing was counted yet.")
        return 1
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_header=False)
    table.add_row("since", f"{datetime.fromtimestamp(totals.since):%Y-%m-%d %H:%M:%S}", "")
    table.add_row("lookups", f"{totals.lookups:,}", "")
    shares = f"{totals.exact_hits:,} identical, {totals.semantic_hits:,} reworded"
    table.add_row("hits", f"{totals.hits:,}", f"{totals.hit_rate:.1%}: {shares}")
    for name in ("misses", "vetoes", "elsewhere"):
        table.add_row(name, *_counted(getattr(totals, name)))
    table.add_row("stored", f"{totals.stored:,}", "")
    for name in ("bypassed", "failures", "verified", "audited", "feedback"):
        if counts := getattr(totals, name):
            table.add_row(name, *_counted(counts))
    took = f"{totals.mean_embedding_seconds * 1000:.1f} ms each"
    table.add_row("embeddings", f"{totals.embeddings:,}", took)
    took = f"{totals.mean_redis_seconds * 1000:.2f} ms each"
    table.add_row("round trips", f"{totals.round_trips:,}", took)
    console().print(table)
    return 0


@click.command()
@of_a_cache
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, metavar="SECONDS")
@click.option("--lines", type=click.IntRange(min=1), metavar="N", help="Stop after so many.")
def tail(where: Where, every: float, lines: int | None) -> int:
    """Say every few seconds what all processes did meanwhile, until interrupted.

    It reads counts; nothing is recorded for it.
    """
    with where.opened() as cache:
        before = cache.totals()
        while lines is None or lines > 0:
            time.sleep(every)
            now = cache.totals()
            added = _added(now, before)
            before = now
            if not (added.lookups or added.stored or added.bypassed or added.failures):
                continue
            _tell(where, added)
            lines = None if lines is None else lines - 1
    return 0


def _tell(where: Where, added: Stats) -> None:
    if where.json:
        as_json({"at": time.time(), **_fields(added)})
        return
    told = [f"{datetime.now():%H:%M:%S}  lookups {added.lookups}"]
    told.append(f"identical {added.exact_hits}, reworded {added.semantic_hits}")
    for name in ("misses", "bypassed", "failures"):
        if counts := getattr(added, name):
            told.append(f"{name} {' '.join(_counted(counts))}")
    told.append(f"stored {added.stored}")
    print("; ".join(told), flush=True)


def _counted(counts: Mapping[str, int]) -> tuple[str, str]:
    """Return the sum and its parts, largest first."""
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return f"{sum(counts.values()):,}", ", ".join(f"{clean(n)} {c:,}" for n, c in ordered)


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


def _fields(stats: Stats) -> dict[str, Any]:
    told = asdict(stats)
    del told["breakers"]  # each process has its own
    return told
