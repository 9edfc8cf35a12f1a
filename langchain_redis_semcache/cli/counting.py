"""What a cache did, in all processes together, since counting began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
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
        as_json(told(totals))
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
        table.add_row(name, *counted(getattr(totals, name)))
    table.add_row("stored", f"{totals.stored:,}", "")
    for name in ("bypassed", "failures", "verified", "audited", "feedback"):
        if counts := getattr(totals, name):
            table.add_row(name, *counted(counts))
    took = f"{totals.mean_embedding_seconds * 1000:.1f} ms each"
    table.add_row("embeddings", f"{totals.embeddings:,}", took)
    took = f"{totals.mean_redis_seconds * 1000:.2f} ms each"
    table.add_row("round trips", f"{totals.round_trips:,}", took)
    console().print(table)
    return 0


def counted(counts: Mapping[str, int]) -> tuple[str, str]:
    """Return the sum and its parts, largest first."""
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return f"{sum(counts.values()):,}", ", ".join(f"{clean(n)} {c:,}" for n, c in ordered)


def told(totals: Stats) -> dict[str, Any]:
    """Return what programs are told."""
    fields = asdict(totals)
    del fields["breakers"]  # each process has its own
    return fields
