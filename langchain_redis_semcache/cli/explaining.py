"""Why a question would hit or miss, asked as that of an entry was: explain."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .named import SPECS, embeddings
from .opening import Where, of_a_cache
from .printing import as_json, console, line
from .words import clean

if TYPE_CHECKING:
    from .. import Explanation

_NO_EMBEDDINGS = (
    "semcache: without --embeddings only identical questions and the words of guards are told"
)


@click.command(epilog="Exit code 0 for a hit, 1 for a miss.")
@of_a_cache
@click.argument("question")
@click.option("--like", required=True, metavar="KEY", help="An entry, as `ls` or a hit names it.")
@click.option("--embeddings", "model", metavar="MODEL", help=SPECS)
@click.option("--threshold", type=float, metavar="D", help="By default the embedding model's.")
def explain(
    where: Where, question: str, like: str, model: str | None, threshold: float | None
) -> int:
    """Say whether a question would be answered from the cache, and why.

    It is asked as that of the entry KEY was: same tenant, model, system prompt and turns.
    """
    from .. import Limits

    arguments: dict[str, Any] = {"limits": Limits(redis=10, embedding=60)}
    if model is not None:
        arguments |= {"embeddings": embeddings(model), "distance_threshold": threshold}
    elif not where.json:
        click.echo(_NO_EMBEDDINGS, err=True)
    with where.opened(**arguments) as cache:
        said = cache.explain(question, like=like)
    if where.json:
        as_json(_fields(said))
    else:
        for row in str(said).splitlines():
            line(console(), clean(row))
    return 0 if said.decision == "hit" else 1


def _fields(said: Explanation) -> dict[str, Any]:
    served = None if said.served is None else asdict(said.served)
    near = [
        {"entry": one.entry, "question": one.question, "distance": one.distance}
        | {"accepted": one.accepted, "reason": one.reason, "guard": one.guard}
        for one in said.candidates
    ]
    named = ("decision", "reason", "question", "exact_only", "scope", "entry", "key", "distance")
    fields = {name: getattr(said, name) for name in (*named, "model", "threshold")}
    return {**fields, "served": served, "candidates": near, "notes": list(said.notes)}
