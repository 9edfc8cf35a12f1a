"""The search index as the core uses it: found lazily, made once, missed without an error.

No FT.INFO: what the server answers to the searches themselves says whether there is an index. An
entry of another scope never hides one of ours: the search may go on inside of the scope where such
entries took the places of ours.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._causes import refusal
from .._effects import Command, ErrorReply, Flow
from .._reporter import Reporter
from ..entry import query
from ..entry.candidate import Candidate
from ..entry.schema import Schema
from ..entry.vector import BYTES_PER_NUMBER, VectorType
from ..events import Failed, Operation

RETRY_SECONDS = 60.0
"""How long a server that cannot search at all is not asked for a search again."""

NO_INDEX = ("no such index", "unknown index name", "index not found")
# Distances below are those of equal vectors: the largest found for such, with some room.
_ROUNDING: dict[VectorType, float] = {"float32": 1e-6, "float16": 6e-4, "bfloat16": 5e-3}
_PERMANENT = {
    "unknown command": "NoSearchModule",
    "on db != 0": "OnlyDatabase0IsSearchable",
}


class Sender(Protocol):
    """Sends commands within a call, and tells how replies to them look."""

    def __call__(
        self,
        commands: Sequence[Command],
        /,
        *,
        ours: Callable[[Sequence[Any]], bool] | None = None,
    ) -> Flow[Sequence[Any]]: ...


@dataclass(slots=True)
class Nearest:
    """What a search among all scopes found."""

    ours: Iterator[Candidate]
    """The candidates of the scope, nearest first; read one by one, and once."""
    _reply: Any
    _distance: str
    _wanted: int

    def hides(self, seen: int, threshold: float) -> bool:
        """Tell whether others took places in which more than those `seen` might have stood."""
        wanted = self._wanted
        return seen < wanted and not query.is_exhausted(
            self._reply, self._distance, threshold, wanted
        )


class SearchIndex:
    """The indexes of one cache: one for every number of dimensions that its embedder returns."""

    def __init__(
        self,
        schema: Schema,
        reporter: Reporter,
        create: bool,
        fields: tuple[str, ...] = (),
        candidates: int = query.CANDIDATES,
    ) -> None:
        self._schema = schema
        self._reporter = reporter
        self._create = create
        self._fields = fields
        self._candidates = candidates
        self._queries: dict[tuple[int, tuple[str, ...]], query.Search] = {}
        # numpy takes a tenth of a second to import: when a cache is made, not before.
        from ..entry.scope_signs import masked

        self._masked = masked
        self._known: set[int] = set()
        self._dimensions: int | None = None
        """Of the last vector: until there was one nobody knows the index's name."""
        self._counts = True
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
        self, send: Sender, scope: str, vector: bytes, more: tuple[str, ...] = ()
    ) -> Flow[Nearest | None]:
        """Search among all scopes, for these fields more; None where search does not work."""
        dimensions = self.dimensions(vector)
        search = self.query(dimensions, more)
        distance = query.fresh_name()
        command = search.knn(self.masked(vector, scope), distance)
        (reply,) = yield from send([command], ours=_to_search(distance))
        if isinstance(reply, ErrorReply):
            missing = self._refused("lookup", reply, dimensions)
            return (
                None if missing is None else Nearest(iter(missing), [0], distance, self._candidates)
            )
        self.exists(dimensions)
        self._reporter.recovered("search")
        return Nearest(self._ours(reply, distance, scope), reply, distance, self._candidates)

    def count(self, scope: str) -> Command | None:
        """Return what asks how many entries of a scope can be found, where that can be asked."""
        if self._dimensions is None or not self._counts or not self.works():
            return None
        return self.query(self._dimensions).count(scope)

    @property
    def size(self) -> Command | None:
        """What asks how many entries the index has, where its name is known."""
        return None if self._dimensions is None else self.query(self._dimensions).size

    def is_empty(self, reply: Any) -> bool:
        """Tell whether there is surely nothing to be found, by the reply to `count`."""
        if isinstance(reply, ErrorReply):
            if _says_no_index(reply):
                return True
            self._counts = False  # valkey-search 1.0 knows no query without a vector
            return False
        return query.parse_count(reply) == 0

    def within(
        self, send: Sender, scope: str, vector: bytes, more: tuple[str, ...] = ()
    ) -> Flow[Iterable[Candidate] | None]:
        """Search inside of a scope: exact, and slow where the scope is large."""
        dimensions = self.dimensions(vector)
        search = self.query(dimensions, more)
        distance = query.fresh_name()
        command = search.knn_within(scope, self.masked(vector, scope), distance)
        (reply,) = yield from send([command], ours=_to_search(distance))
        if isinstance(reply, ErrorReply):
            return self._refused("lookup", reply, dimensions)
        return self._ours(reply, distance, scope)

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

    def _ours(self, reply: Any, distance: str, scope: str) -> Iterator[Candidate]:
        """Leave out other scopes, and what another application's index of this name found."""
        start = self._schema.start(scope)
        rounding = _ROUNDING[self._schema.vector_type]
        for candidate in query.parse(reply, distance):
            if candidate.entry.startswith(start):
                if candidate.distance < rounding:
                    candidate.distance = 0.0
                yield candidate

    def _refused(
        self, operation: Operation, reply: ErrorReply, dimensions: int
    ) -> list[Candidate] | None:
        """Sort out what a refusal means: no index yet (so nothing to find), or no search."""
        text = reply.text.lower()
        if _says_no_index(reply):
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
        self._reporter.explain("search", refusal(reply))
        return None

    def query(self, dimensions: int, more: tuple[str, ...] = ()) -> query.Search:
        """Return the searches of the index of so many dimensions."""
        found = self._queries.get((dimensions, more))
        if found is None:
            index, hnsw = self._schema.index(dimensions), self._schema.index_type == "hnsw"
            fields = tuple(dict.fromkeys((*self._fields, *more)))
            found = query.Search(index, hnsw, fields, self._candidates)
            self._queries[dimensions, more] = found
        return found

    def dimensions(self, vector: bytes) -> int:
        """Return how many numbers a packed vector holds."""
        self._dimensions = len(vector) // BYTES_PER_NUMBER[self._schema.vector_type]
        return self._dimensions


def read_size(reply: Any) -> int | None:
    """Read the reply to `size`; no index has no entries."""
    if isinstance(reply, ErrorReply):
        return 0 if _says_no_index(reply) else None
    return query.parse_count(reply)


def _says_no_index(reply: ErrorReply) -> bool:
    text = reply.text.lower()
    return any(sign in text for sign in NO_INDEX)


def _to_search(distance: str) -> Callable[[Sequence[Any]], bool]:
    return lambda replies: query.belongs(replies[0], distance)


def _is_fine(reply: ErrorReply) -> bool:
    """Somebody else was faster, or is the one who may create indexes."""
    return "already exists" in reply.text.lower() or reply.code == "NOPERM"
