"""The flow of a call: exact first, one embedding per miss, as few round trips as can be."""

from __future__ import annotations

import asyncio

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    CountingEmbeddings,
    Way,
    asked,
    healthy,
    only,
    text_of,
    told,
    verdicts,
    watched,
)
from langchain_redis_semcache import DistancePolicy, RedisSemanticCache
from langchain_redis_semcache.events import Event, Hit, Miss, Stored


@pytest.mark.parametrize("as_prompt", [asked, str], ids=["chat", "completion"])
@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        (FRANCE, "exact"),
        (FRANCE_REWORDED, "semantic"),
        (GERMANY, "distance"),
        ("How do I reverse a string in Python?", "distance"),
    ],
)
async def test_what_a_question_comes_to(
    do: Way, cache: RedisSemanticCache, events: list[Event], question: str, verdict: str, as_prompt
) -> None:
    """A repeat is an exact hit, a paraphrase a semantic one, and other questions are misses."""
    await do(cache.update, as_prompt(FRANCE), LLM, told("Paris"))
    answer = await do(cache.lookup, as_prompt(question), LLM)
    assert verdicts(events) == [verdict]
    assert text_of(answer) == ("Paris" if verdict in ("exact", "semantic") else None)
    assert healthy(events)


async def test_events_of_hits_and_misses(
    do: Way, cache: RedisSemanticCache, events: list[Event], server: redis.Redis
) -> None:
    """Events name entry, distance, age and time spent; the entry is the key in Redis."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.lookup, asked(FRANCE), LLM)
    await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    await do(cache.lookup, asked(GERMANY), LLM)
    (stored,), (exact, semantic) = only(events, Stored), only(events, Hit)
    (miss,) = only(events, Miss)
    assert server.exists(stored.entry)
    assert {exact.entry, semantic.entry, miss.entry} == {stored.entry}
    assert exact.distance == 0
    assert semantic.distance == pytest.approx(0.133, abs=0.01)
    assert miss.distance == pytest.approx(0.561, abs=0.01)
    assert 0 <= exact.age < 30
    assert exact.redis_seconds > 0
    assert exact.embedding_seconds == 0 < semantic.embedding_seconds


async def test_embeddings_are_counted(
    do: Way, make_cache: MakeCache, embeddings: CountingEmbeddings
) -> None:
    """None in the constructor, one for a miss and its store, none for a repeat."""
    cache = make_cache()
    assert embeddings.texts == []
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert embeddings.texts == [FRANCE]
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert text_of(await do(make_cache().lookup, asked(FRANCE), LLM)) == "Paris"
    assert embeddings.texts == [FRANCE]
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert embeddings.texts == [FRANCE, FRANCE_REWORDED]
    assert cache.stats.embeddings == 2


async def test_each_way_embeds_its_own_way(
    do: Way, cache: RedisSemanticCache, embeddings: CountingEmbeddings
) -> None:
    """`alookup` and `aupdate` use `aembed_query`, `lookup` and `update` `embed_query`."""
    await do(cache.lookup, asked(FRANCE), LLM)
    await do(cache.update, asked(GERMANY), LLM, told("Berlin"))
    used, unused = embeddings.awaited, embeddings.sync
    if not do.is_async:
        used, unused = unused, used
    assert (used, unused) == ([FRANCE, GERMANY], [])


async def test_misses_at_once_keep_their_own_vectors(
    do: Way, cache: RedisSemanticCache, embeddings: CountingEmbeddings
) -> None:
    """Of interleaved misses each store uses the vector of its own lookup, embedded once."""
    questions = [f"Tell me about subject {i} of the list" for i in range(20)]
    await do.together([(cache.lookup, asked(q), LLM) for q in questions])
    await do.together([(cache.update, asked(q), LLM, told(q)) for q in reversed(questions)])
    assert sorted(embeddings.texts) == sorted(questions)
    for question in questions:
        near = (await do(cache.explain, asked(question + "?"), LLM)).candidates[0]
        assert near.question == question


async def test_commands_and_round_trips(
    do: Way, make_cache: MakeCache, server: redis.Redis
) -> None:
    """An exact hit is one round trip, a semantic one two, a miss two and its store one more."""
    cache = make_cache(ttl=60)

    async def miss_and_store(question: str) -> None:
        assert await do(cache.lookup, asked(question), LLM) is None
        await do(cache.update, asked(question), LLM, told("Paris"))

    await miss_and_store("Why is the sky blue?")
    with watched(server) as miss:
        await miss_and_store(FRANCE)
    with watched(server) as exact:
        assert await do(cache.lookup, asked(FRANCE), LLM)
    with watched(server) as semantic:
        assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    assert exact.commands == {"hmget": 1}
    assert semantic.commands == {"hmget": 1, "ft.search": 1}
    transaction = dict.fromkeys(("multi", "unlink", "hset", "pexpire", "exec"), 1)
    assert miss.commands == {"hmget": 1, "ft.search": 1, **transaction}
    assert [exact.round_trips, semantic.round_trips, miss.round_trips] == [1, 2, 3]


async def test_calls_of_one_moment_share_round_trips(
    cache: RedisSemanticCache, server: redis.Redis
) -> None:
    """What tasks look up at the same time goes out as one pipeline."""
    await cache.aupdate(asked(FRANCE), LLM, told("Paris"))
    with watched(server) as traffic:
        answers = await asyncio.gather(*(cache.alookup(asked(FRANCE), LLM) for _ in range(40)))
    assert {text_of(answer) for answer in answers} == {"Paris"}
    assert traffic.commands == {"hmget": 40}
    assert traffic.round_trips < 5


async def test_the_constructor_does_nothing(
    make_cache: MakeCache, server: redis.Redis, embeddings: CountingEmbeddings
) -> None:
    """Nothing is connected, created or embedded before the first call."""
    with watched(server) as traffic:
        make_cache(ttl=60, namespace="a")
    assert traffic.round_trips == 0
    assert not traffic.commands
    assert embeddings.texts == []


async def test_the_nearest_answer_is_served(do: Way, make_cache: MakeCache) -> None:
    """Of several entries within the threshold the nearest is served."""
    cache = make_cache(policy=DistancePolicy(0.9, {}))
    for question in (GERMANY, FRANCE_REWORDED, "Which rivers flow through France?"):
        await do(cache.update, asked(question), LLM, told(question))
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == FRANCE_REWORDED


@pytest.mark.parametrize(
    ("threshold", "verdict"), [(0, "distance"), (0.12, "distance"), (0.14, "semantic")]
)
async def test_the_threshold_is_a_distance(
    do: Way, make_cache: MakeCache, events: list[Event], threshold: float, verdict: str
) -> None:
    """A candidate is a hit up to the threshold and a miss beyond it, in both ways the same."""
    cache = make_cache(distance_threshold=threshold)
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    await do(cache.lookup, asked(FRANCE), LLM)
    assert verdicts(events) == [verdict, "exact"]


async def test_options_of_a_block(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """Inside of `options`, `bypass`, `refresh` and `read_only` calls do what the block says."""
    cache = make_cache()
    with cache.bypass():
        await do(cache.update, asked(FRANCE), LLM, told("never"))
    with cache.read_only():
        await do(cache.update, asked(FRANCE), LLM, told("never"))
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("old"))
    with cache.bypass():
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
    with cache.refresh():
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told("new"))
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "new"
    with cache.options(distance_threshold=0.1):
        assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "new"
    assert cache.stats.bypassed == {"bypass": 2, "read_only": 1, "refresh": 1}
