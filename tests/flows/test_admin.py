"""Administration touches nothing but its own name's keys, and says so where it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from langchain_redis_semcache._effects import (
    EmbeddingUnavailableError,
    ErrorReply,
    Flow,
    RedisUnavailableError,
    Request,
    Send,
)
from langchain_redis_semcache.entry.schema import tag_id
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.flows import admin
from tests.lab import ASKED, NO_INDEX, Lab, run, script

INDEX = Lab().core.settings.schema.index(2)
ENTRY = Lab().core.settings.schema.key("s", "t")
NOPERM = ErrorReply("NOPERM", "NOPERM User x has no permissions to run the 'ft._list' command")
NO_MODULE = ErrorReply("ERR", "ERR unknown command 'FT._LIST', with args beginning with:")


def recorded(*replies: Any) -> tuple[list[Send], Callable[[Request], Any]]:
    """Return an answerer for a script and the list of what it is asked."""
    asked: list[Any] = []
    answer = script(*replies)

    def record(request: Request) -> Any:
        asked.append(request)
        return answer(request)

    return asked, record


def commands(asked: list[Send]) -> list[tuple[Any, ...]]:
    return [command for request in asked for command in request.commands]


# -- setup ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [b"OK", ErrorReply("ERR", "Index already exists")])
def test_setup(reply: Any) -> None:
    """Set-up embeds, connects and creates the index; one that exists is as good."""
    lab = Lab()
    asked, answer = recorded([1, 0], [b"PONG"], [reply], [[0]])
    run(admin.setup(lab.core), answer)
    *before, search = commands(asked[1:])
    assert before == [("PING",), lab.core.settings.schema.create(2)]
    assert search[:2] == ("FT.SEARCH", INDEX)
    assert all(request.timeout == admin.SECONDS for request in asked[1:])


def test_setup_while_another_clears() -> None:
    """An index that is dropped as soon as it is made is made again, and at last given up."""
    lost = [[b"OK"], [NO_INDEX]]
    asked, answer = recorded([1, 0], [b"PONG"], *lost, [b"OK"], [[0]])
    run(admin.setup(Lab().core), answer)
    assert [command[0] for command in commands(asked[1:])] == [
        "PING",
        *["FT.CREATE", "FT.SEARCH"] * 2,
    ]
    with pytest.raises(CacheUnavailableError, match="there is no index"):
        run(admin.setup(Lab().core), script([1, 0], [b"PONG"], *lost * admin.TRIES))


def test_setup_is_remembered() -> None:
    """After set-up no store makes sure of the index again, not even without a lookup before."""
    lab = Lab()
    run(admin.setup(lab.core), recorded([1, 0], [b"PONG"], [b"OK"], [[0]])[1])
    lab.update(ASKED)
    assert lab.world.names == ["UNLINK HSET", "embed", "EVAL"]


def test_setup_without_index() -> None:
    """With `create_index=False` set-up creates none."""
    asked, answer = recorded([1, 0], [b"PONG"], [[0]])
    run(admin.setup(Lab(create_index=False).core), answer)
    assert [command[0] for command in commands(asked[1:])] == ["PING", "FT.SEARCH"]


def test_setup_learns() -> None:
    """How the engine wants to be asked is found out at set-up: no lookup is refused for it."""
    lab = Lab()
    refused = ErrorReply("ERR", "Index field `d1` does not exist")
    run(admin.setup(lab.core), recorded([1, 0], [b"PONG"], [b"OK"], [refused], [[0]])[1])
    assert not lab.core.search.engine.sorts


MOVED = ErrorReply("MOVED", "MOVED 1 secret:7000")
FLOAT16 = ErrorReply("ERR", "Unknown argument `FLOAT16`")
DEAD = ErrorReply("ERR", "Could not send query to cluster")


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([MOVED], "FT.CREATE: this cluster does not search all its nodes: use Redis 8"),
        ([b"OK", MOVED], "FT.SEARCH: this cluster does not search all its nodes: use Redis 8"),
        ([FLOAT16], "vectors of float32 only: write index=Index(vector='float32')"),
        ([NO_MODULE], "FT.CREATE: this server has no search module: use Redis 8"),
        ([ErrorReply("ERR", "Cannot create index on db != 0")], "write redis://host:6379/0"),
        ([b"OK", DEAD], "not all shards answered"),
        ([b"OK", b"Request timed out"], "not all shards answered"),
        ([b"OK", NO_INDEX] * admin.TRIES, "run setup() once as a user who may FT.CREATE"),
    ],
)
def test_setup_says_what_the_engine_cannot(replies: list[Any], says: str) -> None:
    """What an engine cannot do is refused at set-up, with what to write."""
    steps = [[1, 0], [b"PONG"], *([reply] for reply in replies)]
    with pytest.raises(CacheUnavailableError) as caught:
        run(admin.setup(Lab().core), script(*steps))
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ([EmbeddingUnavailableError("RateLimitError")], "the embedder failed: RateLimitError"),
        ([[float("nan")]], "the embedder returned no usable vector: the vector is not finite"),
        ([[1], RedisUnavailableError("TimeoutError")], "Redis did not answer: TimeoutError"),
        ([[1], [ErrorReply("NOAUTH", "Log in.")]], "Redis refused PING: NOAUTH Log in."),
        (
            [[1], [1], [ErrorReply("NOPERM", "token=x")]],
            "Redis refused FT.CREATE: NOPERM token=***",
        ),
    ],
)
def test_setup_fails(replies: list[Any], message: str) -> None:
    """What is wrong at set-up is said, in the server's words but for credentials."""
    with pytest.raises(CacheUnavailableError) as caught:
        run(admin.setup(Lab().core), script(*replies))
    assert str(caught.value) == message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# -- clear ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [bytes, str])
