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
from functools import partial
from typing import Any, Protocol

from .._causes import refusal
from .._effects import (
    OVERLOADED,
    Command,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
)
from ..entry import query
from ..entry.candidate import Candidate
from ..entry.engine import INCOMPLETE, MISSING, Engine, is_partial, label, meaning
from ..entry.schema import Schema
from ..entry.vector import BYTES_PER_NUMBER, VectorType
from ..events import Counted, Failed, Operation
from ..reporting.reporter import Reporter

RETRY_SECONDS = 60.0
"""How long a server that cannot search at all is not asked for a search again."""
SERVER_SHARE = 0.8
"""Of what a call may take of Redis: the server gives a search up after so much."""

MEND_SECONDS = 2.0
"""Between two attempts to make an index that a shard lacks."""
# Distances below are those of equal vectors: the largest found for such, with some room.
_ROUNDING: dict[VectorType, float] = {"float32": 1e-6, "float16": 6e-4, "bfloat16": 5e-3}


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

    def least(self) -> float:
        """Return a distance that no entry of the scope is nearer than."""
        nearest = next(self.ours, None)
        if nearest is not None:
            return nearest.distance
        return query.farthest(self._reply, self._distance, self._wanted)

    def hides(self, seen: int, threshold: float) -> bool:
        """Tell whether others took places in which more than those `seen` might have stood."""
        wanted = self._wanted
        return seen < wanted and not query.is_exhausted(
            self._reply, self._distance, threshold, wanted
        )


@dataclass(slots=True)
class Unsearched:
    """Stands for the reply of a cluster that could not be searched; its other commands go on."""

    error: str
    cause: str


