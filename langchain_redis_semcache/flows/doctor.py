"""An examination of the server and of what is stored there, as findings that say what to do.

Rule of this module: it reads and changes nothing, and embeds nothing. What this user may not ask is
a finding too; only a server that does not answer ends it early.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from .._causes import refusal
from .._effects import Command, ErrorReply, Flow, as_text
from ..entry import query
from ..entry.engine import is_partial, meaning
from ..entry.stored import is_entry
from ..entry.vector import BYTES_PER_NUMBER
from ..errors import CacheUnavailableError
from .admin import probe, scan, send, sentence
from .lookup import Core
from .names import names
from .serve import CLOCK_SKEW
from .switch import settings

Health = Literal["ok", "note", "problem"]
PINGS = 5
SLOW = 0.05
"""Seconds of a round trip from which on a hit is hardly faster than a small model."""
SKEWED = 5.0
_ANY = ("",)


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and where that is not well, what to do."""

    subject: str
    health: Health
    says: str


def doctor(core: Core) -> Flow[list[Finding]]:
    """Examine everything that a cache of this name depends on."""
    try:
        findings = [(yield from _round_trip())]
        findings.append((yield from _clock()))
        findings.append(_user((yield from _ask("ACL", "WHOAMI"))))
        counted = yield from _entries(core)
        findings.append((yield from _shared(core)))
        findings.append(_memory((yield from _ask("INFO")), counted))
        findings.append(_stored(counted, [] if counted.total else (yield from names(core))))
        findings += yield from _search(core, counted)
    except CacheUnavailableError as error:
        return [Finding("reachable", "problem", str(error))]
    return findings


@dataclass
class Counted:
    """The entries of a name."""

    variants: Counter[str]
    lasting: int = 0
    """Those without a ttl."""

    @property
    def total(self) -> int:
        return self.variants.total()


def _ask(*command: str) -> Flow[Any]:
    (reply,) = yield from send([command], _ANY)
    return reply


def _round_trip() -> Flow[Finding]:
    took = []
    for _ in range(PINGS + 1):  # the first one connects
        started = time.perf_counter()
        reply = yield from _ask("PING")
        took.append(time.perf_counter() - started)
    if isinstance(reply, ErrorReply) and reply.code != "NOPERM":
        return Finding("reachable", "problem", f"Redis refuses to answer: {refusal(reply)}")
    usual = median(took[1:])
    says = f"yes, {usual * 1000:.1f} ms there and back, {took[0] * 1000:.0f} ms the first time"
    if usual > SLOW:
        return Finding("reachable", "note", f"{says}: every call waits for that once or twice")
    return Finding("reachable", "ok", says)


def _clock() -> Flow[Finding]:
    before = time.time()
    reply = yield from _ask("TIME")
    now = (before + time.time()) / 2
    if isinstance(reply, ErrorReply):
        return Finding("clock", "note", f"not known: {_kept(reply)}")
    apart = int(reply[0]) + int(reply[1]) / 1e6 - now
    says = f"{abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    if abs(apart) > CLOCK_SKEW:
        return Finding("clock", "problem", f"{says}: ages are wrong, set one of them right")
    return Finding("clock", "note" if abs(apart) > SKEWED else "ok", says)


def _shared(core: Core) -> Flow[Finding]:
    try:
        told = yield from settings(core)
    except CacheUnavailableError as error:
        return Finding("settings", "problem", str(error))
    changed = []
    if told.distance_threshold is not None:
        changed.append(f"distance threshold {told.distance_threshold:g}")
    if told.ttl is not None:
        changed.append(f"ttl {told.ttl:g} s")
    if not told.on:
        says = "SWITCHED OFF for all processes: nothing is served or stored until `semcache on`"
        return Finding("settings", "problem", "; ".join([says, *changed]))
    if changed:
        changed[0] = f"set for all processes until `semcache unset`: {changed[0]}"
        return Finding("settings", "note", ", ".join(changed))
    return Finding("settings", "ok", "on; threshold and ttl are those of each constructor")


def _user(reply: Any) -> Finding:
    if isinstance(reply, ErrorReply):
        return Finding("user", "note", f"not known: {_kept(reply)}")
    return Finding("user", "ok", as_text(reply))


def _entries(core: Core) -> Flow[Counted]:
    """Count them; one that comes or goes meanwhile may be counted twice or not at all."""
    root = core.settings.schema.root
    counted = Counted(Counter())
    cursor = "0"
    while True:
        cursor, named = yield from scan(core, cursor)
        keys = [key for key in map(as_text, named) if is_entry(root, key)]
        asked: list[Command] = [("PTTL", key) for key in keys]
        replies = (yield from send(asked, _ANY)) if asked else []
        for key, left in zip(keys, replies, strict=True):
            counted.variants[key[len(root) :].partition(":")[0]] += 1
            counted.lasting += left == -1
        if cursor == "0":
            return counted


def _stored(counted: Counted, names: list[str]) -> Finding:
    if not counted.total:
        says = "none of this name"
        if names:
            says += f"; this Redis has some of: {', '.join(names)}"
        return Finding("entries", "note", says)
    models = len(counted.variants)
    of = "one embedding model" if models == 1 else f"{models} embedding models or vector types"
    share = 1 - counted.lasting / counted.total
    return Finding("entries", "ok", f"{counted.total:,} of {of}, {share:.0%} with a ttl")


