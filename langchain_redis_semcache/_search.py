"""The search index as the core uses it: found lazily, made once, missed without an error.

No FT.INFO: what the server answers to the searches themselves says whether there is an index. An
entry of another scope never hides one of ours: the search goes on until ours has been found or
nothing within the threshold is left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from . import _query
from ._codec import BYTES_PER_NUMBER, VectorType
from ._requests import Command, ErrorReply, Flow
from ._schema import Schema
from .events import Failed, Operation, Reporter

RETRY_SECONDS = 60.0
"""How long a server that cannot search at all is not asked for a search again."""

NO_INDEX = ("no such index", "unknown index name", "index not found")
# Distances below are those of equal vectors: the largest found for such, with some room.
_ROUNDING: dict[VectorType, float] = {"float32": 1e-6, "float16": 6e-4, "bfloat16": 5e-3}
_PERMANENT = {
    "unknown command": "NoSearchModule",
    "on db != 0": "OnlyDatabase0IsSearchable",
}

Sender: TypeAlias = Callable[[Sequence[Command]], Flow[Sequence[Any]]]


class SearchIndex:
    """The indexes of one cache: one for every number of dimensions that its embedder returns."""

    def __init__(
        self, schema: Schema, reporter: Reporter, create: bool, fields: tuple[str, ...] = ()
    ) -> None:
        self._schema = schema
        self._reporter = reporter
        self._create = create
        self._fields = fields
        self._queries: dict[int, _query.Search] = {}
        # numpy takes a tenth of a second to import: when a cache is made, not before.
        from ._mask import masked

        self._masked = masked
        self._known: set[int] = set()
        self._off_until = -math.inf

    def works(self) -> bool:
        return time.monotonic() >= self._off_until

    def masked(self, vector: bytes, scope: str) -> bytes:
        """Return a vector as entries of this scope have it."""
        return self._masked(vector, scope, self._schema.vector_type)

    def exists(self, dimensions: int) -> None:
        """Note that there is an index of so many dimensions: no store needs to make sure of it."""
        self._known.add(dimensions)

    def forget(self) -> None:
        """The indexes were dropped, or may have been: the next store makes sure of them."""
        self._known.clear()

    def nearest(
        self, send: Sender, scope: str, vector: bytes, threshold: float
    ) -> Flow[Iterable[_query.Found] | None]:
        """Return the candidates of the scope, nearest first; None where search does not work."""
        dimensions = self.dimensions(vector)
        search = self.query(dimensions)
        vector = self.masked(vector, scope)
        (reply,) = yield from send([search.knn(vector)])
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        self.exists(dimensions)
        self._reporter.recovered("search")
        ours = self._ours(reply, scope)
        first = next(ours, None)
        if first is not None:
            return chain((first,), ours)
        if _query.is_exhausted(reply, threshold):
            return []
        # Every candidate is of another scope and within the threshold, which the masks make rare:
        # look inside of ours.
        (reply,) = yield from send([search.knn_within(scope, vector)])
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        return self._ours(reply, scope)

    def ensure(self, send: Sender, vector: bytes) -> Flow[None]:
        """Create the index where it is not known to exist."""
        dimensions = self.dimensions(vector)
        if dimensions in self._known or not self._create:
            return
        (reply,) = yield from send([self._schema.create(dimensions)])
        if isinstance(reply, ErrorReply) and not _is_fine(reply):
            self._refused("update", reply, dimensions)
        else:
            self.exists(dimensions)

    def _ours(self, reply: Any, scope: str) -> Iterator[_query.Found]:
        """Leave out other scopes, and what another application's index of this name found."""
        start = self._schema.start(scope)
        rounding = _ROUNDING[self._schema.vector_type]
        for found in _query.parse(reply):
            if found.key.startswith(start):
                if found.distance < rounding:
                    found.distance = 0.0
                yield found

    def _refused(
        self, operation: Operation, reply: ErrorReply, dimensions: int
    ) -> list[_query.Found] | None:
        """Sort out what a refusal means: no index yet (so nothing to find), or no search."""
        text = reply.text.lower()
        if any(sign in text for sign in NO_INDEX):
            self._known.discard(dimensions)
            return []
        error = reply.code
        if error == "MOVED":
            error = "NotSearchedAcrossNodes"
        for sign, meaning in _PERMANENT.items():
            if sign in text:
                error = meaning
        if error != reply.code:
            # Only somebody's work on the server can change this: spare the embedder for a while.
            self._off_until = time.monotonic() + RETRY_SECONDS
        self._reporter.emit(Failed(operation, "search", error))
        return None

    def query(self, dimensions: int) -> _query.Search:
        """Return the searches of the index of so many dimensions."""
        found = self._queries.get(dimensions)
        if found is None:
            index, hnsw = self._schema.index(dimensions), self._schema.index_type == "hnsw"
            found = self._queries[dimensions] = _query.Search(index, hnsw, self._fields)
        return found

    def dimensions(self, vector: bytes) -> int:
        """Return how many numbers a packed vector holds."""
        return len(vector) // BYTES_PER_NUMBER[self._schema.vector_type]


def _is_fine(reply: ErrorReply) -> bool:
    """Somebody else was faster, or is the one who may create indexes."""
    return "already exists" in reply.text.lower() or reply.code == "NOPERM"
