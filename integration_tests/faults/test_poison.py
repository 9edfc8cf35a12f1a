"""Entries are data that an attacker may have written; what passes through here is nobody's news."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, ChatMessage
from langchain_core.outputs import ChatGeneration, Generation

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import Application, eventually, new_question
from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.test_data import stored
from integration_tests.support import LLM, asked, told
from langchain_redis_semcache.errors import SemcacheError
from langchain_redis_semcache.events import BreakerChanged

TEMPLATE = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain", "prompts", "prompt", "PromptTemplate"],
    "kwargs": {"template": "{{ 7 * 7 }}", "input_variables": [], "template_format": "jinja2"},
}
SECRET = {"lc": 1, "type": "secret", "id": ["SEMCACHE_CANARY"]}
EXECUTES = {"py/object": "os.system", "py/reduce": [{"py/function": "os.system"}, ["true"]]}


def message(**fields: Any) -> dict[str, Any]:
    return {"v": 1, "generations": [{"role": "ai", "message": {"content": "x", **fields}}]}


POISONS: dict[str, Any] = {
    "a template": TEMPLATE,
    "a list of templates": [TEMPLATE],
    "a template as generation": {"v": 1, "generations": [TEMPLATE]},
    "a template as message": {"v": 1, "generations": [{"role": "ai", "message": TEMPLATE}]},
    "a template as content": message(content=TEMPLATE),
    "a template among the blocks": message(content=[TEMPLATE, "x"]),
    "a template in the kwargs": message(additional_kwargs={"x": TEMPLATE}),
    "a secret": SECRET,
    "a secret as content": message(content=SECRET),
    "a secret in the kwargs": message(additional_kwargs={"key": SECRET}),
    "a secret in the metadata": message(response_metadata={"key": SECRET}),
    "a secret in the info": {"v": 1, "generations": [{"text": "x", "info": SECRET}]},
    "pickle in json": message(additional_kwargs=EXECUTES),
    "another class": {"v": 1, "generations": [{"role": "system", "message": {"content": "x"}}]},
    "a class by its path": {"v": 1, "generations": [{"role": "os.system", "message": {}}]},
    "methods replaced": message(pretty_print="x", model_dump="x", __class__="x", text="x"),
    "dunder fields": message(__dict__={}, __init__=1, __pydantic_private__={}),
    "self": message(self=1),
    "lc_kwargs": message(lc_kwargs={"content": "y"}, lc_secrets={"a": "SEMCACHE_CANARY"}),
    "type": message(type="human"),
    "content blocks": message(content_blocks=[{"type": "text", "text": "y"}]),
    "tool calls in the kwargs": message(
        additional_kwargs={"tool_calls": [{"function": {"name": "rm", "arguments": "[" * 99999}}]}
    ),
    "tool calls of any kind": message(tool_calls=[{"name": 1, "args": TEMPLATE, "id": {}}]),
    "an id that is no text": message(id={"a": 1}),
    "usage of any kind": message(usage_metadata={"input_tokens": "many"}),
    "nan": {"v": float("nan"), "generations": []},
    "version true": {"v": True, "generations": [{"text": "x"}]},
    "version 1.0": {"v": 1.0, "generations": [{"text": "x"}]},
    "text is a dictionary": {"v": 1, "generations": [{"text": {"a": 1}}]},
    "generations is a dictionary": {"v": 1, "generations": {"0": {"text": "x"}}},
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_poisoned_entries(
    poison: Any,
    make_app: MakeApplication,
    redis_url: str,
    server: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No entry instantiates a class outside the list, reads the environment or raises."""
    monkeypatch.setenv("SEMCACHE_CANARY", "the-canary-sings")
    app = make_app(redis_url, mark_hits=True)
    question = new_question()
    entry = stored(app, question)
    server.hset(entry, "response", json.dumps(poison))
    for words in (question, f"please {question}"):
        found = app.do("lookup", asked(words), LLM_OF[app.way](app))
        if found is not None:
            assert type(found) is list
            assert found
            for generation in found:
                check(generation)
        app.model.cache = app.cache
        answer = (
            app.model.invoke(words) if app.way == "sync" else app.loop.run(app.model.ainvoke(words))
        )
        assert type(answer) is AIMessage
        assert "canary" not in repr(answer)
    app.in_time()


