"""Tags and single entries: getting rid of exactly what one wants to get rid of."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    Parrot,
    Way,
    asked,
    in_threads,
    indexes_of,
    keys_of,
    only,
    text_of,
    told,
)
from langchain_redis_semcache import Index, RedisSemanticCache
from langchain_redis_semcache.events import Event, Hit, Stored


async def test_delete_tagged(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """All entries with any of the tags go, and no other; what was removed is asked again."""
    model = Parrot(cache=cache)
    for tags, question in [
        (("faq", "v1"), FRANCE),
        (("faq", "v2"), "Why is the sky blue?"),
        (("news",), GERMANY),
    ]:
        with cache.tags(*tags):
            await do(model.invoke, question)
    await do(model.invoke, "What is 1+1?")
    assert await do(cache.delete_tagged, "v1", "news") == 2
    assert await do(cache.delete_tagged, "v1", "news", "unknown") == 0
    assert await do(cache.delete_tagged) == 0
    assert len(keys_of(server, name)) == 2
    for question in (FRANCE_REWORDED, GERMANY, "Why is the sky blue?", "What is 1+1?"):
        await do(model.invoke, question)
    assert model.calls[4:] == [FRANCE_REWORDED, GERMANY]


async def test_many_tagged_entries(
    do: Way, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """More entries than one batch, of several embedding models, go with one call."""
    caches = [make_cache(), make_cache(index=Index(vector="float16"))]
    for cache in caches:
        with cache.tags("old"):
            await do(cache.update, asked(FRANCE), LLM, told("x"))
    fields: Any = server.hgetall(keys_of(server, name)[0])
    prefix = keys_of(server, name)[0].rsplit(":", 1)[0]
    with server.pipeline(transaction=False) as pipeline:
        for number in range(1200):
            pipeline.hset(f"{prefix}:{number}", mapping=fields)
        pipeline.execute()
    await do(caches[0].update, asked(GERMANY), LLM, told("x"))
    assert await do(caches[0].delete_tagged, "old") == 1202
    assert len(keys_of(server, name)) == 1


async def test_tags_of_tool_calls(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """Entries that are served on an exact match only are found by tag as well, index or not."""
    call: Any = {"name": "f", "args": {}, "id": "1"}
    for index_expected in (0, 1):
        with cache.tags("tool"):
            await do(cache.update, asked(FRANCE), LLM, told("", tool_calls=[call]))
        assert len(indexes_of(server, name)) == index_expected
        assert await do(cache.delete_tagged, "tool") == 1
        await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    assert len(keys_of(server, name)) == 1


async def test_tags_without_an_index(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, name: str
) -> None:
    """After FT.DROPINDEX tagged entries can still be removed."""
    with cache.tags("old"):
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    for index in indexes_of(server, name):
        server.execute_command("FT.DROPINDEX", index)
    assert await do(cache.delete_tagged, "old") == 1


async def test_tags_stay_in_their_block(do: Way, cache: RedisSemanticCache) -> None:
    """A block tags what is stored inside of it, in this task or thread only, and then no more."""
    inside, all_inside = [], asyncio.Event()

    async def store(tag: str, question: str) -> None:
        with cache.tags(tag):
            inside.append(tag)
            if len(inside) == 10:
                all_inside.set()
            await all_inside.wait()
            await do(cache.update, asked(question), LLM, told(question))

    await asyncio.gather(*(store(f"tag{i}", f"subject number {i}") for i in range(10)))
    await do(cache.update, asked("untagged"), LLM, told("untagged"))

    def in_a_thread(number: int) -> None:
        with cache.tags(f"thread{number}"):
            cache.update(asked(f"item {number}"), LLM, told("x"))
        cache.update(asked(f"after {number}"), LLM, told("x"))

    in_threads([(in_a_thread, number) for number in range(5)])
    for tag in [*(f"tag{i}" for i in range(10)), *(f"thread{i}" for i in range(5))]:
        assert await do(cache.delete_tagged, tag) == 1
    assert text_of(await do(cache.lookup, asked("untagged"), LLM)) == "untagged"


async def test_tags_reach_the_calls_of_a_batch(do: Way, cache: RedisSemanticCache) -> None:
    """LangChain's own threads and tasks inherit the block's tags."""
    model = Parrot(cache=cache)
    with cache.tags("batch"):
        await do(model.batch, [FRANCE, GERMANY, "Why is the sky blue?"])
    assert await do(cache.delete_tagged, "batch") == 3


@pytest.mark.parametrize("nonsense", [(), ("",), ("a", ""), (7,), (None,)])
def test_nonsense_tags(cache: RedisSemanticCache, nonsense: tuple[Any, ...]) -> None:
    """A block without tags, or with empty ones, is refused at once."""
    with pytest.raises(ValueError, match="tags must be non-empty strings"):
        cache.tags(*nonsense)


async def test_delete_entry(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, events: list[Event]
) -> None:
    """One wrong answer is removed by the key that hits, events and `explain` name."""
    for question in (FRANCE, GERMANY):
        await do(cache.update, asked(question), LLM, told("wrong"))
    await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    (hit,) = only(events, Hit)
    assert (await do(cache.explain, asked(FRANCE), LLM)).entry == hit.entry
    assert hit.entry == only(events, Stored)[0].entry
    assert await do(cache.delete_entry, hit.entry) is True
    assert await do(cache.delete_entry, hit.entry) is False
    for question in (FRANCE, FRANCE_REWORDED):
        assert await do(cache.lookup, asked(question), LLM) is None
    assert text_of(await do(cache.lookup, asked(GERMANY), LLM)) == "wrong"


async def test_delete_entry_touches_its_own_name_only(
    do: Way, cache: RedisSemanticCache, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """The key of another cache, or of anything else, is left alone."""
    other = make_cache(name=f"{name}:other")
    await do(other.update, asked(FRANCE), LLM, told("theirs"))
    (key,) = keys_of(server, f"{name}:other")
    server.set(f"{name}-session", "important")
    for foreign in (key, f"{name}-session", name, "", "*"):
        assert await do(cache.delete_entry, foreign) is False
    assert server.exists(key, f"{name}-session") == 2
