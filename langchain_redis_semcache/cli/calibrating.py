"""Measuring before one trusts: calibrate."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError
from .named import SPECS, embeddings, made
from .printing import progress

if TYPE_CHECKING:
    from ..calibrate import Calibration

_NARROWEST = 78


@click.command()
@click.argument("file")
@click.option("--embeddings", "model", metavar="MODEL", help=SPECS)
@click.option(
    "--judge",
    metavar="MODULE:ATTRIBUTE",
    help="Measure a verifier on the pairs instead: an object with verify(asked, cached, answer), "
    "a callable like it, or one without arguments that makes it.",
)
@click.option("--calls", type=int, default=400, show_default=True, help="Of the judge.")
@click.option(
    "--target-precision",
    type=float,
    default=0.98,
    metavar="P",
    show_default=True,
    help="Share of the hits that must be right.",
)
@click.option("--out", metavar="HTML", help="Write a report to look at in a browser.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Which topics choose, which judge."
)
@click.option("--batch-size", type=int, default=256, metavar="N", help="Texts per embedding call.")
def calibrate(
    file: str,
    model: str | None,
    judge: str | None,
    calls: int,
    target_precision: float,
    out: str | None,
    seed: int,
    batch_size: int,
) -> int:
    """Play labelled questions through a cache and recommend a distance threshold.

    FILE holds pairs (q1, q2, label: 1 if the answer to q1 is right for q2) or a stream of questions
    (q, cluster), as .jsonl, .csv or .tsv.
    """
    from ..calibrate import calibrate, load_pairs, measure_judge, write_report

    if seed < 0:
        raise ConfigurationError(f"--seed must not be negative, but is {seed}")
    if out and not Path(out).absolute().parent.is_dir():
        # Before the embeddings are paid for.
        raise ConfigurationError(f"there is no folder to write {out} to")
    if bool(judge) is bool(model):
        raise ConfigurationError("calibrate needs --embeddings MODEL, or --judge MODULE:ATTRIBUTE")
    pairs = load_pairs(file)
    if judge:
        asked = _judge(judge)
        with progress("asking") as told:
            print(measure_judge(pairs, asked, calls=calls, seed=seed, progress=told))
        return 0
    embedder = embeddings(model or "")
    with progress("embedding") as told:
        result = calibrate(
            pairs,
            embedder,
            target_precision=target_precision,
            seed=seed,
            batch_size=batch_size,
            progress=told,
        )
    _print(result)
    try:
        if out:
            write_report(result, out)
            print(f"Report: {out}")
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}") from None
    return 0 if result.chosen else 1


def _judge(spec: str) -> Any:
    """Make the verifier that the user named."""

    def is_ready(found: Any) -> bool:
        if callable(getattr(found, "verify", None)) and not isinstance(found, type):
            return True
        return callable(found) and bool(inspect.signature(found).parameters)

    return made("--judge", spec, is_ready, '"package.module:attribute"')


def _print(result: Calibration) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in (
        "threshold",
        "hits",
        "hit rate",
        "precision",
        "95 % interval",
        "false hits\nper 1,000",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.summary():
        low, high = row.interval
        table.add_row(
            f"{row.threshold:g}",
            f"{row.hits:,}",
            f"{row.hit_rate:.1%}",
            "" if row.precision is None else f"{row.precision:.1%}",
            f"{low:.1%} to {high:.1%}" if row.hits else "",
            f"{row.false_per_1000:.1f}",
            style="bold green" if row == result.chosen else None,
        )
    asked = result.shown.asked
    console = Console()
    # Cut numbers are worse than broken lines.
    Console(width=max(_NARROWEST, console.width)).print(table)
    print(f"{asked:,} questions asked, {result.stored:,} stored.", *result.notes)
    unlabelled = sum(example.reason == "no label" for example in result.false_hits)
    if unlabelled:
        print(
            f"At {result.shown.threshold:g}, {unlabelled:,} of {len(result.false_hits):,} false "
            "hits are between questions that nobody compared; they count as different. See --out."
        )
    judged = result.judged
    if judged is not None:
        print(
            f"Judged by topics that had no part in the choice: of {judged.hits:,} hits "
            f"{judged.false_hits:,} were wrong (95 % interval {judged.interval[0]:.1%} to "
            f"{judged.interval[1]:.1%})."
        )
    print()
    # Not through rich, which would wrap what is meant to be pasted.
    print(result.line or f"No recommendation. {result.refusal}")
