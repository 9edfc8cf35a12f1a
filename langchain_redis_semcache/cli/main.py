"""The console script `semcache`: reads its arguments, calls the library, prints.

Exit codes: 0, 1 where nothing was found, something is wrong or the data support no threshold, 2
where something is wrong with the call.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import CacheUnavailableError, ConfigurationError, SemcacheError
from .shell import add_commands

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from ..calibrate import Calibration

_EXTRA = 'pip install "langchain-redis-semcache[cli]"'
_OPENAI = "openai:"
_SPECS = (
    '"openai:text-embedding-3-small", "local" (WordLlama), or "package.module:attribute", an '
    "Embeddings object or a callable that makes one"
)
_LONGEST_CAUSE = 300
_NARROWEST = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an answer may hold what a terminal does not know
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()  # here, where a reader that has gone is expected
        return code
    except CacheUnavailableError as error:
        print(f"semcache: {error}", file=sys.stderr)
        return 1
    except SemcacheError as error:
        cause = error.__cause__
        more = f" ({_one_line(cause)})" if cause is not None and str(cause) else ""
        print(f"semcache: {error}{more}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `semcache ... | head`
        # Else Python complains again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        print("semcache: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="semcache", description="A semantic cache's tools.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    add_commands(commands)
    calibrate = commands.add_parser(
        "calibrate",
        help="find the distance threshold for an embedding model from labelled questions",
        description="Play labelled questions through a cache and recommend a distance threshold.",
    )
    calibrate.set_defaults(run=_calibrate)
    calibrate.add_argument(
        "file",
        help="pairs (q1, q2, label: 1 if the answer to q1 is right for q2) or a stream of "
        "questions (q, cluster), as .jsonl, .csv or .tsv",
    )
    calibrate.add_argument("--embeddings", metavar="MODEL", help=_SPECS)
    calibrate.add_argument(
        "--judge",
        metavar="MODULE:ATTRIBUTE",
        help="measure a verifier on the pairs instead: an object with verify(asked, cached, "
        "answer), a callable like it, or one without arguments that makes it",
    )
    calibrate.add_argument(
        "--calls", type=int, default=400, metavar="N", help="of the judge (default %(default)s)"
    )
    calibrate.add_argument(
        "--target-precision",
        type=float,
        default=0.98,
        metavar="P",
        help="share of the hits that must be right (default %(default)s)",
    )
    calibrate.add_argument("--out", metavar="HTML", help="write a report to look at in a browser")
    calibrate.add_argument(
        "--seed", type=int, default=0, help="which topics choose, which judge (default %(default)s)"
    )
    calibrate.add_argument(
        "--batch-size", type=int, default=256, metavar="N", help="texts per embedding call"
    )
    return parser


def _calibrate(options: argparse.Namespace) -> int:
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        raise ConfigurationError(f"the command line needs rich: {_EXTRA}") from None
    from rich.console import Console

    from ..calibrate import calibrate, load_pairs, measure_judge, write_report

    if options.seed < 0:
        raise ConfigurationError(f"--seed must not be negative, but is {options.seed}")
    if options.out and not Path(options.out).absolute().parent.is_dir():
        # Before the embeddings are paid for.
        raise ConfigurationError(f"there is no folder to write {options.out} to")
    if bool(options.judge) is bool(options.embeddings):
        raise ConfigurationError("calibrate needs --embeddings MODEL, or --judge MODULE:ATTRIBUTE")
    pairs = load_pairs(options.file)
    what = "asking" if options.judge else "embedding"
    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if options.judge:
        judge = _judge(options.judge)
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            asking = progress.add_task("", total=None)
            opinion = measure_judge(
                pairs,
                judge,
                calls=options.calls,
                seed=options.seed,
                progress=lambda done, of: progress.update(asking, completed=done, total=of),
            )
        print(opinion)
        return 0
    embeddings = _embeddings(options.embeddings)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        result = calibrate(
            pairs,
            embeddings,
            target_precision=options.target_precision,
            seed=options.seed,
            batch_size=options.batch_size,
            progress=lambda done, of: progress.update(task, completed=done, total=of),
        )
    _print(result)
    try:
        if options.out:
            write_report(result, options.out)
            print(f"Report: {options.out}")
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}") from None
    return 0 if result.chosen else 1


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


def _embeddings(spec: str) -> Embeddings:
    """Make the embedding model that the user named."""
    from langchain_core.embeddings import Embeddings

    if spec == "local":
        from ..embedded import LocalEmbeddings

        return LocalEmbeddings()
    if spec.startswith(_OPENAI) and spec != _OPENAI:
        from langchain_openai import OpenAIEmbeddings

        try:
            return OpenAIEmbeddings(model=spec.removeprefix(_OPENAI))
        except Exception as error:
            raise ConfigurationError(f"--embeddings {spec}: {_one_line(error)}") from None
    made = _made("--embeddings", spec, lambda found: isinstance(found, Embeddings), _SPECS)
    if not isinstance(made, Embeddings):
        raise ConfigurationError(
            f"--embeddings {spec} is a {type(made).__name__}, no langchain_core Embeddings"
        )
    return made


def _judge(spec: str) -> Any:
    """Make the verifier that the user named."""

    def is_ready(found: Any) -> bool:
        if callable(getattr(found, "verify", None)) and not isinstance(found, type):
            return True
        return callable(found) and bool(inspect.signature(found).parameters)

    return _made("--judge", spec, is_ready, '"package.module:attribute"')


def _made(option: str, spec: str, is_ready: Callable[[Any], bool], wanted: str) -> Any:
    """Import what an option names, and call it where it is what makes it."""
    module, colon, attribute = spec.partition(":")
    if not (module and colon and attribute):
        raise ConfigurationError(f"{option} {spec!r} is none of {wanted}")
    # As `python -m` does, and a console script does not.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        made: Any = importlib.import_module(module)
        for name in attribute.split("."):
            made = getattr(made, name)
        return made() if callable(made) and not is_ready(made) else made
    except Exception as error:
        raise ConfigurationError(
            f"{option} {spec}: {type(error).__name__}: {_one_line(error)}"
        ) from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST_CAUSE]
