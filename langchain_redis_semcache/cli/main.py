"""The console script `semcache`: runs a command, and turns what goes wrong into a line and a code.

Exit codes: 0; 1 where nothing was found, something is wrong or the data support no threshold; 2
where something is wrong with the call; 130 where it was interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from ..errors import CacheUnavailableError, SemcacheError
from .words import one_line

_EXTRA = 'the command line needs pip install "langchain-redis-semcache[cli]"'
_OF_THE_EXTRA = ("click", "rich", "starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an answer may hold what a terminal does not know
            stream.reconfigure(errors="replace")
    try:
        code = _run(arguments)
        sys.stdout.flush()  # here, where a reader that has gone is expected
        return code
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _OF_THE_EXTRA:
            raise
        return _said(_EXTRA, 2)
    except CacheUnavailableError as error:
        return _said(str(error), 1)
    except SemcacheError as error:
        cause = error.__cause__
        more = f" ({one_line(cause)})" if cause is not None and str(cause) else ""
        return _said(f"{error}{more}", 2)
    except BrokenPipeError:  # `semcache ... | head`
        # Else Python complains again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    import click

    from .commands import semcache

    try:
        code = semcache.main(arguments, prog_name="semcache", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _said("interrupted", 130)
    return code if isinstance(code, int) else 0


def _said(sentence: str, code: int) -> int:
    print(f"semcache: {sentence}", file=sys.stderr)
    return code
