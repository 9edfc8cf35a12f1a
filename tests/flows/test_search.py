"""The index is made once, missed without an error, and left alone where there can be none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from langchain_redis_semcache._effects import (
    Command,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
)
from langchain_redis_semcache.entry import query
from langchain_redis_semcache.entry.schema import Schema
from langchain_redis_semcache.entry.vector import VectorType, pack
from langchain_redis_semcache.events import Counted, Event, Failed, Observer
from langchain_redis_semcache.flows import search
from langchain_redis_semcache.flows.search import RETRY_SECONDS, SearchIndex
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.lab import NO_INDEX, run, script

VECTOR = pack([1.0, 0.0])
SCOPE = "0123456789abcdef" * 2
EXISTS = ErrorReply("ERR", "Index already exists")
NO_MODULE = ErrorReply("ERR", "ERR unknown command 'FT.SEARCH'")
ELSEWHERE = ErrorReply("MOVED", "MOVED 1 secret:7000")
OTHER_DB = ErrorReply("ERR", "Cannot create index on db != 0")


def send(
    commands: Sequence[Command], *, ours: Callable[[Sequence[Any]], bool] | None = None
) -> Flow[Sequence[Any]]:
    replies: Sequence[Any] = yield Send(commands, ours=ours)
    return replies


DISTANCE = "d1"


@pytest.fixture(autouse=True)
def _one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies that are written down beforehand know the name of the distance."""
    monkeypatch.setattr(query, "fresh_name", lambda: DISTANCE)


class Lab:
    """A search index with its events."""

    def __init__(self, create: bool = True, kind: VectorType = "float32") -> None:
        self.events: list[Event] = []
        self.schema = Schema("app", "emb", kind, "hnsw")
        self.search = SearchIndex(self.schema, Reporter("app", [self.events.append]), create)

    def nearest(self, *replies: Any) -> Any:
        flow = self.search.nearest(send, SCOPE, VECTOR)
        found = run(flow, script(*[[reply] for reply in replies]))
        return found if isinstance(found, str) else list(found.ours)

    def ensure(self, *replies: Any, vector: bytes = VECTOR) -> None:
        run(self.search.ensure(send, vector), script(*[[reply] for reply in replies]))

    def document(self, key: str = "1", scope: str = SCOPE, prefix: str | None = None) -> list[Any]:
        root = self.schema.prefix if prefix is None else prefix
        return [f"{root}{scope}:{key}", [DISTANCE, "0.1"]]


def test_ours_only() -> None:
    """A document of another scope, or of another application's keys, is no candidate."""
    lab = Lab()
    documents = [lab.document(), lab.document(scope="x"), lab.document(prefix="other:")]
    found = lab.nearest([3, *(part for document in documents for part in document)])
    assert [item.entry for item in found] == [f"{lab.schema.prefix}{SCOPE}:1"]


def test_ensure_once() -> None:
    """The index is created once for each number of dimensions, and again when forgotten."""
    lab = Lab()
    lab.ensure(b"OK")
    lab.ensure()
    lab.ensure(b"OK", vector=pack([1.0, 0.0, 0.0]))
    lab.search.forget()
    lab.ensure(b"OK")


def test_searched_is_known() -> None:
    """An index that answered a search need not be created."""
    lab = Lab()
    lab.nearest([0])
    lab.ensure()


def test_never_created() -> None:
    """With `create=False` nothing is sent."""
    Lab(create=False).ensure()


@pytest.mark.parametrize(
    "reply",
    [
        NO_INDEX,
        ErrorReply("app::x", "app::x:2:hnsw: no such index"),
        ErrorReply("ERR", "Unknown index name"),
        ErrorReply("ERR", "Index with name 'app::x' not found in database 0"),
        ErrorReply("ERR", "Index with name 'app::x' not found"),
    ],
)
def test_missing(reply: ErrorReply) -> None:
    """An unknown index, as every engine words it, is an empty one that the next update makes."""
    lab = Lab()
    lab.ensure(b"OK")
    assert lab.nearest(reply) == []
    assert not lab.events
    lab.ensure(b"OK")


