"""Changing what all processes of a name go by, without a deployment: off, on, set, unset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import click

from .opening import Where, of_a_cache
from .printing import as_json
from .words import duration

if TYPE_CHECKING:
    from .. import SharedSettings

_NAMES: dict[str, Literal["distance_threshold", "ttl"]] = {
    "threshold": "distance_threshold",
    "ttl": "ttl",
}
_WHICH = click.Choice(list(_NAMES))


@click.command()
@of_a_cache
def off(where: Where) -> int:
    """Stop serving and storing in all processes, within 5 seconds. Entries stay."""
    with where.opened() as cache:
        return _told(where, cache.off())


@click.command()
@of_a_cache
def on(where: Where) -> int:
    """Serve and store again, after `off`."""
    with where.opened() as cache:
        return _told(where, cache.on())


@click.command("set")
@of_a_cache
@click.argument("setting", type=_WHICH)
@click.argument("value")
def set_(where: Where, setting: str, value: str) -> int:
    """Change the distance threshold (0.1) or the ttl (12h) for all processes."""
    try:
        number = float(value) if setting == "threshold" else duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="VALUE") from None
    with where.opened() as cache:
        return _told(where, cache.set(**{_NAMES[setting]: number}))


@click.command()
@of_a_cache
@click.argument("settings", type=_WHICH, nargs=-1)
def unset(where: Where, settings: tuple[str, ...]) -> int:
    """Have every process go by its constructor again, in what is named or in all."""
    with where.opened() as cache:
        return _told(where, cache.unset(*map(_NAMES.__getitem__, settings)))


def _told(where: Where, settings: SharedSettings) -> int:
    if where.json:
        as_json(asdict(settings))
        return 0
    print("on" if settings.on else "OFF: nothing is served or stored")
    for name, field in _NAMES.items():
        value = getattr(settings, field)
        print(f"{name}: {'as constructed' if value is None else f'{value:g}'}")
    print("For all processes of this name, within 5 seconds.")
    return 0
