"""Entries to lines of a file and back: export, import.

Rule of this module: an entry that is there is never replaced, so that importing twice, or again
after an interruption, does no harm; an entry lives no longer than it would have where it came from.
Asked for explicitly, so a failure of Redis is an exception; a line that cannot be used is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal

from .._effects import Command, Embed, EmbeddingUnavailableError, Flow, as_text
from ..entry.answer import DecodeError, decode, has_tool_calls
from ..entry.query import text
from ..entry.record import FIELDS, Record, RecordError, read, write
from ..entry.schema import hidden, is_hidden
from ..entry.scripts import script
from ..entry.stored import is_entry
from ..entry.vector import VectorError, is_packed, pack
from ..question.digest import raw
from .admin import scan, send
from .entries import FEW
from .lookup import Core

Outcome = Literal["stored", "present", "expired", "unreadable", "not_embedded", "without_vector"]
_GONE = ("wrongtype",)
_MADE = ("already exists",)


def export(core: Core, vectors: bool) -> Iterator[Flow[Sequence[str]]]:
    """Return flows to be run one after the other; each writes the entries of one batch."""
    seen: set[str] = set()  # SCAN may name a key twice
    cursor: list[str] = ["0"]

    def batch() -> Flow[Sequence[str]]:
        root = core.settings.schema.root
        cursor[0], named = yield from scan(core, cursor[0], None, FEW)
        keys = [key for key in map(as_text, named) if is_entry(root, key) and key not in seen]
        seen.update(keys)
        if not keys:
            return []
        replies = yield from send(_fetch(keys, vectors), _GONE)
        now = time.time()
        asked = zip(keys, replies[::3], replies[1::3], replies[2::3], strict=True)
        lines = [write(root, key, values, ttl, has, now) for key, values, ttl, has in asked]
        return [line for line in lines if line is not None]

    while True:
        yield batch()
        if cursor[0] == "0":
            return


def _fetch(keys: Sequence[str], vectors: bool) -> list[Command]:
    fields = FIELDS if vectors else FIELDS[:-1]
    commands: list[Command] = []
    for key in keys:
        commands += [("HMGET", key, *fields), ("PTTL", key), ("HEXISTS", key, "vector")]
    return commands


def restore(core: Core, lines: Iterable[str], embeds: bool) -> Iterator[Flow[Sequence[Outcome]]]:
    """Return flows to be run one after the other; each stores one line, and says what came of it.

    Where nothing can be embedded, what has a vector goes where it came from.
    """
    made: set[int] = set()
    for line in lines:
        if line.strip():
            yield _restore(core, line, embeds, made)


def _restore(core: Core, line: str, embeds: bool, made: set[int]) -> Flow[Sequence[Outcome]]:
    settings = core.settings
    try:
        record = read(line)
        answer = decode(record.answer)
    except (RecordError, DecodeError):
        return ["unreadable"]
    longest = settings.max_question_chars
    if len(record.answer) > settings.max_answer_bytes:
        return ["unreadable"]
    schema = settings.schema
    ours = f"{schema.root}{record.variant}:" == schema.prefix
    if ours and record.vector is not None and not is_packed(record.vector, schema.vector_type):
        return ["unreadable"]
    left = None if record.expires_at is None else int((record.expires_at - time.time()) * 1000)
    if left is not None and left <= 0:
        return ["expired"]
    key = schema.key(record.scope, record.question)
    fields = record.fields()
    by_meaning = record.by_meaning and not has_tool_calls(answer)
    by_meaning = by_meaning and (longest is None or len(record.question) <= longest)
    if by_meaning and not embeds:
        if record.vector is None:
            return ["without_vector"]
        key = f"{schema.root}{record.variant}:{key[len(schema.prefix) :]}"
        fields[b"vector"] = record.vector
    elif by_meaning:
        (there,) = yield from send([("HMGET", key, "prompt")], _GONE)
        if isinstance(there, (list, tuple)) and there[0] is not None:
            return ["present"]  # before an embedding is paid for
        vector = yield from _vector(core, record, ours)
        if vector is None:
            return ["not_embedded"]
        yield from _ensure(core, vector, made)
        fields[b"vector"] = vector
    elif not embeds:
        key = f"{schema.root}{record.variant}:{key[len(schema.prefix) :]}"
    return (yield from _put(core, key, fields, left))


def _put(
    core: Core, key: str, fields: dict[bytes, bytes], left: int | None
) -> Flow[Sequence[Outcome]]:
    settings = core.settings
    if settings.hides_namespaces and b"namespace" in fields:
        fields[b"namespace"] = _hidden(fields[b"namespace"])
    if settings.signer is not None:
        fields[b"signature"] = settings.signer.sign(key, fields)
    pairs = [part for pair in fields.items() for part in pair]
    command: Command = ("EVAL", script("restore"), 1, key, left or 0, *pairs)
    (reply,) = yield from send([command])
    return ["stored" if reply else "present"]


def _vector(core: Core, record: Record, ours: bool) -> Flow[bytes | None]:
    """Return the vector as entries of its scope have it, from the file where it is this model's."""
    if ours and record.vector is not None:
        return record.vector
    try:
        vector = pack((yield Embed(record.question)), core.settings.schema.vector_type)
    except (EmbeddingUnavailableError, VectorError):
        return None
    return core.search.masked(vector, record.scope)


def _ensure(core: Core, vector: bytes, made: set[int]) -> Flow[None]:
    """Make the index, once."""
    if len(vector) not in made:
        made.add(len(vector))
        yield from core.search.ensure(partial(send, tolerated=_MADE), vector)


def _hidden(namespace: bytes) -> bytes:
    told = text(namespace)
    return namespace if is_hidden(told) else raw(hidden(told))
