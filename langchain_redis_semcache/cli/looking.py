"""Looking at a cache whose embedding model the shell does not have: doctor, ls, show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from .opening import Where, filtered, of_a_cache
from .printing import as_json, console, line, listed, nothing
from .words import about, clean

_SIGNS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "bold red")}


@click.command(epilog="Exit code 1 where there is a problem.")
@of_a_cache
def doctor(where: Where) -> int:
    """Examine the server and what is stored."""
    with where.opened() as cache:
        findings = cache.doctor()
    if where.json:
        for one in findings:
            as_json(asdict(one))
    else:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_header=False)
        for one in findings:
            sign, style = _SIGNS[one.health]
            table.add_row(Text(sign, style), clean(one.subject), Text(clean(one.says)))
        console().print(table)
    return int(any(one.health == "problem" for one in findings))


@click.command()
@of_a_cache
@filtered
@click.option("--limit", type=int, metavar="N", help="Stop after so many.")
def ls(where: Where, limit: int | None, wanted: dict[str, Any]) -> int:
    """List entries, all or those that every filter fits."""
    found = False
    with where.opened() as cache:
        for one in cache.entries(limit=limit, **wanted):
            listed(one, where.json)
            found = True
        return 0 if found else nothing(cache, where.json)


@click.command()
@of_a_cache
@click.argument("key")
def show(where: Where, key: str) -> int:
    """Show one entry whole."""
    with where.opened() as cache:
        one = cache.get(key)
        if one is None:
            return nothing(cache, where.json)
        aliases = cache.aliases(one.key)
    if where.json:
        as_json({**asdict(one), "aliases": [alias.question for alias in aliases]})
        return 0
    on = console()
    line(on, one.key, "bold")
    line(on, "  " + " · ".join(about(one)), "dim")
    line(on, f"\n{clean(one.question, lines=True)}")
    for alias in aliases:
        line(on, f"as well as: {clean(alias.question)}", "dim")
    if one.alias_of is not None:
        line(on, f"\nanswered by {one.alias_of}")
    else:
        line(on, f"\n{clean(one.answer, lines=True)}")
    return 0
