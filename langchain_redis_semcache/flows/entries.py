"""Looking at what is stored, and undoing it: by key, by words, by tag, model, namespace or age.

Rule of this module: entries of every embedding model of the name are found, since whoever looks
for a wrong answer need not have the embedder; an alias goes with its entry. Asked for explicitly,
so a failure is an exception.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from .._effects import Command, Flow, Work, as_text
from ..entry.stored import FIELDS, Entry, Picked, Wanted, is_entry, read
from ..errors import ConfigurationError
from ..stats import Stats
from .admin import BATCH, forget, scan, send, unlink
from .lookup import Core
from .totals import asking_served, key_of, read_served, read_totals

ALL = Wanted()
FEW = 100
"""Entries that are read in one round trip: Redis answers nobody else meanwhile."""
_GONE = ("wrongtype",)


def entries(core: Core, wanted: Wanted, limit: int | None) -> Iterator[Flow[Sequence[Entry]]]:
    """Return flows to be run one after the other; each finds the entries of one batch."""
    seen: set[str] = set()  # SCAN may name a key twice
    cursor: list[str] = ["0"]

    def batch() -> Flow[Sequence[Entry]]:
        cursor[0], picked = yield from _batch(core, wanted, cursor[0])
        new = {one.key: one for one in picked.meant if one.key not in seen}
        chosen = list(new.values())[: None if limit is None else limit - len(seen)]
        seen.update(one.key for one in chosen)
        return chosen

    while True:
        yield batch()
        if cursor[0] == "0" or (limit is not None and len(seen) >= limit):
            return


def get(core: Core, key: str) -> Flow[Entry | None]:
    root = core.settings.schema.root
    if not is_entry(root, key):
        return None
    commands = [*_fetch([key]), asking_served(root, key)]
    values, ttl, served = yield from send(commands, _GONE)
    one = read(root, key, values, ttl, time.time())
    return None if one is None else replace(one, served=read_served(served, key))


def totals(core: Core) -> Flow[Stats]:
    """Read what all processes have counted, this one's latest included."""
    yield from core.totals.tell()
    (reply,) = yield from send([("HGETALL", key_of(core.settings.schema.root))])
    return read_totals(reply)


def aliases(core: Core, key: str) -> Flow[list[Entry]]:
    """Return the other wordings that an entry is served for."""
    if not is_entry(core.settings.schema.root, key):
        return []
    found = yield from _walk(core, ALL, _scope_of(key))
    return list({one.key: one for one in found.aliases if one.alias_of == key}.values())


def remove(core: Core, key: str | None, wanted: Wanted, dry_run: bool) -> Flow[list[Entry]]:
    """Find first, then remove: what is told is what has gone, aliases included."""
    if (key is None) == wanted.anything:
        raise ConfigurationError(
            "remove() takes a key or filters, e.g. remove(text='refund'); clear() removes all"
        )
    if key is not None:
        one = yield from get(core, key)
        if one is None:
            return []
        walked = yield from _walk(core, wanted, _scope_of(key))
        found = {one.key: one}
    else:
        walked = yield from _walk(core, wanted)
        found = {one.key: one for one in walked.meant}
    # Whoever found a wrong answer by an alias means the answer.
    for target in {one.alias_of for one in found.values()} - found.keys():
        one = None if target is None else (yield from get(core, target))
        if one is not None:
            found[one.key] = one
    # Of aliases nothing but the words is known: they go by the entry that they lead to.
    found |= {one.key: one for one in walked.aliases if one.alias_of in found}
    keys = list(found)
    if not dry_run:
        for start in range(0, len(keys), BATCH):
            yield from unlink(keys[start : start + BATCH])
        yield from forget(core.settings.schema.root, found)
    return list(found.values())


def _walk(core: Core, wanted: Wanted, within: str | None = None) -> Flow[Picked]:
    """Look at everything below the root, or for aliases alone at one scope."""
    walked = Picked([], [])
    cursor = "0"
    while True:
        cursor, picked = yield from _batch(core, wanted, cursor, within)
        walked.meant.extend(picked.meant if within is None else ())
        walked.aliases.extend(picked.aliases)
        if cursor == "0":
            return walked


def _batch(
    core: Core, wanted: Wanted, cursor: str, within: str | None = None
) -> Flow[tuple[str, Picked]]:
    root = core.settings.schema.root
    cursor, named = yield from scan(core, cursor, within, FEW)
    keys = [key for key in map(as_text, named) if is_entry(root, key)]
    if not keys:
        return cursor, Picked([], [])
    replies: Sequence[Any] = yield from send(_fetch(keys), _GONE)
    now = time.time()
    picked: Picked = yield Work(lambda: wanted.pick(root, keys, replies, now), _size(replies[::2]))
    return cursor, picked


def _scope_of(key: str) -> str:
    return key[: key.rindex(":") + 1]


def _size(fetched: Sequence[Any]) -> int:
    fields = (field for fields in fetched if isinstance(fields, list) for field in fields)
    return sum(len(field) for field in fields if field)


def _fetch(keys: Sequence[str]) -> list[Command]:
    commands: list[Command] = []
    for key in keys:
        commands += [("HMGET", key, *FIELDS), ("PTTL", key)]
    return commands
