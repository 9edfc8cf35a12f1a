"""Where the identical question is stored in another scope, and what keeps them apart.

Rule of this module: asked by hand only, since it walks through the keys of the database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .._effects import Command, ErrorReply, Flow, as_text
from ..entry.stored import FIELDS, is_entry, read
from ..errors import CacheUnavailableError
from ..question.digest import WIDTH
from ..question.prompt import system_text
from ..question.surroundings import (
    EMBEDDINGS,
    MODEL,
    SYSTEM,
    TENANT,
    Difference,
    Parts,
    differences,
    in_system_prompts,
    part,
)
from .admin import send
from .asked import Asked
from .explanation import Elsewhere
from .lookup import Core
from .surroundings import SIGNED, decode

COUNT = 1000
"""Keys that Redis looks at in one round trip: a fraction of a millisecond."""
SECONDS = 20.0
MOST = 5
"""Entries that are shown."""
_UNSAID = Difference("something that entries do not tell", "?", "?")
_OLDER = Difference("not known: stored by an older version, or signed with another key", "?", "?")


def elsewhere(core: Core, asked: Asked) -> Flow[tuple[tuple[Elsewhere, ...], tuple[str, ...]]]:
    """Return the entries of the identical question in other scopes, and what was left undone."""
    until = time.monotonic() + SECONDS
    keys: set[str] = set()
    notes: tuple[str, ...] = ()
    pattern = f"{core.settings.schema.root}*:{asked.key[-WIDTH:]}"
    cursor = "0"
    try:
        while True:
            command = ("SCAN", cursor, "MATCH", pattern, "COUNT", COUNT)
            (reply,) = yield from send([command], tolerated=("noperm",))
            if isinstance(reply, ErrorReply):
                return (), ("other scopes were not looked at: this user may not SCAN",)
            cursor = as_text(reply[0])
            keys.update(map(as_text, reply[1]))
            if cursor == "0":
                break
            if time.monotonic() > until:
                notes = (f"not all scopes were looked at: {SECONDS:.0f} s were over",)
                break
        found = yield from _read(core, asked, keys)
    except CacheUnavailableError as error:
        return (), (f"other scopes were not looked at: {error}",)
    found.sort(key=lambda one: (len(one.differs), one.entry.key))
    if len(found) > MOST:
        notes += (f"and in {len(found) - MOST} more scopes",)
    return tuple(found[:MOST]), notes


def _read(core: Core, asked: Asked, keys: set[str]) -> Flow[list[Elsewhere]]:
    root, own = core.settings.schema.root, core.settings.schema.start(asked.scope)
    others = sorted(key for key in keys if is_entry(root, key) and not key.startswith(own))[:100]
    if not others:
        return []
    commands: list[Command] = []
    for key in others:
        commands += [("HMGET", key, *FIELDS, *SIGNED), ("PTTL", key)]
    replies = yield from send(commands, tolerated=("wrongtype", "noperm"))
    found = []
    for key, values, ttl in zip(others, replies[::2], replies[1::2], strict=True):
        if not isinstance(values, (list, tuple)) or len(values) != len(FIELDS) + len(SIGNED):
            continue
        entry = read(root, key, values[: len(FIELDS)], ttl, time.time())
        if entry is not None and entry.alias_of is None:
            names = map(str.encode, SIGNED)
            kept = dict(zip(names, values[len(FIELDS) :], strict=True))
            parts = decode(key, kept, core.settings.signer)
            found.append(Elsewhere(entry, tuple(_differences(core, asked, entry, parts))))
    return found


def _differences(core: Core, asked: Asked, entry: Any, stored: Parts | None) -> list[Difference]:
    ours = core.surroundings.parts(asked)
    named: list[Difference] = []
    if stored is None:
        # What entries tell besides.
        known = {TENANT: part(entry.namespace)} if entry.namespace else {}
        known |= {MODEL: part(entry.model)} if entry.model else {}
        mine = {name: ours[name] for name in (TENANT, MODEL) if name in ours}
        if asked.reading.namespace:
            mine[TENANT] = part(asked.reading.namespace)
        named = [*differences(mine, known), _OLDER]
    else:
        named = _located(differences(ours, stored), asked, stored)
    if not entry.key.startswith(core.settings.schema.prefix) and not any(
        one.part == EMBEDDINGS for one in named
    ):
        named.append(Difference(EMBEDDINGS, core.settings.embeddings, "another, or vector type"))
    return named or [_UNSAID]


def _located(found: Sequence[Difference], asked: Asked, stored: Parts) -> list[Difference]:
    """Show in which words system prompts differ."""
    return [
        in_system_prompts(system_text(asked.prompt), stored)
        if one.part == SYSTEM and SYSTEM in stored and asked.prompt
        else one
        for one in found
    ]
