"""What evidence belongs to: the judge, the guards and the embedder that it was gathered with.

Rule of this module: names and plain options become a short digest, and nothing can be read from it.
Two objects that say the same of themselves are told apart by a `version` attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..question.digest import digest

_LENGTH = 12
# What has no part in the result, or changes by itself; numbers of plain objects often count.
_IRRELEVANT = re.compile(
    r"key|token|secret|password|url|base|endpoint|timeout|retr|batch|chunk|progress|folder|path"
    r"|device|user|headers"
)


def fingerprint(judge: Any, guards: Mapping[str, Any], embedder: Any, beside: str = "") -> str:
    """Return the digest of a judge, of guards by name, and of an embedder's options."""
    named = (f"{name}={described(guard)}" for name, guard in guards.items())
    parts = (described(judge), described(embedder), *named, *((beside,) if beside else ()))
    return digest("evidence", *parts)[:_LENGTH]


def described(one: Any) -> str:
    """Name a function or a class, or an object with its plain options."""
    kind = one if hasattr(one, "__qualname__") else type(one)
    parts = [f"{kind.__module__}.{kind.__qualname__}"]
    version = getattr(one, "version", None)
    if isinstance(version, (str, int)):
        parts.append(f"version={version}")
    owner = getattr(one, "__self__", None)
    if owner is not None:
        parts.append(described(owner))
    if kind is not one:
        parts += _options(one)
    return " ".join(parts)


def _options(one: Any) -> list[str]:
    fields = getattr(type(one), "model_fields", None)
    declared = set(fields) if isinstance(fields, Mapping) else set()
    found = []
    for name, value in sorted(getattr(one, "__dict__", {}).items()):
        plain = (str, int, float, type(None)) if name in declared else (str, bool, float)
        if isinstance(value, plain) and not _IRRELEVANT.search(name):
            found.append(f"{name}={value!r}")
    return found
