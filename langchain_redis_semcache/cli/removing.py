"""Undoing by hand: rm, which says first what it would remove."""

from __future__ import annotations

from typing import Any

import click

from .opening import Where, filtered, of_a_cache
from .printing import busy, listed, nothing

SHOWN = 20
"""Entries that `rm` lists before it only counts them."""


@click.command()
@of_a_cache
@click.argument("key", required=False)
@filtered
@click.option("--yes", is_flag=True, help="Remove it.")
def rm(where: Where, key: str | None, yes: bool, wanted: dict[str, Any]) -> int:
    """Say what would be removed, with all aliases; --yes removes it."""
    if bool(key) == bool(wanted):
        raise click.UsageError("rm takes either a KEY or filters, e.g. rm --text refund")
    with where.opened() as cache:
        with busy(cache.name):
            entries = cache.remove(key, dry_run=not yes, **wanted)
        if not entries:
            return nothing(cache, where.json)
    for one in entries if where.json else entries[:SHOWN]:
        listed(one, where.json)
    if not where.json:
        if len(entries) > SHOWN:
            print(f"... and {len(entries) - SHOWN:,} more")
        count = f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}"
        print(f"Removed {count}." if yes else f"Would remove {count}; --yes does.")
    return 0
