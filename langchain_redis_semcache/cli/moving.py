"""Entries to a file and back, and answers before anybody asks: export, import, warm."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from ..errors import ConfigurationError
from .named import SPECS, embeddings, made
from .opening import Where, _age, of_a_cache
from .printing import as_json, progress

READERS: dict[str, Callable[[list[str]], Iterator[str]]] = {"semcache": iter}
"""What files `import` reads: each makes lines of `semcache export` of them."""
_MEANT = {
    "stored": "stored",
    "present": "there already",
    "expired": "expired meanwhile",
    "unreadable": "no entries",
    "not_embedded": "not embedded: run it again",
    "without_vector": "without a vector: say --embeddings, or export with --vectors",
    "refused": "not to be cached",
    "failed": "failed: run it again",
}
_WRONG = frozenset({"unreadable", "not_embedded", "without_vector", "failed"})


@click.command(epilog="The file holds questions and answers: only its owner may read it.")
@of_a_cache
@click.argument("file")
@click.option("--vectors", is_flag=True, help="Also what would have to be embedded again.")
def export(where: Where, file: str, vectors: bool) -> int:
    """Write all entries to FILE ("-": standard output), one line of JSON each."""
    count = 0
    with where.opened() as cache, _written(file) as out, progress("exporting") as told:
        for line in cache.dump(vectors=vectors):
            out.write(line)
            count += 1
            told(count, None)
    if file != "-":
        _say(where, Counter(exported=count))
    return 0


@click.command("import")
@of_a_cache
@click.argument("file")
@click.option("--embeddings", "model", metavar="MODEL", help=f"Of the application. {SPECS}")
@click.option("--from", "kind", type=click.Choice(list(READERS)), default="semcache")
def import_(where: Where, file: str, model: str | None, kind: str) -> int:
    """Store the entries of FILE. Those that are there stay, and those that have expired go.

    With --embeddings what was made with another model is embedded again. Without it entries go
    where they came from, which takes their vectors.
    """
    arguments = _arguments(model)
    lines = _lines(file)
    with where.opened(**arguments) as cache, progress("importing") as told:
        told_each = _each(told, len(lines))
        counts = cache.load(READERS[kind](lines), embed=model is not None, progress=told_each)
    return _say(where, counts)


@click.command()
@of_a_cache
@click.argument("file")
@click.option(
    "--model",
    required=True,
    metavar="MODULE:ATTRIBUTE",
    help="The application's: what it is, and its parameters, must be identical.",
)
@click.option("--embeddings", "embedder", required=True, metavar="MODEL", help=SPECS)
@click.option("--system", metavar="TEXT", help="The application's system prompt.")
@click.option("--namespace", default="", help="The tenant to whom this is to be served.")
@click.option("--ttl", callback=_age, metavar="AGE", help="Such as 12h or 7d.")
def warm(
    where: Where,
    file: str,
    model: str,
    embedder: str,
    system: str | None,
    namespace: str,
    ttl: float | None,
) -> int:
    """Store answers before they are asked for.

    FILE holds a question a line, which the model is asked, or {"question": .., "answer": ..}. What
    is stored already is left alone: an interrupted run is resumed by running it again.
    """
    from langchain_core.runnables import Runnable

    asked = made("--model", model, lambda one: isinstance(one, Runnable), '"package.module:model"')
    rows = [_row(line) for line in _lines(file)]
    arguments = {**_arguments(embedder), "namespace": namespace, "ttl": ttl}
    with where.opened(**arguments) as cache, progress("warming") as told:
        counts = cache.warm(rows, asked, system=system, progress=_each(told, len(rows)))
    return _say(where, counts)


def _row(line: str) -> Any:
    """Read a JSON object with question and answer, or a question as it is."""
    if not line.lstrip().startswith("{"):
        return line.strip()
    try:
        return json.loads(line)
    except ValueError:
        raise ConfigurationError("a line begins with { and is no JSON") from None


def _arguments(model: str | None) -> dict[str, Any]:
    from .. import Limits

    limits = Limits(redis=10, embedding=60)
    return {"limits": limits} | ({} if model is None else {"embeddings": embeddings(model)})


def _each(told: Callable[[int, int | None], None], of: int) -> Callable[[str], None]:
    done = 0

    def one(outcome: str) -> None:
        nonlocal done
        done += 1
        told(done, of)

    return one


def _lines(file: str) -> list[str]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
    return [line for line in text.split("\n") if line.strip()]


@contextmanager
def _written(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield sys.stdout
        return
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    with open(opened, "w", encoding="utf-8") as out:
        yield out


def _say(where: Where, counts: Counter[str]) -> int:
    if where.json:
        as_json(dict(counts))
    else:
        print(", ".join(f"{count:,} {_MEANT.get(name, name)}" for name, count in counts.items()))
    return int(any(counts[name] for name in _WRONG))