def test_clear(text: type) -> None:
    """Only this name's indexes are dropped and only keys below its root are asked for."""

    def as_sent(value: str) -> Any:
        return value.encode() if text is bytes else value

    foreign = b"\xff\xfe" if text is bytes else "other::1:2:hnsw"
    lab = Lab()
    lab.core.search._known.add(2)
    asked, answer = recorded(
        [[foreign, as_sent("app2::x:2:hnsw"), as_sent(INDEX)]],
        [b"OK"],
        [[as_sent("7"), [as_sent(ENTRY)]]],
        [1],
        [[as_sent("9"), []]],
        [[as_sent("0"), [as_sent("app::x:1"), as_sent("app::x:2")]]],
        [1, 1],
    )
    run(admin.clear(lab.core), answer)
    assert commands(asked) == [
        ("FT._LIST",),
        ("FT.DROPINDEX", INDEX),
        ("SCAN", "0", "MATCH", "app::*", "COUNT", admin.BATCH),
        ("UNLINK", as_sent(ENTRY)),
        ("SCAN", "7", "MATCH", "app::*", "COUNT", admin.BATCH),
        ("SCAN", "9", "MATCH", "app::*", "COUNT", admin.BATCH),
        ("UNLINK", as_sent("app::x:1")),
        ("UNLINK", as_sent("app::x:2")),
    ]
    lab.update("x")
    assert "FT.CREATE" in lab.world.names  # it has noticed that the index is gone


@pytest.mark.parametrize("refusal", [NOPERM, NO_MODULE])
def test_clear_without_search(refusal: ErrorReply) -> None:
    """Where there is no search, or it is kept from us, the keys are removed all the same."""
    run(admin.clear(Lab().core), script([refusal], [[0, [ENTRY]]], [1]))


def test_clear_after_another() -> None:
    """An index that somebody else has just dropped is no failure."""
    run(admin.clear(Lab().core), script([[INDEX]], [NO_INDEX], [["0", []]]))


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("error", [RedisUnavailableError("Boom"), ErrorReply("OOM", "secret")])
def test_clear_fails_at(at: int, error: Any) -> None:
    """Wherever clearing fails, it says so."""
    replies: list[Any] = [[[INDEX]], [b"OK"], [["5", [ENTRY]]], [1], [["0", []]]]
    replies[at] = error if isinstance(error, Exception) else [error]
    with pytest.raises(CacheUnavailableError, match=r"Boom|OOM"):
        run(admin.clear(Lab().core), script(*replies))


# -- delete --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reply", "was_there"), [(1, True), (0, False)])
def test_delete_entry(reply: int, was_there: bool) -> None:
    """One entry is removed by its key."""
    asked, answer = recorded([reply], [[]])
    assert run(admin.delete_entry(Lab().core, ENTRY), answer) is was_there
    assert [command[:2] for command in commands(asked)] == [
        ("UNLINK", ENTRY),
        ("XRANGE", "app::recorded"),
    ]


def test_recorded_hits_go_with_their_entries() -> None:
    """What was recorded of an entry is removed with it, however much there is, and nothing else."""
    items = [[f"{n}-0", [b"of", (ENTRY if n % 2 else "app::x").encode()]] for n in range(1, 502)]
    replies = [[1], [items[:500]], [250], [items[500:]], [1]]
    asked, answer = recorded(*replies)
    assert run(admin.delete_entry(Lab().core, ENTRY), answer)
    first, second = (command for command in commands(asked) if command[0] == "XDEL")
    assert first[1:] == ("app::recorded", *(f"{n}-0" for n in range(1, 501, 2)))
    assert second[1:] == ("app::recorded", "501-0")
    assert commands(asked)[3][:3] == ("XRANGE", "app::recorded", "(500-0")


