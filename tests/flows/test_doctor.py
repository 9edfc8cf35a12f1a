"""An examination says how each thing is, and goes on where one may not be asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply, RedisUnavailableError, Request, Send
from langchain_redis_semcache.flows.doctor import Finding, doctor
from tests.lab import Lab, run

SCHEMA = Lab().core.settings.schema
INDEX = SCHEMA.index(2)
KEYS = [SCHEMA.key("0" * 32, str(number)) for number in range(4)]
OLD = f"app::{'0' * 8}:{'1' * 32}:{'2' * 32}"
NOPERM = ErrorReply("NOPERM", "NOPERM User x has no permissions")
NO_MODULE = ErrorReply("ERR", "ERR unknown command 'FT._LIST'")
NO_INDEX = ErrorReply("app::x", "app::x: no such index")
MOVED = ErrorReply("MOVED", "MOVED 1089 host:6379")


def info(**fields: Any) -> bytes:
    fields = {"used_memory": 500, "maxmemory": 1000, "maxmemory_policy": "allkeys-lru", **fields}
    return "\r\n".join(["# Memory", *(f"{k}:{v}" for k, v in fields.items())]).encode()


def unsorted(*command: Any) -> Any:
    """Answer as an engine does that refuses SORTBY."""
    return ErrorReply("ERR", "Index field `d1` does not exist") if "SORTBY" in command else [0]


def blob(size: int) -> Callable[..., Any]:
    """Answer as the index of vectors of so many bytes does."""
    return lambda *command: (
        [0] if len(command[6]) == size else ErrorReply("ERR", "query vector blob size")
    )


def server(**changes: Any) -> Callable[[Request], list[Any]]:
    """A healthy server with four entries, save for what is changed."""
    replies: dict[str, Any] = {
        "PING": b"PONG",
        "ACL": b"default",
        "INFO": info(),
        "SCAN": [b"0", [*(key.encode() for key in KEYS), b"app::audit:x"]],
        "PTTL": 1000,
        "HMGET": [None] * 4,
        "FT._LIST": [INDEX.encode(), b"other::x:2:hnsw"],
        "FT.INFO": [b"num_docs", b"4", b"hash_indexing_failures", 0],
        "FT.SEARCH": [0],
        **changes,
    }

    def answer(request: Request) -> list[Any]:
        assert isinstance(request, Send)
        found = []
        for command in request.commands:
            now = time.time()
            clock = [str(int(now)), str(int(now % 1 * 1e6))]
            reply = replies.get(str(command[0]), clock)
            found.append(reply(*command) if callable(reply) else reply)
        return found

    return answer


def found(**changes: Any) -> list[Finding]:
    result: list[Finding] = run(doctor(Lab().core), server(**changes))
    return result


def of(subject: str, **changes: Any) -> Finding:
    (one,) = (one for one in found(**changes) if one.subject == subject)
    return one


def test_healthy() -> None:
    """Where all is well, everything is ok and says what it is."""
    told = {one.subject: one for one in found()}
    assert {one.health for one in told.values()} == {"ok"}
    server, stored = {"reachable", "clock", "user", "memory"}, {"entries", "search", "index"}
    assert server | stored | {"engine"} < told.keys()
    assert told["user"].says == "default"
    assert told["search"].says == "there is a search module"
    assert told["settings"].says == "on; threshold and ttl are those of each constructor"
    assert told["memory"].says == "500 B of 1 kB used, allkeys-lru"
    assert told["entries"].says == "4 of one embedding model, 100% with a ttl"
    assert told["index"].says == f"{INDEX}, this embedder's: 2 dimensions, hnsw, 4 entries"


@pytest.mark.parametrize(
    ("stored", "health", "says"),
    [
        ([b"app", b"0", None, None], "problem", "SWITCHED OFF for all processes"),
        (
            [b"app", b"1", b"0.1", b"60"],
            "note",
            "semcache unset`: distance threshold 0.1, ttl 60 s",
        ),
        ([b"app", b"maybe", None, None], "problem", "makes no sense"),
    ],
)
def test_settings(stored: list[Any], health: str, says: str) -> None:
    """What was changed for all processes is said, and that it cannot be read."""
    told = of("settings", HMGET=stored)
    assert told.health == health
    assert says in told.says


def test_a_prefilters_index() -> None:
    """The index of a prefilter is called so."""
    beside = Lab().core.settings.schema.beside("cheap").index(3)
    says = of("index", **{"FT._LIST": [beside]}).says
    assert says == f"{beside}, a prefilter's: 3 dimensions, hnsw, 4 entries"


def test_decoded() -> None:
    """Replies that a client has already read are read as well."""
    memory = {"used_memory": 5_000_000_000, "maxmemory": 0, "maxmemory_policy": "noeviction"}
    told = of("memory", INFO=memory)
    assert told.says.startswith("5 GB used, no maxmemory")
    assert of("index", **{"FT.INFO": {b"num_docs": 7}}).says.endswith("7 entries")
    assert of("clock", TIME=(int(time.time()), 0)).health == "ok"


@pytest.mark.parametrize(
    ("subject", "changes", "health", "says"),
    [
        ("user", {"ACL": NOPERM}, "note", "may not ask"),
        ("clock", {"TIME": NOPERM}, "note", "may not ask"),
        ("clock", {"TIME": [b"0", b"0"]}, "problem", "behind this machine's"),
        ("clock", {"TIME": [b"9999999999", b"0"]}, "problem", "ahead of"),
        ("memory", {"INFO": NOPERM}, "note", "may not ask"),
        ("memory", {"INFO": info(maxmemory=0)}, "ok", "no maxmemory"),
        ("memory", {"INFO": info(maxmemory=0), "PTTL": -1}, "note", "no maxmemory"),
        ("memory", {"INFO": info(maxmemory="x")}, "ok", "no maxmemory"),
        ("memory", {"INFO": info(maxmemory_policy="noeviction")}, "note", "nothing new"),
        (
            "memory",
            {"INFO": info(maxmemory_policy="noeviction", used_memory=950)},
            "problem",
            "nothing new",
        ),
        ("memory", {"INFO": info(maxmemory_policy="volatile-lru")}, "ok", "volatile-lru"),
        (
            "memory",
            {"INFO": info(maxmemory_policy="volatile-lru"), "PTTL": -1},
            "note",
            "never evicted",
        ),
        ("entries", {"SCAN": ["0", []]}, "note", "none of this name; this Redis has some of: app"),
        (
            "entries",
            {"SCAN": ["0", []], "FT._LIST": NO_MODULE},
            "note",
            "none of this name",
        ),
        ("entries", {"SCAN": ["0", [KEYS[0], OLD]], "PTTL": -1}, "ok", "2 of 2 embedding"),
        ("search", {"FT._LIST": NO_MODULE}, "problem", "no search module"),
        ("search", {"FT._LIST": NOPERM}, "note", "may not ask"),
        ("index", {"FT._LIST": []}, "note", "none for 4 entries"),
        ("index", {"FT.INFO": NOPERM}, "note", "may not ask"),
        ("index", {"FT.INFO": [b"hash_indexing_failures", b"3"]}, "note", "3 could not"),
        ("engine", {}, "ok", "answers searches"),
        ("engine", {"FT.SEARCH": NOPERM}, "note", "may not ask"),
        ("engine", {"FT.SEARCH": MOVED}, "problem", "not search all its nodes"),
        ("engine", {"FT.SEARCH": NO_INDEX}, "problem", "no index on all shards"),
        ("engine", {"FT._LIST": [], "FT.SEARCH": NO_INDEX}, "ok", "answers searches"),
        ("engine", {"FT._LIST": [], "FT.SEARCH": MOVED}, "problem", "not search all its nodes"),
        ("engine", {"FT._LIST": [], "FT.SEARCH": NOPERM}, "note", "may not ask"),
        ("engine", {"FT._LIST": NOPERM, "FT.SEARCH": MOVED}, "problem", "not search all its nodes"),
        ("engine", {"FT.SEARCH": b"Request timed out"}, "problem", "not all shards answered"),
        ("engine", {"FT.SEARCH": unsorted}, "ok", "does not sort by distance: done here"),
        ("reachable", {"PING": NOPERM}, "ok", "ms there and back"),
        ("reachable", {"PING": ErrorReply("NOAUTH", "secret")}, "problem", "NOAUTH"),
    ],
)
def test_findings(subject: str, changes: dict[str, Any], health: str, says: str) -> None:
    """What is not well says so, and what to do."""
    told = of(subject, **changes)
    assert told.health == health
    assert says in told.says


def test_of_another_model() -> None:
    """Without the embedder the indexes of the name are shown all the same."""
    index = f"app::{'0' * 8}:3:flat"
    assert of("engine", **{"FT._LIST": [index], "FT.SEARCH": blob(6)}).health == "ok"
    told = of("index", **{"FT._LIST": [index], "SCAN": ["0", [OLD]]})
    assert told.says.startswith(f"{index}: 3 dimensions, flat")


def test_unreachable() -> None:
    """A server that does not answer is one sentence."""

    def answer(_: Request) -> Any:
        raise RedisUnavailableError("ConnectionError")

    told = run(doctor(Lab().core), answer)
    assert told == [Finding("reachable", "problem", "Redis did not answer: ConnectionError")]


def test_unreachable_meanwhile() -> None:
    """A server that goes away meanwhile ends the examination."""

    def gone(*_: Any) -> Any:
        raise RedisUnavailableError("TimeoutError")

    (told,) = found(INFO=gone)
    assert told.health == "problem"
