"""The documents behind an answer, as an entry names them, and how many of them stand there today.

Rule of this module: what cannot be read names no document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .schema import tag_id

FIELD = "documents"


def named(tags: Iterable[str]) -> bytes:
    """Return the field that names documents, by digest: whatever their ids are."""
    return ",".join(sorted({tag_id(tag) for tag in tags})).encode()


def shared(stored: Any, tags: Iterable[str]) -> float:
    """Return which share of the longer of both lists stands in the other as well."""
    if not isinstance(stored, bytes):
        return 0.0
    one, other = set(filter(None, stored.split(b","))), set(filter(None, named(tags).split(b",")))
    return len(one & other) / max(len(one), len(other)) if one or other else 1.0
