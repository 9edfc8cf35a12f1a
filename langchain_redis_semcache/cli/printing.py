"""What commands print: JSON for programs, rich for people, progress beside either."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .words import about, cut

if TYPE_CHECKING:
    from rich.console import Console

    from .. import Entry, RedisSemanticCache


def as_json(fields: dict[str, Any]) -> None:
    print(json.dumps(fields))


def console(stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def line(on: Console, text: str, style: str | None = None) -> None:
    on.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def nothing(cache: RedisSemanticCache, quiet: bool) -> int:
    """Say that nothing was found, and where there is something if this name has nothing at all."""
    if not quiet:
        names = cache.names()
        says = "no such entry"
        if cache.name not in names:
            says = f'nothing is stored under the name "{cache.name}"; this Redis has '
            says += f"some of: {', '.join(names)} (say which: --name)" if names else "of no name"
        print(f"semcache: {says}", file=sys.stderr)
    return 1


def listed(one: Entry, json: bool) -> None:
    """Print an entry in short."""
    if json:
        as_json(asdict(one))
        return
    # No table: a key has to be whole on one line, or it cannot be copied.
    on = console()
    width = on.width - 4
    line(on, one.key, "bold")
    line(on, cut("  " + " · ".join(about(one)), width), "dim")
    line(on, f"  Q {cut(one.question, width)}")
    told = f"= {one.alias_of}" if one.alias_of else f"A {cut(one.answer, width)}"
    line(on, f"  {told}")


@contextmanager
def busy(name: str) -> Iterator[None]:
    with console(stderr=True).status(f"walking through {name}", spinner="line"):
        yield


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar while this lasts; what comes is called with how much is done, and of how much."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
