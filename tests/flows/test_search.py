"""The index is made once, missed without an error, and left alone where there can be none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from langchain_redis_semcache._effects import Command, ErrorReply, Flow, Send
from langchain_redis_semcache._reporter import Reporter
from langchain_redis_semcache.entry import query
from langchain_redis_semcache.entry.schema import Schema
from langchain_redis_semcache.entry.vector import VectorType, pack
from langchain_redis_semcache.events import Event, Failed
from langchain_redis_semcache.flows import search
from langchain_redis_semcache.flows.search import RETRY_SECONDS, SearchIndex, read_size
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
        return None if found is None else list(found.ours)

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
    assert lab.nearest(reply) is None
    assert not lab.search.works()
    now[0] += RETRY_SECONDS
    assert lab.search.works()
    assert [type(event) for event in lab.events] == [Failed]
    assert "secret" not in repr(lab.events)


@pytest.mark.parametrize("reply", [ErrorReply("NOPERM", "secret"), ErrorReply("LOADING", "x")])
def test_refused(reply: ErrorReply) -> None:
    """Any other refusal is an event with the code only, and the next call tries again."""
    lab = Lab()
    assert lab.nearest(reply) is None
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
    ("kind", "near_zero", "far"),
    [("float32", "9e-7", "2e-6"), ("float16", "5e-4", "1e-3"), ("bfloat16", "4e-3", "1e-2")],
)
def test_rounding(kind: VectorType, near_zero: str, far: str) -> None:
    """The distance of equal vectors is zero, whatever the number type makes of it."""
    lab = Lab(kind=kind)
    root = lab.schema.start(SCOPE)
    reply = [2, f"{root}a", [DISTANCE, near_zero], f"{root}b", [DISTANCE, far]]
    assert [item.distance for item in lab.nearest(reply)] == [0.0, float(far)]


def test_size() -> None:
    """How many entries there are; without an index there are none, and an error says nothing."""
    assert read_size([7]) == 7
    assert read_size(NO_INDEX) == 0
    assert read_size(ErrorReply("NOPERM", "NOPERM")) is None
