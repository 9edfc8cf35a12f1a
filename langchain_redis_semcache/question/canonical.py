"""Plain data as text and back, such that what is equal in one is equal in the other."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: object) -> str:
    """Write a hashable of plain data so that two of them are equal as text iff equal as data."""
    if value is None:
        return "None"
    for kind in (bool, int, float, str, bytes):
        if isinstance(value, kind):
            # Not its own repr: that of a subclass need not show all that it is.
            return f"{kind.__name__}:{kind.__repr__(value)}"
    if isinstance(value, tuple):
        return "(" + ",".join(canonical(item) for item in value) + ")"
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(canonical(item) for item in value)) + "}"
    raise TypeError(
        "what must be identical has to be made of str, bytes, numbers, None, tuple and frozenset, "
        f"not {type(value).__name__}"
    )


def strict_json(text: str) -> Any:
    """Parse JSON, refusing what two different texts could share (a key given twice)."""
    return _STRICT.decode(text)


def strict_json_start(text: str) -> tuple[Any, str]:
    """Parse the JSON that a text begins with, as strictly; return it and what follows."""
    value, end = _STRICT.raw_decode(text)
    return value, text[end:]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def sorted_json(value: object) -> str:
    """Write what came from JSON in the one way that does not depend on the order of keys."""
    return _SORTED.encode(value)


def string_at(text: str, position: int) -> tuple[Any, int]:
    """Parse the JSON that begins there, as strictly; return it and where it ends."""
    return _STRICT.raw_decode(text, position)


_STRICT = json.JSONDecoder(object_pairs_hook=_unique)
_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
