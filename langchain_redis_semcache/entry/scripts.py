"""The Lua scripts, each a file beside this one: what no command does, since it has a condition."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal


@cache
def script(name: Literal["alias", "count", "join", "tighten"]) -> str:
    """Return a script's text, read on first use."""
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