def llm_of(app: Application) -> str:
    return str(app.model._get_llm_string())


LLM_OF: dict[str, Callable[[Application], str]] = {"sync": llm_of, "async": llm_of}
PLAIN = (str, int, float, bool, type(None))


def check(generation: Any) -> None:
    """Nothing but a generation of a message of plain data."""
    assert type(generation) in (Generation, ChatGeneration)
    values: list[Any] = [generation.generation_info]
    if type(generation) is ChatGeneration:
        assert type(generation.message) in (AIMessage, ChatMessage)
        values += generation.message.__dict__.values()
        values += (generation.message.model_extra or {}).values()
    while values:
        value = values.pop()
        if isinstance(value, dict):
            assert type(value) is dict
            values += value.values()
        elif isinstance(value, list):
            assert type(value) is list
            values += value
        else:
            assert isinstance(value, PLAIN)
            assert "canary" not in str(value)


def test_random_damage(make_app: MakeApplication, redis_url: str, server: redis.Redis) -> None:
    """Bytes changed at random never raise, and what is still served is of the closed list."""
    app = make_app(redis_url)
    question = new_question()
    entry = stored(app, question)
    prompt, llm = asked(question), llm_of(app)
    good = server.hget(entry, "response") or b""
    dice = random.Random(3)
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(dice.choice((1, 1, 2, 8))):
            at = dice.randrange(len(damaged))
            damaged[at : at + dice.choice((0, 1, 1, 5))] = bytes(
                [dice.choice(b'{}[]",:0ntf\\\xff')]
            )
        server.hset(entry, "response", bytes(damaged))
        for generation in app.do("lookup", prompt, llm) or ():
            check(generation)
    assert "internal" not in app.cache.stats.failures


KEY, OLD_KEY = "k" * 32, b"o" * 16
TAMPERINGS: dict[str, Callable[[redis.Redis, str], Any]] = {
    "answer": lambda server, e: server.hset(
        e, "response", server.hget(e, "response").replace(b"answers", b"ANSWERS")
    ),
    "time": lambda server, e: server.hset(e, "created_at", "2000000000"),
    "vector": lambda server, e: server.hset(e, "vector", b"\0\0\x80\x3f" * 64),
    "no vector": lambda server, e: server.hdel(e, "vector"),
    "no signature": lambda server, e: server.hdel(e, "signature"),
    "empty signature": lambda server, e: server.hset(e, "signature", ""),
    "signature of another": lambda server, e: server.hset(e, "signature", "0" * 64),
    "signature is no ascii": lambda server, e: server.hset(e, "signature", b"\xff" * 64),
}


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_tampering(
    tamper: Callable[[redis.Redis, str], Any],
    make_app: MakeApplication,
    redis_url: str,
    server: redis.Redis,
) -> None:
    """With a signing key whatever was changed is a miss, by key and by meaning, and is healed."""
    app = make_app(redis_url, signing_key=KEY, ttl=100)
    question = new_question()
    entry = stored(app, question)
    assert app(question)
    assert app(f"please {question}")
    tamper(server, entry)
    server.delete(stored(app, f"please {question}"))
    assert not app(question)
    assert app(question)


def test_another_question_over_the_same_answer(
    make_app: MakeApplication, redis_url: str, server: redis.Redis
) -> None:
    """An answer under a changed question is served to neither, until its own stores it anew."""
    app = make_app(redis_url, signing_key=KEY)
    question = new_question()
    entry = stored(app, question)
    server.hset(entry, "prompt", f"please {question}")
    assert not app(f"please {question}")
    assert not app(question)
    assert app(question)


def test_transplants(make_app: MakeApplication, redis_url: str, server: redis.Redis) -> None:
    """An entry that is copied to another question's or another tenant's key is a miss there."""
    app = make_app(redis_url, signing_key=KEY)
    other = make_app(redis_url, signing_key=KEY, namespace="other")
    question, another = new_question(), new_question()
    entry = stored(app, question)
    targets = [(app, another), (other, question)]
    for victim, asked_there in targets:
        target = stored(victim, asked_there)
        server.copy(entry, target, replace=True)
        assert not victim(asked_there)
        assert victim(asked_there)
        # The same with the scope that it would need to be found by meaning.
        scope = server.hget(target, "scope")
        server.copy(entry, target, replace=True)
        server.hset(target, "scope", scope or b"")
        server.delete(stored(victim, f"please {asked_there}"))


