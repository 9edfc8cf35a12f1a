"""Looking at a cache and undoing by hand: doctor, ls, show, rm.

They work on a name whose embedding model the shell does not have. Questions and answers are shown
to whoever runs them. Exit codes: 0, 1 where nothing was found or something is wrong, 2 for usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .words import about, clean, cut, duration

if TYPE_CHECKING:
    from rich.console import Console

    from .. import Entry, RedisSemanticCache

_EXTRA = 'pip install "langchain-redis-semcache[cli]"'
_FILTERS = ("text", "tag", "model", "namespace", "older")
_SIGNS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "bold red")}
SHOWN = 20
"""Entries that `rm` lists before it only counts them."""


def add_commands(commands: Any) -> None:
    """Add these commands to the parser of `semcache`."""
    doctor = _command(commands, "doctor", _doctor, "examine the server and what is stored")
    doctor.epilog = "Exit code 1 where there is a problem."
    ls = _command(commands, "ls", _ls, "list entries, all or those that every filter fits")
    _add_filters(ls)
    ls.add_argument("--limit", type=int, metavar="N", help="stop after so many")
    show = _command(commands, "show", _show, "show one entry whole")
    show.add_argument("key", metavar="KEY")
    rm = _command(commands, "rm", _rm, "remove one entry, or all that every filter fits")
    rm.description = "Says what it would remove, with all aliases; --yes removes it."
    rm.add_argument("key", metavar="KEY", nargs="?")
    _add_filters(rm)
    rm.add_argument("--yes", action="store_true", help="remove it")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], says: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=says, description=says)
    parser.set_defaults(run=run)
    parser.add_argument("--redis-url", metavar="URL", help="default: $REDIS_URL")
    parser.add_argument("--name", metavar="NAME", help="of the cache, as its name= argument")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", metavar="WORDS", help="in question or answer, in any order")
    parser.add_argument("--tag")
    parser.add_argument("--model", help="as `show` names it")
    parser.add_argument("--namespace")
    parser.add_argument("--older", type=duration, metavar="AGE", help="such as 15m, 12h, 7d or 2w")


def _doctor(options: argparse.Namespace) -> int:
    with _opened(options) as cache:
        findings = cache.doctor()
    if options.json:
        for one in findings:
            _as_json(asdict(one))
    else:
        console = _console()
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_header=False)
        for one in findings:
            sign, style = _SIGNS[one.health]
            table.add_row(Text(sign, style), clean(one.subject), Text(clean(one.says)))
        console.print(table)
    return int(any(one.health == "problem" for one in findings))


def _ls(options: argparse.Namespace) -> int:
    found = False
    with _opened(options) as cache:
        for one in cache.entries(limit=options.limit, **_wanted(options)):
            _list(one, options.json)
            found = True
    return 0 if found else _nothing(options)


def _show(options: argparse.Namespace) -> int:
    with _opened(options) as cache:
        one = cache.get(options.key)
        aliases = [] if one is None else cache.aliases(one.key)
    if one is None:
        return _nothing(options)
    if options.json:
        _as_json({**asdict(one), "aliases": [alias.question for alias in aliases]})
        return 0
    console = _console()
    _line(console, one.key, "bold")
    _line(console, "  " + " · ".join(about(one)), "dim")
    _line(console, f"\n{clean(one.question, lines=True)}")
    for alias in aliases:
        _line(console, f"as well as: {clean(alias.question)}", "dim")
    if one.alias_of is not None:
        _line(console, f"\nanswered by {one.alias_of}")
    else:
        _line(console, f"\n{clean(one.answer, lines=True)}")
    return 0


def _rm(options: argparse.Namespace) -> int:
    wanted = _wanted(options)
    if bool(options.key) == bool(wanted):
        raise ConfigurationError("rm takes either a KEY or filters, e.g. rm --text refund")
    with _opened(options) as cache, _busy(cache.name):
        entries = cache.remove(options.key, dry_run=not options.yes, **wanted)
    if not entries:
        return _nothing(options)
    for one in entries if options.json else entries[:SHOWN]:
        _list(one, options.json)
    if not options.json:
        if len(entries) > SHOWN:
            print(f"... and {len(entries) - SHOWN:,} more")
        count = f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}"
        print(f"Removed {count}." if options.yes else f"Would remove {count}; --yes does.")
    return 0


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    chosen = {name: getattr(options, name) for name in _FILTERS}
    return {name: value for name, value in chosen.items() if value is not None}


def _list(one: Entry, as_json: bool) -> None:
    if as_json:
        _as_json(asdict(one))
        return
    # No table: a key has to be whole on one line, or it cannot be copied.
    console = _console()
    width = console.width - 4
    _line(console, one.key, "bold")
    _line(console, cut("  " + " · ".join(about(one)), width), "dim")
    _line(console, f"  Q {cut(one.question, width)}")
    told = f"= {one.alias_of}" if one.alias_of else f"A {cut(one.answer, width)}"
    _line(console, f"  {told}")


def _nothing(options: argparse.Namespace) -> int:
    if not options.json:
        print("semcache: no such entry", file=sys.stderr)
    return 1


def _as_json(fields: dict[str, Any]) -> None:
    print(json.dumps(fields))


def _line(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _busy(name: str) -> Iterator[None]:
    with _console(stderr=True).status(f"walking through {name}", spinner="line"):
        yield


def _console(stderr: bool = False) -> Console:
    try:
        from rich.console import Console
    except ImportError:
        raise ConfigurationError(f"the command line needs rich: {_EXTRA}") from None
    return Console(stderr=stderr)


def _opened(options: argparse.Namespace) -> RedisSemanticCache:
    from langchain_core.embeddings import Embeddings

    from .. import RedisSemanticCache

    class Without(Embeddings):
        """Stands for the model that the entries were stored with, which is not needed."""

        def embed_query(self, text: str) -> list[float]:
            raise NotImplementedError

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

    # A threshold, so that nobody guesses one for this model and says so.
    return RedisSemanticCache(Without(), options.redis_url, 0.05, name=options.name)
