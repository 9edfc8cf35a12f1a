"""Data that vanishes, changes, belongs to others or makes no sense: misses, and then healed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import (
    Application,
    WordEmbeddings,
    eventually,
    new_question,
    untouched,
)
from integration_tests.faults.proxy import FaultProxy
from integration_tests.support import LLM, asked, indexes_of, keys_of, parroted, told
from langchain_redis_semcache import Index
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Stored


def stored(app: Application, question: str) -> str:
    """Store an answer; the entry's key."""
    assert not app(question)
    entries = [event.entry for event in app.events if isinstance(event, Stored)]
    return entries[-1]


@pytest.mark.parametrize("how", [(), ("DD",)], ids=["entries stay", "entries go"])
def test_index_dropped(
    how: tuple[str, ...], make_app: MakeApplication, redis_url: str, server: redis.Redis, name: str
) -> None:
    """A dropped index comes back by itself, without a warning."""
    app = make_app(redis_url)
    known = app.warm_up()
    for index in indexes_of(server, name):
        server.execute_command("FT.DROPINDEX", index, *how)
    app.recovers()
    assert app(known) is (how == ())
    eventually(lambda: app(f"please {known}"))
    assert not app.failures()


def test_flushall_under_load(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """FLUSHALL in the middle of traffic costs no answer, and the index comes back."""
    app = make_app(scratch.url)
    app.patience += 2.0
    app.warm_up()
    over = threading.Event()

    def flush() -> None:
        with redis.Redis.from_url(scratch.url) as other:
            while not over.wait(0.05):
                other.flushall()

    flushing = threading.Thread(target=flush)
    flushing.start()
    try:
        for _ in range(10):
            app.storm([new_question() for _ in range(10)])
            app.in_time()
    finally:
        over.set()
        flushing.join()
    app.recovers()


FOREIGN_INDEXES = {
    "other fields": ("PREFIX", "1", "theirs:", "SCHEMA", "title", "TEXT"),
    "other dimensions": (
        *("PREFIX", "1", "theirs:", "SCHEMA", "scope", "TAG", "vector", "VECTOR", "FLAT", "6"),
        *("TYPE", "FLOAT32", "DIM", "3", "DISTANCE_METRIC", "COSINE"),
    ),
    "another metric": (
        *("PREFIX", "1", "theirs:", "SCHEMA", "scope", "TAG", "vector", "VECTOR", "FLAT", "6"),
        *("TYPE", "FLOAT32", "DIM", "64", "DISTANCE_METRIC", "L2"),
    ),
}


@pytest.mark.parametrize("theirs", FOREIGN_INDEXES.values(), ids=FOREIGN_INDEXES.keys())
def test_foreign_index_under_our_name(
    theirs: tuple[str, ...], make_app: MakeApplication, redis_url: str, server: redis.Redis
) -> None:
    """Another application's index is neither used nor touched; identical questions are served."""
    app = make_app(redis_url)
    index = app.cache._core.settings.schema.index(64)
    server.execute_command("FT.CREATE", index, "ON", "HASH", *theirs)
    for _ in range(3):
        question = new_question()
        assert not app(question)
        assert app(question)
        assert not app(f"please {question}")
    assert b"theirs:" in str(server.execute_command("FT.INFO", index)).encode()
    assert len(app.warnings()) <= 1
    server.execute_command("FT.DROPINDEX", index)
    app.recovers()


def test_foreign_entries_in_an_index_of_our_name(
    make_app: MakeApplication, redis_url: str, server: redis.Redis
) -> None:
    """What such an index finds outside of our prefix is not served, however much it looks alike."""
    app = make_app(redis_url)
    question = new_question()
    entry = stored(app, question)
    index = app.cache._core.settings.schema.index(64)
    server.execute_command("FT.DROPINDEX", index)
    forged = {**server.hgetall(entry), b"response": b'{"v":1,"generations":[{"text":"forged"}]}'}
    server.hset("theirs:1", mapping=forged)
    server.delete(entry)
    create = [str(word) for word in app.cache._core.settings.schema.create(64)]
    create[create.index("PREFIX") + 2] = "theirs:"
    server.execute_command(*create)
    try:
        assert not app(f"please {question}")
    finally:
        server.delete("theirs:1")


FOREIGN_KEYS: dict[str, Callable[[redis.Redis, str], Any]] = {
    "string": lambda server, key: server.set(key, "x"),
    "list": lambda server, key: server.rpush(key, "x"),
    "set": lambda server, key: server.sadd(key, "x"),
    "sorted set": lambda server, key: server.zadd(key, {"x": 1}),
    "stream": lambda server, key: server.xadd(key, {"x": "1"}),
    "empty hash": lambda server, key: server.hset(key, "x", "1"),
}


@pytest.mark.parametrize("put", FOREIGN_KEYS.values(), ids=FOREIGN_KEYS.keys())
def test_foreign_type_under_our_key(
    put: Callable[[redis.Redis, str], Any],
    make_app: MakeApplication,
    redis_url: str,
    server: redis.Redis,
) -> None:
    """A key of another type is a miss, and the store that follows replaces it."""
    app = make_app(redis_url, ttl=100)
    question = new_question()
    entry = stored(app, question)
    server.delete(entry)
    put(server, entry)
    assert not app(question)
    assert app(question)
    assert app(f"please {question}")
    assert server.ttl(entry) > 0
    assert app.cache.stats.breakers["redis"] == "closed"


def good(response: bytes) -> Any:
    return json.loads(response)


CORRUPTIONS: dict[str, Callable[[dict[bytes, bytes]], dict[str, bytes | None]]] = {
    "empty": lambda e: {"response": b""},
    "not json": lambda e: {"response": b"\x80\x04garbage"},
    "truncated": lambda e: {"response": e[b"response"][:-7]},
    "null": lambda e: {"response": b"null"},
    "a list": lambda e: {"response": b"[]"},
    "a number": lambda e: {"response": b"7"},
    "no generations": lambda e: {"response": b'{"v":1,"generations":[]}'},
    "generations are a string": lambda e: {"response": b'{"v":1,"generations":"abc"}'},
    "foreign items": lambda e: {"response": b'{"v":1,"generations":[1,"x",null]}'},
    "another version": lambda e: {"response": e[b"response"].replace(b'"v":1', b'"v":2')},
    "another role": lambda e: {"response": e[b"response"].replace(b'"ai"', b'"human"')},
    "content is a number": lambda e: {
        "response": b'{"v":1,"generations":[{"role":"ai","message":{"content":7}}]}'
    },
    "content is nested": lambda e: {
        "response": b'{"v":1,"generations":[{"role":"ai","message":{"content":[[["x"]]]}}]}'
    },
    "deep lists": lambda e: {"response": b"[" * 200_000},
    "deep objects": lambda e: {"response": b'{"a":' * 200_000},
    "deep but closed": lambda e: {
        "response": b'{"v":1,"generations":[{"role":"ai","message":{"content":"x",'
        b'"additional_kwargs":{"a":' + b"[" * 900 + b"]" * 900 + b"}}}]}"
    },
    "huge": lambda e: {"response": b"x" * 5_000_000},
    "huge and json": lambda e: {"response": b"[" + b"[],\n" * 1_250_000 + b"1]"},
    "huge number": lambda e: {"response": b"9" * 100_000},
    "surrogates": lambda e: {"response": b'"\xed\xa0\x80"'},
    "no response": lambda e: {"response": None},
    "tool calls are text": lambda e: {
        "response": e[b"response"].replace(b'"content"', b'"tool_calls":"x","content"')
    },
    "usage is a list": lambda e: {
        "response": e[b"response"].replace(b'"content"', b'"usage_metadata":[1],"content"')
    },
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
def test_corrupted_entries_are_healed(
    corrupt: Callable[[dict[bytes, bytes]], dict[str, bytes | None]],
    make_app: MakeApplication,
    redis_url: str,
    server: redis.Redis,
) -> None:
    """What cannot be decoded is a miss, found by key or by meaning, and is overwritten."""
    app = make_app(redis_url)
    question = new_question()
    entry = stored(app, question)
    changes = corrupt(server.hgetall(entry))
    for field, value in changes.items():
        server.hdel(entry, field) if value is None else server.hset(entry, field, value)
    server.delete(stored(app, f"please {question}"))
    assert not app(question)
    assert app(question)
    assert all(failure.startswith("entry: ") for failure in app.failures())
    assert set(app.cache.stats.breakers.values()) == {"closed"}


ODD_FIELDS: dict[str, dict[str, bytes | None]] = {
    "no time": {"created_at": None},
    "time is no number": {"created_at": b"yesterday"},
    "time is infinite": {"created_at": b"1e999"},
    "vector too short": {"vector": b"\0\0"},
    "no vector": {"vector": None},
    "model is no text": {"model": b"\xff"},
}


@pytest.mark.parametrize("fields", ODD_FIELDS.values(), ids=ODD_FIELDS.keys())
def test_odd_fields(
    fields: dict[str, bytes | None],
    make_app: MakeApplication,
    redis_url: str,
    server: redis.Redis,
) -> None:
    """A field that makes no sense makes no exception; the answer itself is still there."""
    app = make_app(redis_url, mark_hits=True)
    question = new_question()
    entry = stored(app, question)
    for field, value in fields.items():
        server.hdel(entry, field) if value is None else server.hset(entry, field, value)
    assert app(question)
    app(f"please {question}")
    assert not app.failures()


def test_a_huge_question(make_app: MakeApplication, redis_url: str, server: redis.Redis) -> None:
    """A stored question of megabytes is refused unread, which is an event; the model answers."""
    app = make_app(redis_url)
    question = new_question()
    server.hset(stored(app, question), "prompt", b"x" * 5_000_000)
    assert not app(f"please {question}")
    assert app.failures() == ["entry: TooLong"]


@pytest.mark.parametrize("prompt", [None, b"\xff\xfe\x00", b"another question", b"x" * 5_000_000])
def test_an_entry_of_another_question(
    prompt: bytes | None, make_app: MakeApplication, redis_url: str, server: redis.Redis
) -> None:
    """An entry that does not say what its key says is not served, and is stored anew."""
    app = make_app(redis_url)
    question = new_question()
    entry = stored(app, question)
    server.hdel(entry, "prompt") if prompt is None else server.hset(entry, "prompt", prompt)
    assert not app(question)
    assert app(question)
    assert app.failures() == ["redis: ForeignReply"]
    assert set(app.cache.stats.breakers.values()) == {"closed"}


def test_another_dimension(make_app: MakeApplication, redis_url: str) -> None:
    """After a change of dimensions the cache goes on, and back again."""
    narrow = make_app(redis_url, embeddings=WordEmbeddings(32))
    wide = make_app(redis_url, embeddings=WordEmbeddings(64))
    for app in (narrow, wide, narrow):
        assert app.works()
        assert not app.failures()


class OtherWords(WordEmbeddings):
    """Another model of the same size, in whose space nothing means the same."""

    def _word(self, word: str) -> list[float]:
        return super()._word("tell" if word != "tell" else "me")


def test_another_model_of_the_same_dimension(make_app: MakeApplication, redis_url: str) -> None:
    """Entries of another embedding model are never compared, told apart by class, name or id."""
    question = new_question()
    variants: list[dict[str, Any]] = [
        {"embeddings": WordEmbeddings()},
        {"embeddings": OtherWords()},
        {"embeddings": WordEmbeddings(), "index": Index(embedding_id="words, but trained again")},
    ]
    renamed = WordEmbeddings()
    renamed.model = "words-2"
    variants.append({"embeddings": renamed})
    apps = [make_app(redis_url, **variant) for variant in variants]
    for app in apps:
        assert not app(question)
        assert app(question)
    for app in apps:
        assert app(question)
        assert not app.failures()


def test_expiry_during_the_search(
    make_app: MakeApplication, redis_url: str, server: redis.Redis
) -> None:
    """An entry that expires or is evicted at any moment is a miss."""
    app = make_app(redis_url)
    app.warm_up()
    for milliseconds in range(1, 25):
        question = new_question()
        entry = stored(app, question)
        server.pexpire(entry, milliseconds // 4 + 1)
        app(f"please {question}")
        app(question)
    assert not app.failures()


def test_eviction_pressure(make_app: MakeApplication, scratch: EmbeddedRedis) -> None:
    """With allkeys-lru at its limit traffic goes on, and what is served is right."""
    app = make_app(scratch.url)
    app.patience += 1.0
    app.warm_up()
    with redis.Redis.from_url(scratch.url) as other:
        other.config_set("maxmemory-policy", "allkeys-lru")
        other.config_set("maxmemory", int(other.info("memory")["used_memory"]) + 3_000_000)
        for i in range(150):
            prompt = asked(new_question())
            app.do("lookup", prompt, LLM)
            app.do("update", prompt, LLM, told(prompt + "x" * 50_000))
            if i % 10 == 0:
                app(new_question())
        assert int(other.info("stats")["evicted_keys"]) > 50
        assert app.works(semantic=False)
        other.config_set("maxmemory", 0)
    app.recovers()


def test_clear_while_others_write(
    make_app: MakeApplication, redis_url: str, server: redis.Redis, name: str
) -> None:
    """clear() in the middle of traffic raises nothing, breaks nothing, and ends with nothing."""
    app = make_app(redis_url)
    app.patience += 2.0
    over = threading.Event()
    errors: list[BaseException] = []

    def clear() -> None:
        try:
            while not over.wait(0.02):
                app.do("clear")
        except BaseException as error:
            errors.append(error)

    with untouched(server):
        clearing = threading.Thread(target=clear)
        clearing.start()
        for _ in range(10):
            app.storm([new_question() for _ in range(10)])
        over.set()
        clearing.join()
        assert not errors
        assert not app.failures()
        app.recovers()
        app.do("clear")
        assert keys_of(server, name) == indexes_of(server, name) == []


def test_clear_touches_one_name_only(
    make_app: MakeApplication, redis_url: str, server: redis.Redis, name: str
) -> None:
    """clear() leaves the entries of names that begin alike."""
    apps = [make_app(redis_url, name=other) for other in (name, f"{name}2", f"{name}:a")]
    questions = [app.warm_up() for app in apps]
    with untouched(server):
        apps[0].do("clear")
    assert [app(q) for app, q in zip(apps, questions, strict=True)] == [False, True, True]


CUTS: dict[str, Callable[[FaultProxy], None]] = {
    **{
        f"before {c}": lambda proxy, c=c: proxy.cut_before(c, times=1)  # type: ignore[misc]
        for c in ("HSET", "PEXPIRE", "EXEC")
    },
    **{
        f"after {n} bytes": lambda proxy, n=n: proxy.cut_after(n, times=1)  # type: ignore[misc]
        for n in (200, 500, 900, 1300)
    },
    "in the reply": lambda proxy: proxy.reset(times=1),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_no_entry_without_its_ttl(
    cut: Callable[[FaultProxy], None],
    make_app: MakeApplication,
    proxy: FaultProxy,
    server: redis.Redis,
    name: str,
) -> None:
    """Wherever the connection breaks, an entry is stored with its TTL or not at all."""
    app = make_app(proxy.url, ttl=1000)
    app.warm_up()
    for _ in range(3):
        cut(proxy)
        prompt = asked(new_question())
        app.do("update", prompt, LLM, told("x" * 300))
        proxy.pass_through()
        app.cache._drivers.breakers.reset()
    assert all(server.ttl(key) > 0 for key in keys_of(server, name))
    app.recovers()


def test_a_store_before_the_first_lookup_of_an_empty_server(
    make_app: MakeApplication, proxy: FaultProxy, server: redis.Redis, name: str
) -> None:
    """Where a store is what finds Redis back, and empty, the index is there with the entry."""
    app = make_app(proxy.url)
    app.warm_up()
    proxy.refuse()
    question = new_question()
    app(question)
    for index in indexes_of(server, name):
        server.execute_command("FT.DROPINDEX", index, "DD")
    proxy.pass_through()

    def came_through() -> bool:
        app.do("update", asked(question), app.model._get_llm_string(), told(parroted(question)))
        return any(isinstance(event, Stored) for event in app.events)

    eventually(came_through)
    assert app(f"please {question}")