def test_key_rotation(make_app: MakeApplication, redis_url: str) -> None:
    """A list of keys accepts what any of them signed; a key that was taken out is void."""
    question = new_question()
    old = make_app(redis_url, signing_key=OLD_KEY)
    both = make_app(redis_url, signing_key=[KEY, OLD_KEY])
    new = make_app(redis_url, signing_key=[KEY])
    assert not old(question)
    assert old(question)
    assert both(question)
    assert not new(question)
    assert new(question)
    assert both(question)
    assert not old(question)


def test_unsigned_entries(make_app: MakeApplication, redis_url: str) -> None:
    """Entries from the time before the signing key are misses."""
    question = new_question()
    assert not make_app(redis_url)(question)
    signing = make_app(redis_url, signing_key=KEY)
    assert not signing(question)
    assert signing(question)


CREDENTIAL = "hunter2-password"
CONFIDENTIAL = "confidential-question"


def test_nothing_is_said(
    make_app: MakeApplication, proxy: FaultProxy, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No prompt, answer or credential is in a log above DEBUG, an event, a repr or an exception."""
    caplog.set_level(logging.INFO)
    url = proxy.url.replace("://", f"://someone:{CREDENTIAL}@")
    said: list[str] = []
    for given in (proxy.url, url, url.replace("redis:", "rediss:"), f"redis://x:{CREDENTIAL}@[::1"):
        try:
            app = make_app(given, signing_key=CREDENTIAL, namespace=CONFIDENTIAL)
        except SemcacheError as error:
            said += traceback.format_exception(error)
            continue
        faults: list[Callable[[], None]] = [
            proxy.pass_through,
            proxy.reset,
            proxy.garbage,
            proxy.refuse,
        ]
        for fault in faults:
            fault()
            app.cache._drivers.breakers.reset()
            prompt = asked(f"{CONFIDENTIAL} {new_question()}")
            app.do("lookup", prompt, LLM)
            app.do("update", prompt, LLM, told(f"{CONFIDENTIAL}-answer"))
            app.do("lookup", prompt, LLM)
            for method in ("setup", "clear"):
                try:
                    app.do(method)
                except SemcacheError as error:
                    said += traceback.format_exception(error)
        proxy.pass_through()
        said += [repr(app.cache), str(app.cache), repr(app.events), repr(app.cache.stats)]
    said += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert len(said) > 20
    everything = "\n".join(said)
    assert CREDENTIAL not in everything
    assert CONFIDENTIAL not in everything


def test_the_environment_is_not_read(redis_url: str, name: str) -> None:
    """Decoding does not look at the environment at all."""
    from langchain_redis_semcache.entry import answer

    looked: list[str] = []

    class Watched(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: str) -> str:
            looked.append(key)
            return "canary"

        get = __getitem__  # type: ignore[assignment]

    before = os.environ
    os.environ = Watched()  # type: ignore[assignment]  # noqa: B003
    try:
        for poison in POISONS.values():
            try:
                answer.decode(json.dumps(poison).encode())
            except answer.DecodeError:
                continue
    finally:
        os.environ = before  # noqa: B003
    assert not [key for key in looked if "CANARY" in key]


@pytest.mark.parametrize("field", ["response", "prompt"])
def test_oversized(
    make_app: MakeApplication, redis_url: str, server: redis.Redis, field: str
) -> None:
    """An entry of a hundred megabytes costs its own question something; others go on meanwhile."""
    app = make_app(redis_url)
    known, question = new_question(), new_question()
    stored(app, known)
    server.hset(stored(app, question), field, b"x" * 100_000_000)
    app.events.clear()
    over = threading.Event()

    def others() -> None:
        while not over.is_set():
            app.cache.lookup(asked(known), app.model._get_llm_string())

    traffic = threading.Thread(target=others)
    traffic.start()
    try:
        assert not app(question)
        eventually(lambda: app(question))
    finally:
        over.set()
        traffic.join()
    opened = [e for e in app.events if isinstance(e, BreakerChanged) and e.state == "open"]
    assert [e.subject for e in opened if e.subject == "redis"] == []
    assert app(known)
