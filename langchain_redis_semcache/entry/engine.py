"""What a search engine can do and what its answers mean: an engine is what it can do.

Rule of this module: nothing is known of an engine but what it has answered to a search or to
FT.CREATE, never a version and never FT.INFO. It is taken to be able to do everything until a
refusal says otherwise; that is learned once, and the search is asked again the other way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from .._effects import ErrorReply, as_text

Meaning = Literal["no_index", "exists", "incomplete", "cannot", "refused"]

INCOMPLETE = "SearchIncomplete"
"""What a `Failed` event says where a search did not cover all shards."""
MISSING = "IndexMissing"
"""What a `Failed` event says where there is no index and nobody here makes one."""

_NO_INDEX = re.compile(
    r"no such index|unknown index name|index not found"
    r"|index with name .* not found"  # valkey-search, with or without "in database 0"
)
_INCOMPLETE = re.compile(
    r"send query to cluster|uninitialized cluster|not distribute"  # Redis 8: a shard is dead
    r"|timeout limit|timed out|due to timeout|timeout calling"  # told in words by all engines
    r"|inconsistent|all shards|one or more shards"
)
_HALF_A_CLUSTER = frozenset({"CLUSTERDOWN", "TRYAGAIN", "ERRCLUSTER"})
_CANNOT = {
    "unknown command": "NoSearchModule",
    "on db != 0": "OnlyDatabase0IsSearchable",
    "unknown argument `float16`": "VectorTypeUnknown",
    "unknown argument `bfloat16`": "VectorTypeUnknown",
    "unsupported vector type": "VectorTypeUnknown",
}
_NO_SORTING = re.compile(r"index field `[^`]*` does not exist|\bsortby\b")
_NO_INSISTING = re.compile(r"\ballshards\b")
_NO_COUNTING = re.compile(r"vector query clause|missing `=>`|unknown command|ft\.aggregate")

SENTENCES: Mapping[str, str] = {
    "NoSearchModule": "this server has no search module: use Redis 8, Redis Stack, Redis "
    "Enterprise or Valkey with valkey-search",
    "OnlyDatabase0IsSearchable": "search knows database 0 only: write redis://host:6379/0 and "
    "another name=",
    "NotSearchedAcrossNodes": "this cluster does not search all its nodes: use Redis 8, Redis "
    "Enterprise, or Valkey with valkey-search and its coordinator",
    "VectorTypeUnknown": "this engine knows vectors of float32 only: write "
    "index=Index(vector='float32')",
    INCOMPLETE: "not all shards answered a search: look for one that is down",
    MISSING: "there is no index on all shards and this user or this cache may not make it: run "
    "setup() once as a user who may FT.CREATE",
}
"""What to do or to write, by what a `Failed` event of a search says."""


class Engine:
    """What is known of one engine, and how it wants to be asked."""

    def __init__(self) -> None:
        self.sorts = True
        """Takes SORTBY the distance. One that does not is asked without, and its replies sorted
        here."""
        self.insists = False
        """Takes ALLSHARDS, without which a dead shard's entries are left out silently."""
        self.counts = True
        """Takes a query without a vector, by which a scope is known to be empty."""

    def learn(self, reply: ErrorReply) -> bool:
        """Learn from a refusal; tell whether the search is worth asking again another way."""
        text = reply.text.lower()
        if self.sorts and _NO_SORTING.search(text):
            # So far only valkey-search and its kin, which know ALLSHARDS from 1.1 on.
            self.sorts, self.insists = False, True
            return True
        if self.insists and _NO_INSISTING.search(text):
            self.insists = False
            return True
        return False

    def refused_to_count(self, reply: ErrorReply) -> None:
        """Learn whether a query without a vector will ever be answered."""
        if reply.code == "NOPERM" or _NO_COUNTING.search(reply.text.lower()):
            self.counts = False

    @property
    def says(self) -> str:
        """What is special about it, for people."""
        told = []
        if not self.sorts:
            told.append("does not sort by distance: done here")
        if not self.counts:
            told.append("does not search by tag alone: every new question is embedded")
        return "; ".join(told)


def meaning(reply: Any) -> Meaning:
    """Tell what an answer other than a result means."""
    if not isinstance(reply, ErrorReply):
        return "incomplete" if is_partial(reply) else "refused"
    text = reply.text.lower()
    if _NO_INDEX.search(text):
        return "no_index"
    if "already exists" in text:
        return "exists"
    if reply.code in _HALF_A_CLUSTER or _INCOMPLETE.search(text):
        return "incomplete"
    return "refused" if label(reply) == reply.code else "cannot"


def label(reply: ErrorReply) -> str:
    """Name what an engine cannot do, else its error code: fit for a log."""
    if reply.code == "MOVED":
        return "NotSearchedAcrossNodes"
    text = reply.text.lower()
    return next((name for sign, name in _CANNOT.items() if sign in text), reply.code)


def is_partial(reply: Any) -> bool:
    """Tell whether a reply says itself that it does not cover everything.

    RESP3 has warnings; valkey-search 1.0 says "Request timed out" without calling it an error.
    """
    if isinstance(reply, (bytes, str)):
        return "timed out" in as_text(reply).lower()
    if isinstance(reply, (list, tuple)) and len(reply) % 2 == 0:  # RESP3 read as pairs
        names = [as_text(name) for name in reply[::2]]
        warned = reply[1::2][names.index("warning")] if "warning" in names else None
    elif isinstance(reply, Mapping):
        warned = reply.get(b"warning", reply.get("warning"))
    else:
        return False
    return isinstance(warned, (list, tuple, set)) and any(
        _INCOMPLETE.search(as_text(one).lower()) for one in warned
    )