def test_recorded_hits_that_one_may_not_see() -> None:
    """Whoever may remove an entry need not be allowed to look at what was recorded."""
    refused = ErrorReply("NOPERM", "NOPERM User x has no permissions to run 'xrange'")
    assert run(admin.delete_entry(Lab().core, ENTRY), script([1], [refused]))


@pytest.mark.parametrize("key", ["app2::x", "app:x", "", "*", "other", None, 5])
def test_foreign_key(key: Any) -> None:
    """A key that is not below the root is nobody's entry: nothing is sent."""
    assert run(admin.delete_entry(Lab().core, key), script()) is False


def test_delete_tagged() -> None:
    """Tagged entries are asked for until none is left, in every index of this name."""
    asked, answer = recorded(
        [["app::a:2:hnsw", "app::b:2:hnsw", "other::c"]],
        [[2, b"app::1", b"app::2"]],
        [1, 1],
        [[0]],
        [[1, b"app::3"]],
        [0],  # has just expired
        [[["1-0", [b"of", b"app::2"]], ["2-0", [b"of", b"app::9"]]]],
        [1],
    )
    assert run(admin.delete_tagged(Lab().core, ["faq", "}|{"]), answer) == 2
    ids = sorted([tag_id("faq"), tag_id("}|{")])
    searches = [c for c in commands(asked) if c[0] == "FT.SEARCH"]
    assert [c[1] for c in searches] == ["app::a:2:hnsw", "app::a:2:hnsw", "app::b:2:hnsw"]
    assert searches[0][2] == f"@tag_ids:{{{ids[0]}|{ids[1]}}}"
    assert commands(asked)[-1] == ("XDEL", "app::recorded", "1-0")


def test_delete_no_tags() -> None:
    """No tags, nothing to do."""
    assert run(admin.delete_tagged(Lab().core, []), script()) == 0


@pytest.mark.parametrize(
    "listed",
    [
        [[NO_MODULE]],
        [[NOPERM]],
        [[[]]],
        [[[INDEX]], [NO_INDEX]],
        [[[INDEX]], [ErrorReply("MOVED", "MOVED 1 a:1")]],
        [[[INDEX]], [ErrorReply("ERR", "Vector query clause is missing")]],
    ],
    ids=range(6),
)
def test_delete_tagged_by_scan(listed: list[Any]) -> None:
    """Without an index to ask, every entry of this name is looked at."""
    tags = f"{tag_id('x')},{tag_id('faq')}".encode()
    asked, answer = recorded(
        *listed,
        [["3", []]],
        [["0", ["app::1", "app::2", "app::3", "app::4"]]],
        [tags, None, tag_id("x").encode(), ErrorReply("WRONGTYPE", "WRONGTYPE Operation")],
        [1],
        [[]],
    )
    assert run(admin.delete_tagged(Lab().core, ["faq"]), answer) == 1
    assert commands(asked)[-2] == ("UNLINK", "app::1")


@pytest.mark.parametrize("reply", [DEAD, ErrorReply("OOM", "x"), b"Request timed out"])
def test_delete_tagged_where_not_all_shards_answer(reply: Any) -> None:
    """That some may be left is an exception, never a number."""
    with pytest.raises(CacheUnavailableError):
        run(admin.delete_tagged(Lab().core, ["faq"]), script([[INDEX]], [reply]))


def test_scan_finds_corrupt_tags() -> None:
    """Bytes that are no text where the tags should be are no tag of ours."""
    scan = ([NO_MODULE], [["0", ["app::1"]]], [b"\xff\xfe"])
    assert run(admin.delete_tagged(Lab().core, ["faq"]), script(*scan)) == 0


FLOWS: list[Callable[[Any], Flow[Any]]] = [
    lambda core: admin.delete_entry(core, ENTRY),
    lambda core: admin.delete_tagged(core, ["a"]),
    admin.clear,
]


@pytest.mark.parametrize("flow", FLOWS)
def test_unavailable(flow: Callable[[Any], Flow[Any]]) -> None:
    """What was asked for explicitly and did not happen is an exception."""
    with pytest.raises(CacheUnavailableError):
        run(flow(Lab().core), script(RedisUnavailableError("Boom")))
