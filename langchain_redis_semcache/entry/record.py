"""An entry as one line of a file: what can be stored again, elsewhere and later.

Rule of this module: a line says nothing that depends on where it came from but its scope, and that
is the same in every cache. What is read may have been written by anybody; it is checked here in
form, and whoever stores it decodes the answer first.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..question.digest import raw
from .query import text as as_text
from .schema import tag_id

FIELDS = (
    "prompt",
    "response",
    "scope",
    "created_at",
    "model",
    "namespace",
    "tags",
    "tag_ids",
    "documents",
    "ttl",
    "vector",
)
"""What is fetched of an entry for it; `vector` last, and only where it is wanted."""
_HEX = re.compile(r"[0-9a-f]{32}")
_HALF = re.compile("[\ud800-\udfff]")
_VARIANT = re.compile(r"[0-9a-f]{8}")
# A tag may hold what stands between two of them: their digests say which they are.
_TAG_IDS = re.compile(r"[0-9a-f]{32}(,[0-9a-f]{32})*")
_MORE = ("model", "namespace", "tags", "tag_ids", "documents", "ttl")
VERSION = 1


class RecordError(ValueError):
    """A line is no record; the message says why, without its contents."""


@dataclass(frozen=True)
class Record:
    """A stored answer, read from a line."""

    question: str
    answer: bytes
    scope: str
    variant: str
    """Of the embedding model, the vector type and the schema that the vector belongs to."""
    created_at: float
    expires_at: float | None
    by_meaning: bool
    """Whether reworded questions may be served."""
    vector: bytes | None
    more: Mapping[bytes, bytes]
    """Fields that are stored as they are."""

    def fields(self) -> dict[bytes, bytes]:
        """Return what an entry says, without its vector."""
        return {
            b"prompt": raw(self.question),
            b"response": self.answer,
            b"created_at": f"{self.created_at:.6f}".encode(),
            b"scope": raw(self.scope),
            **self.more,
        }


def write(root: str, key: str, values: Any, ttl: Any, has_vector: Any, now: float) -> str | None:
    """Write what was fetched as a line; None where there is no answer (any more)."""
    if not isinstance(values, (list, tuple)) or len(values) < len(FIELDS) - 1 or not values[1]:
        return None
    told = dict(zip(FIELDS, values, strict=False))
    vector = told.pop("vector", None)
    try:
        answer = json.loads(as_text(told["response"]))
    except ValueError:
        return None
    record: dict[str, Any] = {
        "semcache": VERSION,
        "question": as_text(told["prompt"]),
        "answer": answer,
        "scope": as_text(told["scope"]),
        "variant": key[len(root) :].partition(":")[0],
        "created_at": _number(as_text(told["created_at"])),
        "expires_at": now + ttl / 1000 if isinstance(ttl, int) and ttl >= 0 else None,
        "by_meaning": bool(has_vector),
    }
    for name in _MORE:
        if told[name]:
            record[name] = as_text(told[name])
    if vector:
        record["vector"] = base64.b64encode(vector).decode()
    # Answers may hold what is no number, such as the logarithm of a probability of 0, and questions
    # half of a character, which no file takes.
    line = json.dumps(record, ensure_ascii=False)
    return (json.dumps(record) if _HALF.search(line) else line) + "\n"


def read(line: str) -> Record:
    """Read a line, or raise `RecordError`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise RecordError("no JSON") from None
    if not isinstance(record, dict) or record.get("semcache") != VERSION:
        raise RecordError(f"no entry of `semcache export` (version {VERSION})")
    scope, variant, created = (record.get(n) for n in ("scope", "variant", "created_at"))
    expires = record.get("expires_at")
    if not _is_text(record.get("question")) or not isinstance(record.get("answer"), dict):
        raise RecordError("no question or no answer")
    if not (isinstance(scope, str) and _HEX.fullmatch(scope)):
        raise RecordError("no scope")
    if not (isinstance(variant, str) and _VARIANT.fullmatch(variant)):
        raise RecordError("no variant")
    if created is None or not all(map(_is_number, (created, 0 if expires is None else expires))):
        raise RecordError("no time")
    try:
        encoded = record.get("vector")
        vector = None if encoded is None else base64.b64decode(encoded, validate=True)
    except (ValueError, TypeError):
        raise RecordError("no vector") from None
    return Record(
        question=record["question"],
        answer=json.dumps(record["answer"], separators=(",", ":")).encode(),
        scope=scope,
        variant=variant,
        created_at=float(created),
        expires_at=expires,
        by_meaning=record.get("by_meaning") is True,
        vector=vector,
        more=_more(record),
    )


def _more(record: Mapping[str, Any]) -> dict[bytes, bytes]:
    more: dict[bytes, bytes] = {}
    for name in _MORE:
        value = record.get(name)
        if value is None:
            continue
        if not _is_text(value) or (name == "ttl" and not value.isdigit()):
            raise RecordError(f"no {name}")
        more[name.encode()] = raw(value)
    if b"tag_ids" in more and not _TAG_IDS.fullmatch(record["tag_ids"]):
        raise RecordError("no tag_ids")
    if b"tags" in more and b"tag_ids" not in more:  # written by hand
        more[b"tag_ids"] = ",".join(map(tag_id, record["tags"].split(", "))).encode()
    return more


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value < 1e11


def _number(stored: str) -> float:
    try:
        number = float(stored)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