class SearchIndex:
    """The indexes of one cache: one for every number of dimensions that its embedder returns."""

    def __init__(
        self,
        schema: Schema,
        reporter: Reporter,
        create: bool,
        fields: tuple[str, ...] = (),
        candidates: int = query.CANDIDATES,
        seconds: float = 0.5,
        is_cluster: Callable[[], bool] = bool,
        *,
        distances_only: bool = False,
    ) -> None:
        self.schema = schema
        self._reporter = reporter
        self._create = create
        self._fields = fields
        self._candidates = candidates
        self._distances_only = distances_only
        # The server's word that it took too long is to arrive in time.
        self._milliseconds = max(1, int(seconds * 1000 * SERVER_SHARE))
        self.engine = Engine()
        self.apart = is_cluster
        """Whether searches are sent by themselves: a shard may be dead, and others not."""
        self._mended_at = -math.inf
        self._may_not = False
        """Make the index: if there is none, somebody else has to."""
        self._queries: dict[tuple[int, tuple[str, ...]], query.Search] = {}
        # numpy takes a tenth of a second to import: when a cache is made, not before.
        from ..entry.scope_signs import masked

        self._masked = masked
        self._known: set[int] = set()
        self._seen: set[int] = set()
        """Of these there was an index: where there is none, a shard lacks it."""
        self._dimensions: int | None = None
        """Of the last vector: until there was one nobody knows the index's name."""
        self._off_until = -math.inf

    def works(self) -> bool:
        return time.monotonic() >= self._off_until

    def masked(self, vector: bytes, scope: str) -> bytes:
        """Return a vector as entries of this scope have it."""
        return self._masked(vector, scope, self.schema.vector_type)

    def exists(self, dimensions: int) -> None:
        """Note that there is an index of so many dimensions: no store needs to make sure of it."""
        self._known.add(dimensions)

    def is_there(self, vector: bytes) -> bool:
        """Tell whether there was an index for such vectors when it was last asked for."""
        return self.dimensions(vector) in self._known

    def forget(self) -> None:
        """The indexes were dropped, or may have been: the next store makes sure of them."""
        self._known.clear()

    def nearest(
        self, send: Sender, scope: str, vector: bytes, more: tuple[str, ...] = ()
    ) -> Flow[Nearest | str]:
        """Search among all scopes, for these fields more; the reason of a miss where that does not
        work everywhere.
        """
        dimensions = self.dimensions(vector)
        search, masked = self.query(dimensions, more), self.masked(vector, scope)
        reply, distance = yield from self._asked(send, partial(search.knn, masked))
        if isinstance(reply, (ErrorReply, Unsearched)) or is_partial(reply):
            had = dimensions in self._seen
            refused = self._refused("lookup", reply, dimensions)
            if refused is not None:
                return refused
            yield from self._mend(dimensions)
            if had and self.apart():
                return "search_incomplete"
            return Nearest(iter(()), [0], distance, self._candidates)
        self.exists(dimensions)
        self._seen.add(dimensions)
        self._reporter.recovered("search")
        ours = self._ours(search.read(reply, distance), scope)
        return Nearest(ours, reply, distance, self._candidates)

    def _asked(self, send: Sender, ask: Callable[[str], Command]) -> Flow[tuple[Any, str]]:
        """Send a search, and again where the refusal says how this engine wants to be asked."""
        while True:
            distance = query.fresh_name()
            try:
                (reply,) = yield from send([ask(distance)], ours=_to_search(distance))
            except RedisUnavailableError as error:
                if not self.apart() or error.label in (OVERLOADED, "ForeignReply"):
                    raise
                return Unsearched(error.label, error.cause), distance
            if not isinstance(reply, ErrorReply) or not self.engine.learn(reply):
                return reply, distance

    def count(self, scope: str) -> Command | None:
        """Return what asks how many entries of a scope can be found, where that can be asked."""
        if self._dimensions is None or not self.engine.counts or not self.works():
            return None
        return self.query(self._dimensions).count(scope)

    def counting(self) -> Flow[None] | None:
        """Return, now and then, what tells observers how many entries the index has."""
        if self._dimensions is None or not self._reporter.wants_count():
            return None
        return self._counting(self.query(self._dimensions).size)

    def _counting(self, size: Command) -> Flow[None]:
        try:
            (reply,) = yield Send([size])
        except RedisUnavailableError:
            return  # the next call says so
        missing = isinstance(reply, ErrorReply) and meaning(reply) == "no_index"
        entries = 0 if missing else query.parse_count(reply)
        if entries is not None:
            self._reporter.emit(Counted(entries))

    def is_empty(self, reply: Any) -> bool:
        """Tell whether there is surely nothing to be found, by the reply to `count`."""
        if isinstance(reply, ErrorReply):
            if meaning(reply) == "no_index":
                return not self.apart()  # else a shard may lack it, which the search will see to
            self.engine.refused_to_count(reply)
            return False
        return query.parse_count(reply) == 0

    def counted(self, send: Sender, scope: str) -> Flow[Any]:
        """Ask on a cluster what elsewhere goes along with the identical question: a dead shard
        must not hold that one up."""
        count = self.count(scope)
        if count is None:
            return None
        try:
            (reply,) = yield from send([count])
        except RedisUnavailableError:  # the search will say so
            return None
        return reply

    def within(
        self, send: Sender, scope: str, vector: bytes, more: tuple[str, ...] = ()
    ) -> Flow[Iterable[Candidate] | str]:
        """Search inside of a scope: exact, and slow where the scope is large."""
        dimensions = self.dimensions(vector)
        search, masked = self.query(dimensions, more), self.masked(vector, scope)
        reply, distance = yield from self._asked(send, partial(search.knn_within, scope, masked))
        if isinstance(reply, (ErrorReply, Unsearched)) or is_partial(reply):
            return self._refused("lookup", reply, dimensions) or ()
        return self._ours(search.read(reply, distance), scope)

    def ensure(self, send: Sender, vector: bytes) -> Flow[None]:
        """Create the index where it is not known to exist."""
        dimensions = self.dimensions(vector)
        if dimensions in self._known or not self._create:
            return
        (reply,) = yield from send([self.schema.create(dimensions)])
        self._may_not = isinstance(reply, ErrorReply) and reply.code == "NOPERM"
        if isinstance(reply, ErrorReply) and not _is_fine(reply):
            self._refused("update", reply, dimensions)
        else:
            self.exists(dimensions)

    def ensure_behind(self, vector: bytes) -> Flow[None]:
        """Create the index on a cluster, where that may hang and the answer is stored first."""
        dimensions = self.dimensions(vector)
        if self.apart() and dimensions not in self._known and self._create:
            yield Later(self._made("update", dimensions))

    def _mend(self, dimensions: int) -> Flow[None]:
        """Make an index that a shard lacks: it has joined, and a search needs it everywhere."""
        if not self._create or self._may_not:
            self._reporter.emit(Failed("lookup", "search", MISSING))
        if not self._create:
            return
        if self.apart() and time.monotonic() - self._mended_at >= MEND_SECONDS:
            self._mended_at = time.monotonic()
            yield Later(self._made("lookup", dimensions))

    def _made(self, operation: Operation, dimensions: int) -> Flow[None]:
        try:
            (reply,) = yield Send([self.schema.create(dimensions)], write=True)
        except RedisUnavailableError as error:
            self._reporter.emit(Failed(operation, "search", error.label))
            self._reporter.explain("search", error.cause)
            return
        if isinstance(reply, ErrorReply) and reply.code == "NOPERM":
            self._may_not = True
            self._reporter.emit(Failed(operation, "search", MISSING))
        elif isinstance(reply, ErrorReply) and not _is_fine(reply):
            self._refused(operation, reply, dimensions)
        else:
            self.exists(dimensions)

    def _ours(self, found: Iterable[Candidate], scope: str) -> Iterator[Candidate]:
        """Leave out other scopes, and what another application's index of this name found."""
        start = self.schema.start(scope)
        rounding = _ROUNDING[self.schema.vector_type]
        for candidate in found:
            if candidate.entry.startswith(start):
                if candidate.distance < rounding:
                    candidate.distance = 0.0
                yield candidate

    def _refused(self, operation: Operation, reply: Any, dimensions: int) -> str | None:
        """Sort out what a refusal means: None is no index yet (so nothing to find)."""
        if isinstance(reply, Unsearched):
            self._reporter.emit(Failed(operation, "search", reply.error))
            self._reporter.explain("search", reply.cause)
            return "search_incomplete"
        means = meaning(reply)
        if means == "no_index":
            self._known.discard(dimensions)
            return None
        if means == "cannot":
            # Only somebody's work on the server can change this: spare the embedder for a while.
            self._off_until = time.monotonic() + RETRY_SECONDS
        error = INCOMPLETE if means == "incomplete" else label(reply)
        self._reporter.emit(Failed(operation, "search", error))
        if isinstance(reply, ErrorReply):
            self._reporter.explain("search", refusal(reply))
        return "search_incomplete" if means == "incomplete" else "search_unavailable"

    def query(self, dimensions: int, more: tuple[str, ...] = ()) -> query.Search:
        """Return the searches of the index of so many dimensions."""
        found = self._queries.get((dimensions, more))
        if found is None:
            index, hnsw = self.schema.index(dimensions), self.schema.index_type == "hnsw"
            fields = tuple(dict.fromkeys((*self._fields, *more)))
            about = (index, hnsw, fields, self._candidates, self._milliseconds)
            kind = (self.engine, self.schema.vector_field, self._distances_only)
            found = self._queries[dimensions, more] = query.Search(*about, *kind)
        return found

    def dimensions(self, vector: bytes) -> int:
        """Return how many numbers a packed vector holds."""
        self._dimensions = len(vector) // BYTES_PER_NUMBER[self.schema.vector_type]
        return self._dimensions


def _to_search(distance: str) -> Callable[[Sequence[Any]], bool]:
    return lambda replies: query.belongs(replies[0], distance)


def _is_fine(reply: ErrorReply) -> bool:
    """Somebody else was faster, or is the one who may create indexes."""
    return meaning(reply) == "exists" or reply.code == "NOPERM"
