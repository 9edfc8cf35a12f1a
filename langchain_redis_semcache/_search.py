"""The search index as the core uses it: found lazily, made once, missed without an error.

No FT.INFO: what the server answers to the searches themselves says whether there is an index.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from . import _query
from ._codec import BYTES_PER_NUMBER
from ._requests import Command, ErrorReply, Flow
from ._schema import Schema
from .events import Failed, Operation, Reporter

RETRY_SECONDS = 60.0
"""How long a server that cannot search at all is not asked for a search again."""
MAX_CONTRADICTIONS = 2
"""So often in a row an index may exist for FT.CREATE and not for FT.SEARCH."""

NO_INDEX = ("no such index", "unknown index name", "index not found")
_PERMANENT = {
    "unknown command": "NoSearchModule",
    "on db != 0": "OnlyDatabase0IsSearchable",
}

Sender: TypeAlias = Callable[[Sequence[Command]], Flow[Sequence[Any]]]


class SearchIndex:
    """The indexes of one cache: one for every number of dimensions that its embedder returns."""

    def __init__(self, schema: Schema, reporter: Reporter, create: bool) -> None:
        self._schema = schema
        self._reporter = reporter
        self._create = create
        # numpy takes a tenth of a second to import: when a cache is made, not before.
        from ._mask import masked

        self._masked = masked
        self._known: set[int] = set()
        self._off_until = -math.inf
        self._asserted: dict[int, float] = {}
        self._doubted: set[int] = set()
        self._contradictions = 0

    def works(self) -> bool:
        return time.monotonic() >= self._off_until

    def masked(self, vector: bytes, scope: str) -> bytes:
        """Return a vector as entries of this scope have it."""
        return self._masked(vector, scope, self._schema.vector_type)

    def forget(self) -> None:
        """The indexes were dropped."""
        self._known.clear()

    def nearest(
        self, send: Sender, scope: str, vector: bytes, threshold: float, *, signed: bool
    ) -> Flow[list[_query.Found] | None]:
        """Return the candidates of the scope, nearest first; None where search does not work."""
        dimensions = self._dimensions(vector)
        index = self._schema.index(dimensions)
        hnsw = self._schema.index_type == "hnsw"
        vector = self.masked(vector, scope)
        began = time.monotonic()
        (reply,) = yield from send([_query.knn(index, vector, hnsw=hnsw, signed=signed)])
        if isinstance(reply, ErrorReply):
            if _is_missing(reply) and began > self._asserted.get(dimensions, math.inf):
                self._doubted.add(dimensions)
            return self._refused("lookup", reply, dimensions)
        self._known.add(dimensions)
        self._contradictions = 0
        self._reporter.recovered("search")
        found = _query.parse(reply)
        ours = self._ours(found, scope)
        if ours or _query.is_exhausted(reply, found, threshold):
            return ours
        # Every candidate is of another scope and within the threshold, which the masks make rare:
        # look inside of ours.
        (reply,) = yield from send([_query.knn_within(index, scope, vector, signed=signed)])
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        return self._ours(_query.parse(reply), scope)

    def ensure(self, send: Sender, vector: bytes) -> Flow[None]:
        """Create the index where it is not known to exist."""
        dimensions = self._dimensions(vector)
        if dimensions in self._known or not self._create:
            return
        (reply,) = yield from send([self._schema.create(dimensions)])
        if not isinstance(reply, ErrorReply) or reply.code == "NOPERM":
            self._known.add(dimensions)  # NOPERM: somebody else is the one who creates indexes
            self._asserted[dimensions] = time.monotonic()
        elif "already exists" in reply.text.lower():
            self._exists_elsewhere(dimensions)
        else:
            self._refused("update", reply, dimensions)

    def _exists_elsewhere(self, dimensions: int) -> None:
        """Another process was faster; unless the next search finds no index again.

        Then each node of a cluster has indexes of its own, and no search sees all entries.
        """
        self._asserted[dimensions] = time.monotonic()
        if dimensions in self._doubted:
            self._doubted.discard(dimensions)
            self._contradictions += 1
        if self._contradictions < MAX_CONTRADICTIONS:
            self._known.add(dimensions)
        else:
            self._suspend("update", "NotSearchedAcrossNodes")

    def _ours(self, found: Sequence[_query.Found], scope: str) -> list[_query.Found]:
        """Leave out other scopes, and what another application's index of this name found."""
        prefix = self._schema.prefix
        return [item for item in found if item.scope == scope and item.key.startswith(prefix)]

    def _refused(
        self, operation: Operation, reply: ErrorReply, dimensions: int
    ) -> list[_query.Found] | None:
        """Sort out what a refusal means: no index yet (so nothing to find), or no search."""
        if _is_missing(reply):
            self._known.discard(dimensions)
            return []
        for sign, meaning in _PERMANENT.items():
            if sign in reply.text.lower():
                self._suspend(operation, meaning)
                return None
        self._reporter.emit(Failed(operation, "search", reply.code))
        return None

    def _suspend(self, operation: Operation, meaning: str) -> None:
        """Spare the embedder for a while: only somebody's work on the server can change this."""
        self._off_until = time.monotonic() + RETRY_SECONDS
        self._reporter.emit(Failed(operation, "search", meaning))

    def _dimensions(self, vector: bytes) -> int:
        return len(vector) // BYTES_PER_NUMBER[self._schema.vector_type]


def _is_missing(reply: ErrorReply) -> bool:
    text = reply.text.lower()
    return any(sign in text for sign in NO_INDEX)