def _memory(reply: Any, counted: Counted) -> Finding:
    if isinstance(reply, ErrorReply):
        return Finding("memory", "note", f"not known: {_kept(reply)}")
    info = _pairs(reply)
    used, most = _whole(info.get("used_memory")), _whole(info.get("maxmemory"))
    policy = info.get("maxmemory_policy", "unknown")
    if not most:
        says = f"{_size(used)} used, no maxmemory: set one, or entries without a ttl fill the host"
        return Finding("memory", "note" if counted.lasting else "ok", says)
    says = f"{_size(used)} of {_size(most)} used, {policy}"
    if policy == "noeviction":
        full = used > 0.9 * most
        return Finding(
            "memory",
            "problem" if full else "note",
            f"{says}: once it is full nothing new is stored; for a cache alone set allkeys-lru",
        )
    if policy.startswith("volatile") and counted.lasting:
        return Finding("memory", "note", f"{says}: entries without a ttl are never evicted")
    return Finding("memory", "ok", says)


def _search(core: Core, counted: Counted) -> Flow[list[Finding]]:
    root, prefix = core.settings.schema.root, core.settings.schema.prefix
    listed = yield from _ask("FT._LIST")
    if isinstance(listed, ErrorReply):
        if "unknown command" in listed.text.lower():
            missing = "no search module: only identical questions are answered from the cache"
            return [Finding("search", "problem", missing)]
        return [
            Finding("search", "note", f"indexes not known: {_kept(listed)}"),
            (yield from _engine(core, None)),
        ]
    indexes = sorted(name for name in map(as_text, listed) if name.startswith(root))
    findings = [Finding("search", "ok", "there is a search module")]
    for name in indexes:
        findings.append(_index(name, prefix, (yield from _ask("FT.INFO", name))))
    ours = [name for name in indexes if name.startswith(prefix)] or indexes
    findings.append((yield from _engine(core, ours[0] if ours else None)))
    indexed = {name[len(root) :].partition(":")[0] for name in indexes}
    for variant in sorted(counted.variants.keys() - indexed):
        says = f"none for {counted.variants[variant]:,} entries below {root}{variant}: the next"
        says += " store makes one; until then they answer identical questions only"
        findings.append(Finding("index", "note", says))
    return findings


def _engine(core: Core, index: str | None) -> Flow[Finding]:
    """Search once, for what the engine says to that.

    Without an index, one of a dimension that no model has is searched: "no such index" is the
    answer of an engine that searches; a cluster that does not do so as a whole answers MOVED.
    """
    known = index is not None
    index = index or core.settings.schema.index(1)
    *_, dimensions, _ = index.split(":")
    for width in dict.fromkeys((BYTES_PER_NUMBER[core.settings.schema.vector_type], 4, 2)):
        # Any vector does; of an index of another embedding model the type is not known.
        vector = b"\x01" * (width * _whole(dimensions))
        search = query.Search(index, hnsw=False, engine=core.search.engine)
        reply = yield from probe(core, search, vector)
        answered = not isinstance(reply, ErrorReply) and not is_partial(reply)
        if answered or (not known and meaning(reply) == "no_index"):
            special = core.search.engine.says
            return Finding("engine", "ok", f"answers searches{special and f'; {special}'}")
        if said := sentence(reply):
            return Finding("engine", "problem", said)
    return Finding("engine", "note", f"not known: {_kept(reply)}")


def _index(name: str, prefix: str, reply: Any) -> Finding:
    ours = ", this embedder's" if name.startswith(prefix) else ""
    if name.startswith(f"{prefix}near_"):
        ours = ", a prefilter's"
    if isinstance(reply, ErrorReply):
        return Finding("index", "note", f"{name}{ours}: {_kept(reply)}")
    info = _pairs(reply)
    dimensions, kind = name.split(":")[-2:]
    says = (
        f"{name}{ours}: {dimensions} dimensions, {kind}, {_whole(info.get('num_docs')):,} entries"
    )
    if failures := _whole(info.get("hash_indexing_failures")):
        return Finding("index", "note", f"{says}, {failures:,} could not be indexed")
    return Finding("index", "ok", says)


def _pairs(reply: Any) -> dict[str, str]:
    """Read what INFO and FT.INFO say, whichever protocol and client it came by."""
    if isinstance(reply, Mapping):
        pairs = list(reply.items())
    elif isinstance(reply, (list, tuple)):
        pairs = list(zip(reply[::2], reply[1::2], strict=False))
    else:
        lines = as_text(reply).splitlines()
        pairs = [line.partition(":")[::2] for line in lines]
    return {as_text(name): as_text(value) for name, value in pairs}


def _whole(value: str | None) -> int:
    try:
        return int(float(value or 0))
    except (ValueError, OverflowError):
        return 0


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _kept(reply: ErrorReply) -> str:
    return "this user may not ask (NOPERM)" if reply.code == "NOPERM" else reply.code
