"""Names of a package that are imported when they are first asked for, as PEP 562 has it.

Whoever imports the package for one of its names does not wait for what the others need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_demand(
    package: str, names: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`, from the public names of each module."""
    home = {name: module for module, public in names.items() for name in public}
    contents = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = contents[name] = getattr(import_module(f"{package}.{home[name]}"), name)
        return value

    return find, lambda: sorted({*contents, *home})