@pytest.mark.parametrize("reply", [NO_MODULE, OTHER_DB, ELSEWHERE])
def test_hopeless(reply: ErrorReply, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot search is asked again a minute later, with one event each time."""
    now = [1000.0]
    monkeypatch.setattr(search.time, "monotonic", lambda: now[0])
    lab = Lab()
    assert lab.nearest(reply) == "search_unavailable"
    assert not lab.search.works()
    now[0] += RETRY_SECONDS
    assert lab.search.works()
    assert [type(event) for event in lab.events] == [Failed]
    assert "secret" not in repr(lab.events)


@pytest.mark.parametrize("reply", [ErrorReply("NOPERM", "secret"), ErrorReply("LOADING", "x")])
def test_refused(reply: ErrorReply) -> None:
    """Any other refusal is an event with the code only, and the next call tries again."""
    lab = Lab()
    assert lab.nearest(reply) == "search_unavailable"
    assert lab.events == [Failed("lookup", "search", reply.code)]
    assert lab.search.works()
    lab.ensure(ErrorReply("OOM", "secret"))
    assert lab.events[1:] == [Failed("update", "search", "OOM")]


@pytest.mark.parametrize("reply", [EXISTS, ErrorReply("NOPERM", "x")])
def test_somebody_else(reply: ErrorReply) -> None:
    """An index that somebody else created, or alone may create, is taken to be there."""
    lab = Lab()
    lab.ensure(reply)
    lab.ensure()
    assert not lab.events


@pytest.mark.parametrize(
    "reply",
    [
        ErrorReply("ERR", "Could not send query to cluster"),
        ErrorReply("ERR", "Search operation cancelled due to timeout"),
        ErrorReply("CLUSTERDOWN", "The cluster is down"),
        b"Request timed out",
        {b"results": [], b"warning": [b"Timeout limit was reached"], b"total_results": 0},
    ],
)
def test_not_all_shards(reply: Any) -> None:
    """A search that does not cover everything finds nothing, for a reason of its own."""
    lab = Lab()
    assert lab.nearest(reply) == "search_incomplete"
    assert lab.events == [Failed("lookup", "search", "SearchIncomplete")]
    assert lab.search.works()


def test_an_engine_that_does_not_sort() -> None:
    """A refusal of SORTBY is learned once: the search is asked again, and replies sorted here."""
    lab = Lab()
    reply = [2, *lab.document("far"), *lab.document("near")]
    reply[2] = [DISTANCE, "0.14"]
    sent: list[Command] = []

    def answer(request: Any) -> Any:
        sent.append(request.commands[0])
        if "SORTBY" in sent[-1]:
            return [ErrorReply("ERR", f"Index field `{DISTANCE}` does not exist")]
        return [reply]

    for _ in range(2):
        found = list(run(lab.search.nearest(send, SCOPE, VECTOR), answer).ours)
        assert [one.entry.rsplit(":", 1)[1] for one in found] == ["near", "far"]
    assert ["SORTBY" in command for command in sent] == [True, False, False]
    assert ["ALLSHARDS" in command for command in sent] == [False, True, True]
    assert not lab.events


def test_an_engine_that_does_not_know_all_shards() -> None:
    """valkey-search 1.0 refuses what 1.1 needs to be told: it is asked without."""
    lab = Lab()
    refused = ErrorReply("ERR", f"Index field `{DISTANCE}` does not exist")
    unknown = ErrorReply("ERR", "Unexpected parameter at position 14:ALLSHARDS")
    assert lab.nearest(refused, unknown, [0]) == []
    assert lab.nearest([0]) == []
    assert not lab.events


@pytest.mark.parametrize(
    "refusal", ["Vector query clause is missing", "Invalid filter format. Missing `=>`"]
)
def test_an_engine_that_does_not_count(refusal: str) -> None:
    """One that knows no query without a vector is not asked for a count again."""
    lab = Lab()
    lab.nearest([0])
    assert lab.search.count(SCOPE) is not None
    assert not lab.search.is_empty(ErrorReply("ERR", refusal))
    assert lab.search.count(SCOPE) is None


def test_a_count_that_failed_once() -> None:
    """A count that took too long is asked again."""
    lab = Lab()
    lab.nearest([0])
    assert not lab.search.is_empty(ErrorReply("ERR", "Timeout limit was reached"))
    assert lab.search.count(SCOPE) is not None


def test_a_vector_type_that_is_unknown() -> None:
    """An engine without float16 is an event that says so, and not asked at every store."""
    lab = Lab(kind="float16")
    lab.ensure(ErrorReply("ERR", "Unknown argument `FLOAT16`"), vector=pack([1.0, 0.0], "float16"))
    assert lab.events == [Failed("update", "search", "VectorTypeUnknown")]
    assert not lab.search.works()


def test_the_servers_time() -> None:
    """A search tells the server when nobody will be waiting any more."""
    schema = Schema("app", "emb", "float32", "hnsw")
    index = SearchIndex(schema, Reporter("app", []), True, seconds=2.0)
    command = index.query(2).knn(VECTOR, DISTANCE)
    assert command[command.index("TIMEOUT") + 1] == 1600


class Cluster(Lab):
    """A search index on a cluster, with what is sent behind the calls."""

    def __init__(self, create: bool = True) -> None:
        super().__init__(create)
        self.search = SearchIndex(
            self.schema, Reporter("app", [self.events.append]), create, is_cluster=lambda: True
        )
        self.behind: list[Command] = []
        self.created: Any = b"OK"

    def nearest(self, *replies: Any) -> Any:
        left = iter(replies)

        def answer(request: Any) -> Any:
            if isinstance(request, Later):
                run(request.flow, answer)
                return True
            if request.commands[0][0] == "FT.CREATE":
                self.behind.append(request.commands[0])
                reply = self.created
            else:
                reply = next(left)
            if isinstance(reply, Exception):
                raise reply
            return [reply]

        found = run(self.search.nearest(send, SCOPE, VECTOR), answer)
        return found if isinstance(found, str) else list(found.ours)


def test_a_new_shard_without_the_index() -> None:
    """A search that a new shard has no index for makes it, without a store or a restart."""
    lab = Cluster()
    assert lab.nearest([0]) == []
    assert lab.nearest(NO_INDEX) == "search_incomplete"
    assert lab.behind == [lab.schema.create(2)]
    assert lab.nearest([0]) == []
    assert not lab.events


def test_an_index_is_not_made_at_every_call() -> None:
    """While making it does not help, it is tried now and then."""
    lab = Cluster()
    for _ in range(5):
        lab.nearest(NO_INDEX)
    assert len(lab.behind) == 1


@pytest.mark.parametrize("create", [True, False])
def test_an_index_that_cannot_be_made(create: bool) -> None:
    """Where it may not be made, an event says so at each search."""
    lab = Cluster(create)
    lab.created = ErrorReply("NOPERM", "secret")
    lab.nearest(NO_INDEX)
    assert lab.events == [Failed("lookup", "search", "IndexMissing")]
    assert len(lab.behind) == create


def test_an_index_that_hangs_when_it_is_made() -> None:
    """Behind the call, where a dead shard may keep it as long as it likes."""
    lab = Cluster()
    lab.created = RedisUnavailableError("TimeoutError")
    assert lab.nearest(NO_INDEX) == []
    assert lab.events == [Failed("lookup", "search", "TimeoutError")]


def test_a_store_does_not_wait_for_the_index() -> None:
    """On a cluster it is made behind the answer, which a dead shard must not keep from Redis."""
    lab = Cluster()
    (request,) = lab.search.ensure_behind(VECTOR)
    assert isinstance(request, Later)
    made = next(request.flow)
    assert isinstance(made, Send)
    assert made.commands == [lab.schema.create(2)]
    lab.search.exists(2)
    assert list(lab.search.ensure_behind(VECTOR)) == []


@pytest.mark.parametrize("error", ["SearchIncomplete", "TimeoutError", "suspended"])
def test_a_cluster_that_cannot_be_searched(error: str) -> None:
    """A dead shard is a miss of its own and no failure of Redis as a whole."""
    lab = Cluster()
    assert lab.nearest(RedisUnavailableError(error)) == "search_incomplete"
    assert lab.events == [Failed("lookup", "search", error)]


@pytest.mark.parametrize("error", ["overloaded", "ForeignReply"])
def test_what_is_not_the_clusters_doing(error: str) -> None:
    """Overload, and a reply that is not ours, are what they are elsewhere."""
    with pytest.raises(RedisUnavailableError):
        Cluster().nearest(RedisUnavailableError(error))


@pytest.mark.parametrize(
    ("kind", "near_zero", "far"),
    [("float32", "9e-7", "2e-6"), ("float16", "5e-4", "1e-3"), ("bfloat16", "4e-3", "1e-2")],
)
def test_rounding(kind: VectorType, near_zero: str, far: str) -> None:
    """The distance of equal vectors is zero, whatever the number type makes of it."""
    lab = Lab(kind=kind)
    root = lab.schema.start(SCOPE)
    reply = [2, f"{root}a", [DISTANCE, near_zero], f"{root}b", [DISTANCE, far]]
    assert [item.distance for item in lab.nearest(reply)] == [0.0, float(far)]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ([[7]], [Counted(7)]),
        ([NO_INDEX], [Counted(0)]),
        ([ErrorReply("NOPERM", "NOPERM")], []),
        (RedisUnavailableError("TimeoutError"), []),
    ],
)
def test_counting(reply: Any, told: list[Event]) -> None:
    """Observers are told how many entries there are; without an index there are none."""
    events: list[Event] = []
    reporter = Reporter("app", [Observer(), events.append])
    index = SearchIndex(Schema("app", "emb", "float32", "hnsw"), reporter, True)
    assert index.counting() is None  # nobody knows its name yet
    index.dimensions(pack([1.0, 0.0], "float32"))
    counting = index.counting()
    assert counting is not None
    run(counting, script(reply))
    assert events == told
    assert index.counting() is None  # not so soon
