"""FT.SEARCH: the nearest entries of a scope, and its replies in RESP2 and RESP3.

An entry of another scope never hides one of ours: the search goes on until ours has been found
or nothing within the threshold is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._requests import Command

_FIELDS = ("scope", "prompt", "response", "created_at", "ttl", "radius", "signature")
_NAMES: dict[Any, str] = {name.encode(): name for name in (*_FIELDS, "distance", "vector")}
CANDIDATES = 4
"""The nearest may be vetoed by a guard while the next is right; more than a few never matter."""
EF_RUNTIME = 32
"""Finds 99.9 % of the nearest of 100,000 with 1536 dimensions; 20 98.7 to 99.7 %, 10 97.5 %."""


@dataclass(frozen=True, slots=True)
class Found:
    """One document of a search reply."""

    key: str
    distance: float
    scope: str
    fields: Mapping[str, Any]


def knn(index: str, vector: bytes, *, hnsw: bool, signed: bool) -> Command:
    """Return the search among all scopes: cheap at every size of the index."""
    return _knn("*", index, vector, CANDIDATES, f"EF_RUNTIME {EF_RUNTIME}" if hnsw else "", signed)


def knn_within(index: str, scope: str, vector: bytes, *, signed: bool) -> Command:
    """Return the search within one scope."""
    return _knn(f"@scope:{{{scope}}}", index, vector, CANDIDATES, "", signed)


def _knn(where: str, index: str, vector: bytes, k: int, options: str, signed: bool) -> Command:
    fields = (*_FIELDS, "vector") if signed else _FIELDS
    query = f"{where}=>[KNN {k} @vector $v {options} AS distance]".replace("  ", " ")
    return (
        *("FT.SEARCH", index, query, "PARAMS", 2, "v", vector),
        *("RETURN", len(fields) + 1, "distance", *fields),
        *("SORTBY", "distance", "LIMIT", 0, k, "DIALECT", 2),
    )


def parse(reply: Any) -> list[Found]:
    """Read a reply of either protocol; documents without a usable distance are left out."""
    found = []
    for key, fields in _documents(reply):
        distance = _number(fields.get("distance"))
        if distance is not None and key:
            scope = text(fields.get("scope"))
            # The server's rounding can leave identical vectors slightly below zero.
            found.append(Found(key, max(0.0, distance), scope, fields))
    found.sort(key=lambda item: item.distance)
    return found


def is_exhausted(reply: Any, found: list[Found], threshold: float) -> bool:
    """Tell whether a search looked beyond the threshold: then no further entry can be within.

    Entries that expired meanwhile take a place in the reply without having a distance.
    """
    return len(_documents(reply)) < CANDIDATES or bool(found and found[-1].distance > threshold)


def parse_keys(reply: Any) -> list[str]:
    """Read the reply to a search with NOCONTENT."""
    if isinstance(reply, (list, tuple)) and reply and isinstance(reply[0], int):
        return [text(key) for key in reply[1:]]
    return [key for key, _ in _documents(reply)]


def _documents(reply: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(reply, Mapping):  # RESP3
        results = _get(reply, "results")
        if not isinstance(results, list):
            return []
        return [
            (text(_get(item, "id")), _fields(_get(item, "extra_attributes")))
            for item in results
            if isinstance(item, Mapping)
        ]
    if isinstance(reply, (list, tuple)) and reply and isinstance(reply[0], int):  # RESP2
        return [(text(reply[i]), _fields(reply[i + 1])) for i in range(1, len(reply) - 1, 2)]
    if isinstance(reply, (list, tuple)) and len(reply) % 2 == 0:  # RESP3 read as pairs
        return _documents(dict(zip(map(text, reply[::2]), reply[1::2], strict=True)))
    return []


def _get(mapping: Mapping[Any, Any], name: str) -> Any:
    return mapping.get(name.encode(), mapping.get(name))


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, (list, tuple)):  # None: the document expired during the search
        pairs = list(zip(value[::2], value[1::2], strict=False))
    else:
        pairs = []
    return {
        _NAMES.get(k) or text(k): v for k, v in pairs if isinstance(v, (bytes, str, float, int))
    }


def text(value: Any) -> str:
    """Decode what is meant to be text; an attacker's bytes must not raise."""
    if isinstance(value, bytes):
        return value.decode("ascii") if value.isascii() else _lenient(value)
    return value if isinstance(value, str) else ""


def _lenient(value: bytes) -> str:
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
