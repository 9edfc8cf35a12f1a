"""`cache.at_call()`: a call that comes later is answered and stored as of when it was made."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextvars import ContextVar
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    LLM,
    Way,
    asked,
    eventually,
    healthy,
    keys_of,
    only,
    soon,
    text_of,
    told,
)
from langchain_redis_semcache.events import Event, Failed, Stored

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


async def test_the_tenant_of_the_call(do: Way, make_cache: MakeCache) -> None:
    """A lookup and an update made under one tenant stay with it, whoever is current by then."""
    cache = make_cache(namespace=TENANT.get)
    token = TENANT.set("alice")
    alices = cache.at_call()
    TENANT.reset(token)
    await do(alices.update, asked(FRANCE), LLM, told("for Alice"))
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    assert text_of(await do(alices.lookup, asked(FRANCE), LLM)) == "for Alice"
    TENANT.set("alice")
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "for Alice"


async def test_the_options_of_the_call(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """Tags, ttl and `bypass` are those of the moment at which the view was made."""
    cache = make_cache()
    with cache.tags("faq"), cache.options(ttl=77):
        tagged = cache.at_call()
    with cache.bypass():
        bypassed = cache.at_call()
    await do(tagged.update, asked(FRANCE), LLM, told("tagged"))
    (key,) = keys_of(server, name)
    assert 70 < server.ttl(key) <= 77
    assert await do(bypassed.lookup, asked(FRANCE), LLM) is None
    assert await do(cache.delete_tagged, "faq") == 1


async def test_a_namespace_that_fails(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """Where the tenant could not be read, nothing is served or stored, later either."""
    tenants: list[str] = []
    cache = make_cache(namespace=lambda: tenants[0])
    view = cache.at_call()
    tenants.append("alice")
    await do(view.update, asked(FRANCE), LLM, told("whose?"))
    assert await do(view.lookup, asked(FRANCE), LLM) is None
    assert [event.stage for event in only(events, Failed)] == ["namespace"] * 2


async def test_stored_as_it_was_said(do: Way, make_cache: MakeCache) -> None:
    """With `behind` what the application does to its message afterwards is nobody else's answer."""
    cache = make_cache()
    view = cache.at_call(behind=True)
    answers = told("It is Paris.")
    await do(view.update, asked(FRANCE), LLM, answers)
    answers[0].message.content = "It is Paris. (Shown to Alice, account 17.)"
    answers[0].message.response_metadata["account"] = 17

    async def served() -> bool:
        return text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "It is Paris."

    assert await soon(served)


class Uncopied(AIMessage):
    """A message that holds what only one may hold."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("there is one of it")


async def test_what_cannot_be_copied(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """With `behind` an answer that cannot be kept as it is now is stored at once, as it is now."""
    view = make_cache().at_call(behind=True)
    answers = [ChatGeneration(message=Uncopied("It is Paris."))]
    await do(view.update, asked(FRANCE), LLM, answers)
    assert len(only(events, Stored)) == 1
    assert healthy(events)


async def test_stored_behind_the_caller(
    do: Way, make_cache: MakeCache, events: list[Event]
) -> None:
    """With `behind` closing the cache waits for what is being stored; nothing is dropped."""
    cache = make_cache()
    view = cache.at_call(behind=True)
    questions = [f"Question number {n}?" for n in range(100)]
    for question in questions:
        await do(view.update, asked(question), LLM, told(question))
    if do.is_async:
        await cache.aclose()
    else:
        cache.close()
    assert len(only(events, Stored)) == len(questions)
    assert healthy(events)


def test_a_loop_that_ends_at_once(make_cache: MakeCache, events: list[Event]) -> None:
    """An answer whose event loop ends with the stream is stored all the same."""
    cache = make_cache()
    asyncio.run(cache.at_call(behind=True).aupdate(asked(FRANCE), LLM, told("Paris")))
    assert eventually(lambda: only(events, Stored))
    assert text_of(cache.lookup(asked(FRANCE), LLM)) == "Paris"


SCRIPT = """
import asyncio, sys
from integration_tests.support import FRANCE, LLM, asked, told
from langchain_redis_semcache import Limits, RedisSemanticCache
from langchain_redis_semcache.embedded import LocalEmbeddings

limits = Limits(redis=20)
cache = RedisSemanticCache(LocalEmbeddings(), sys.argv[1], name=sys.argv[2], limits=limits)
view = cache.at_call(behind=True)
if sys.argv[3] == "sync":
    view.update(asked(FRANCE), LLM, told("Paris"))
else:
    asyncio.run(view.aupdate(asked(FRANCE), LLM, told("Paris")))
"""


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_process_that_ends_at_once(
    way: str, redis_url: str, server: redis.Redis, name: str
) -> None:
    """A script that ends with its stream, without closing anything, has stored the answer."""
    arguments: list[Any] = [sys.executable, "-c", SCRIPT, redis_url, name, way]
    subprocess.run(arguments, check=True, timeout=60)
    assert len(keys_of(server, name)) == 1
