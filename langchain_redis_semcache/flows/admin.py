"""Administration: setup, clear, delete. Asked for explicitly, so a failure is an exception.

Nothing outside of the cache's own root is read or touched; large caches are walked in batches.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from .._causes import refusal
from .._effects import (
    Command,
    Embed,
    EmbeddingUnavailableError,
    ErrorReply,
    Flow,
    RedisUnavailableError,
    Send,
    as_text,
)
from ..entry import query
from ..entry import recorded as stored
from ..entry.engine import INCOMPLETE, MISSING, SENTENCES, is_partial, label, meaning
from ..entry.query import parse_keys
from ..entry.schema import tag_id
from ..entry.vector import VectorError, pack
from ..errors import CacheUnavailableError
from . import totals
from .lookup import Core
from .search import SearchIndex
from .shared import key_of

BATCH = 500
TRIES = 5
"""To make an index and to find it: somebody may clear the cache in between."""
SECONDS = 10.0
"""For each round trip: a walk over a large cache takes as long as it takes."""

_ANY = ("",)
# Whoever may not look at recorded hits does not see that they are left out there.
_FORBIDDEN = ("permission",)


def setup(core: Core) -> Flow[None]:
    """Embed a text, to learn the dimensions, create the index and search it once.

    What the engine cannot do is said here; how it wants to be asked is known afterwards.
    """
    vector = yield from _embedded(core, Embed("ready"), "embedder")
    cheap = None
    if core.prefilter is not None:
        cheap = yield from _embedded(core, Embed("ready", cheap=True), "prefilter's embedder")
    yield from send([("PING",)], tolerated=("noperm",))  # a refusal is an answer
    yield from _made(core, core.search, vector)
    if core.prefilter is not None and cheap is not None:
        yield from _made(core, core.prefilter.search, cheap)


def _embedded(core: Core, embed: Embed, whose: str) -> Flow[bytes]:
    try:
        return pack((yield embed), core.settings.schema.vector_type)
    except EmbeddingUnavailableError as error:
        raise CacheUnavailableError(f"the {whose} failed: {error.cause}") from None
    except VectorError as error:
        raise CacheUnavailableError(f"the {whose} returned no usable vector: {error}") from None


def _made(core: Core, index: SearchIndex, vector: bytes) -> Flow[None]:
    dimensions = index.dimensions(vector)
    tries = TRIES if core.settings.create_index else 1
    while tries:
        tries -= 1
        if core.settings.create_index:
            (reply,) = yield from send([index.schema.create(dimensions)], _ANY)
            if isinstance(reply, ErrorReply) and meaning(reply) != "exists":
                raise _refusal("FT.CREATE", reply)
        reply = yield from probe(core, index.query(dimensions), vector)
        if not isinstance(reply, ErrorReply) and not is_partial(reply):
            break
        if not tries or meaning(reply) != "no_index":
            raise _refusal("FT.SEARCH", reply)
    index.exists(dimensions)


def probe(core: Core, search: query.Search, vector: bytes) -> Flow[Any]:
    """Return what the engine answers to a search, asked the way that it wants to be asked."""
    while True:
        (reply,) = yield from send([search.knn(vector, query.fresh_name())], _ANY)
        if not isinstance(reply, ErrorReply) or not core.search.engine.learn(reply):
            return reply


def sentence(reply: Any) -> str:
    """Say what is wrong and what to write, "" where that is not known."""
    means = meaning(reply)
    if means in ("no_index", "incomplete"):
        return SENTENCES[MISSING if means == "no_index" else INCOMPLETE]
    return SENTENCES.get(label(reply), "") if isinstance(reply, ErrorReply) else ""


def _refusal(command: str, reply: Any) -> CacheUnavailableError:
    if said := sentence(reply):
        return CacheUnavailableError(f"{command}: {said}")
    return CacheUnavailableError(f"Redis refused {command}: {refusal(reply)}")


def clear(core: Core) -> Flow[None]:
    """Drop the indexes first: deleting is cheap once nothing has to be taken out of them.

    The switch stays as it is: who empties a cache that is off does not mean to switch it on. What
    was counted stays too.
    """
    root = core.settings.schema.root
    kept = (key_of(root), totals.key_of(root))
    for index in (yield from _indexes(core)) or ():
        (reply,) = yield from send([("FT.DROPINDEX", index)], _ANY)
        if isinstance(reply, ErrorReply) and not _is_elsewhere(reply):
            raise _refusal("FT.DROPINDEX", reply)
    core.forget_indexes()
    cursor = "0"
    while True:
        cursor, found = yield from scan(core, cursor)
        if keys := [key for key in found if as_text(key) not in kept]:
            yield from unlink(keys)
        if cursor == "0":
            return


def delete_entry(core: Core, entry: str) -> Flow[bool]:
    if not isinstance(entry, str) or not entry.startswith(core.settings.schema.root):
        return False
    (reply,) = yield from send([("UNLINK", entry)])
    yield from forget(core.settings.schema.root, {entry}, _FORBIDDEN)
    return bool(reply)


def delete_tagged(core: Core, tags: Sequence[str]) -> Flow[int]:
    """Ask every index of this name until it knows no entry with these tags any more."""
    wanted = {tag_id(tag) for tag in tags}
    if not wanted:
        return 0
    gone: set[str] = set()
    deleted = yield from _delete_tagged(core, wanted, gone)
    if gone:
        yield from forget(core.settings.schema.root, gone, _FORBIDDEN)
    return deleted


def _delete_tagged(core: Core, wanted: set[str], gone: set[str]) -> Flow[int]:
    indexes = yield from _indexes(core)
    if not indexes:  # entries that are served on an exact match only need none
        return (yield from _delete_tagged_by_scan(core, wanted, gone))
    deleted = 0
    tagged = f"@tag_ids:{{{'|'.join(sorted(wanted))}}}"
    for index in indexes:
        while True:
            search: Command = ("FT.SEARCH", index, tagged, "NOCONTENT", "LIMIT", 0, BATCH)
            (reply,) = yield from send([(*search, "DIALECT", 2)], _ANY)
            if isinstance(reply, ErrorReply):
                core.search.engine.refused_to_count(reply)
                if not _is_elsewhere(reply) and core.search.engine.counts:
                    raise _refusal("FT.SEARCH", reply)
                # Just dropped, or on another node of a cluster that does not search as a whole, or
                # the engine knows no query without a vector.
                return deleted + (yield from _delete_tagged_by_scan(core, wanted, gone))
            if is_partial(reply):
                raise _refusal("FT.SEARCH", reply)
            keys = parse_keys(reply)
            removed = (yield from unlink(keys)) if keys else 0
            deleted += removed
            gone.update(keys)
            if not removed:  # none left, or only such as have just expired
                break
    return deleted


def _delete_tagged_by_scan(core: Core, wanted: set[str], gone: set[str]) -> Flow[int]:
    """Without search: look at every entry of this name."""
    deleted = 0
    cursor = "0"
    while True:
        cursor, keys = yield from scan(core, cursor)
        fields = (
            (yield from send([("HGET", key, "tag_ids") for key in keys], ("wrongtype",)))
            if keys
            else []
        )
        tagged = [
            key
            for key, value in zip(keys, fields, strict=True)
            if isinstance(value, bytes) and wanted & set(as_text(value).split(","))
        ]
        deleted += (yield from unlink(tagged)) if tagged else 0
        gone.update(map(as_text, tagged))
        if cursor == "0":
            return deleted


def scan(
    core: Core, cursor: str, within: str | None = None, count: int = BATCH
) -> Flow[tuple[str, list[Any]]]:
    """Return some keys of this name, or of what is more than that below its root."""
    pattern = f"{within or core.settings.schema.root}*"
    (reply,) = yield from send([("SCAN", cursor, "MATCH", pattern, "COUNT", count)])
    return as_text(reply[0]), list(reply[1])


def unlink(keys: Sequence[Any]) -> Flow[int]:
    """Remove keys; return how many there were."""
    # One key a command, so that a cluster can send each to its shard.
    replies = yield from send([("UNLINK", key) for key in keys])
    return sum(reply for reply in replies if isinstance(reply, int))


def _is_elsewhere(reply: ErrorReply) -> bool:
    """On a cluster that does not search as a whole an index belongs to one node."""
    return meaning(reply) == "no_index" or reply.code == "MOVED"


def forget(root: str, entries: Container[str], tolerated: tuple[str, ...] = ()) -> Flow[None]:
    """Remove the recorded hits of entries that are being removed."""
    behind: str | None = None
    while True:
        command = stored.oldest(root, behind, BATCH)
        (reply,) = yield from send([command], ("wrongtype", *tolerated))
        found = stored.items(reply)
        theirs = [one for one, fields in found if as_text(fields.get("of")) in entries]
        if theirs:
            yield from send([("XDEL", stored.stream(root), *theirs)], tolerated)
        if len(found) < BATCH:
            return
        behind = found[-1][0]


def _indexes(core: Core) -> Flow[list[str] | None]:
    """Return the indexes of this name; None where the server has no search or keeps it from us."""
    root = core.settings.schema.root
    (reply,) = yield from send([("FT._LIST",)], tolerated=("unknown command", "permission"))
    if isinstance(reply, ErrorReply):
        return None
    return sorted(name for name in map(as_text, reply) if name.startswith(root))


def send(commands: Sequence[Command], tolerated: tuple[str, ...] = ()) -> Flow[Sequence[Any]]:
    """Return the replies; raise where there is none, or an error that is not tolerated."""
    try:
        replies: Sequence[Any] = yield Send(commands, timeout=SECONDS)
    except RedisUnavailableError as error:
        raise CacheUnavailableError(f"Redis did not answer: {error.cause}") from None
    for reply in replies:
        if not isinstance(reply, ErrorReply):
            continue
        if not any(sign in f"{reply.code} {reply.text}".lower() for sign in tolerated):
            name = commands[0][0]
            raise CacheUnavailableError(f"Redis refused {name!s}: {refusal(reply)}")
    return replies
