"""The Lua scripts, each a file beside this one: what no command does, since it has a condition."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

from .._effects import Argument, Command

Script = Literal["alias", "count", "extend", "label", "restore", "served", "sum", "tighten"]


@cache
def script(name: Script) -> str:
    """Return a script's text, read on first use."""
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def extend(entry: str, answer: bytes, fields: Mapping[bytes, bytes]) -> Command:
    """Return the command that adds fields to an entry, if it still has this answer."""
    pairs: list[Argument] = [part for pair in fields.items() for part in pair]
    digest = hashlib.sha1(answer, usedforsecurity=False).hexdigest()
    return ("EVAL", script("extend"), 1, entry, digest, *pairs)
