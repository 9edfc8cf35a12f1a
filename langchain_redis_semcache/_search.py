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
"""How long a server without the search module is not asked for a search again."""

Sender: TypeAlias = Callable[[Sequence[Command]], Flow[Sequence[Any]]]


class SearchIndex:
    """The indexes of one cache: one for every number of dimensions that its embedder returns."""

    def __init__(self, schema: Schema, reporter: Reporter, create: bool) -> None:
        self._schema = schema
        self._reporter = reporter
        self._create = create
        self._known: set[int] = set()
        self._off_until = -math.inf

    def works(self) -> bool:
        return time.monotonic() >= self._off_until

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
        (reply,) = yield from send([_query.knn(index, vector, hnsw=hnsw, signed=signed)])
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        self._known.add(dimensions)
        self._reporter.recovered("search")
        found = _query.parse(reply)
        ours = [item for item in found if item.scope == scope]
        complete = len(found) < _query.UNFILTERED_CANDIDATES or found[-1].distance > threshold
        if ours or complete:
            return ours
        # Every candidate is of another scope and within the threshold: look inside of ours.
        (reply,) = yield from send([_query.knn_within(index, scope, vector, signed=signed)])
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        return [item for item in _query.parse(reply) if item.scope == scope]

    def ensure(self, send: Sender, vector: bytes) -> Flow[None]:
        """Create the index where it is not known to exist."""
        dimensions = self._dimensions(vector)
        if dimensions in self._known or not self._create:
            return
        (reply,) = yield from send([self._schema.create(dimensions)])
        if isinstance(reply, ErrorReply) and not _is_fine(reply):
            self._refused("update", reply, dimensions)
        else:
            self._known.add(dimensions)

    def _refused(
        self, operation: Operation, reply: ErrorReply, dimensions: int
    ) -> list[_query.Found] | None:
        """Sort out what a refusal means: no index yet (so nothing to find), or no search."""
        text = reply.text.lower()
        if "no such index" in text or "unknown index name" in text or "index not found" in text:
            self._known.discard(dimensions)
            return []
        if "unknown command" in text:
            self._off_until = time.monotonic() + RETRY_SECONDS
        self._reporter.emit(Failed(operation, "search", reply.code))
        return None

    def _dimensions(self, vector: bytes) -> int:
        return len(vector) // BYTES_PER_NUMBER[self._schema.vector_type]


def _is_fine(reply: ErrorReply) -> bool:
    """Somebody else was faster, or is the one who may create indexes."""
    return "already exists" in reply.text.lower() or reply.code == "NOPERM"
