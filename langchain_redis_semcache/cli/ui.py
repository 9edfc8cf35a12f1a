"""`semcache ui`: serves the local page, to this machine only, until it is interrupted."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigurationError
from .opening import Where, of_a_cache
from .printing import as_json
from .verdicts import Verdicts

if TYPE_CHECKING:
    from .. import RedisSemanticCache
    from .door import Door


@click.command()
@of_a_cache
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("semcache-labels.jsonl"),
    help="Where verdicts go, for `semcache calibrate`.",
    show_default=True,
)
def ui(where: Where, port: int, labels: Path) -> int:
    """Open a local page: what was served, right or wrong.

    It shows the hits that a cache with `recording=` kept. The link that is printed works once, from
    this machine.
    """
    import uvicorn

    cache = where.opened()
    with _listening(port) as listening:
        door = guarded(cache, Verdicts(labels), listening.getsockname()[1])
        if where.json:
            as_json({"link": door.link})
        else:
            click.echo(f"{door.link}\nopens the page, once. Ctrl-C ends it.")
        sys.stdout.flush()
        config = uvicorn.Config(
            door, log_level="warning", access_log=False, server_header=False, proxy_headers=False
        )
        with suppress(KeyboardInterrupt):  # that is how it ends
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def guarded(cache: RedisSemanticCache, verdicts: Verdicts, port: int) -> Door:
    """Return the page of a cache behind its door."""
    from .door import Door
    from .review import Review

    return Door(Review(cache, verdicts).app(), port)


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        says = f"--port {port}: {error.strerror}; without it one is found"
        raise ConfigurationError(says) from None
    return listening
