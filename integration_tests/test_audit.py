"""The audit on a real server: counts shared by all processes, radii, and nothing in the way."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    Way,
    asked,
    eventually,
    healthy,
    keys_of,
    only,
    text_of,
    told,
    verdicts,
    watched,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.entry.scripts import script
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.events import Audited, Event, Failed, Hit
from langchain_redis_semcache.policies import AuditPolicy

TOWNS = [
    "Lyon",
    "Paris",
    "Nice",
    "Rome",
    "Bern",
    "Oslo",
    "Riga",
    "Graz",
    "Cork",
    "Bonn",
    "Kiel",
    "Genoa",
    "Turin",
    "Porto",
    "Malmo",
]


def right(question: str, cached: str, fresh: str) -> bool:
    return cached == fresh


async def settled(cache: RedisSemanticCache, do: Way) -> None:
    """Wait for what goes on behind the calls."""
    background = cache._drivers.background
    if do.is_async:
        await background.asettle()
    else:
        background.settle()


async def ask(cache: RedisSemanticCache, do: Way, question: str, answer: str) -> Any:
    """Look up and, on a miss, answer, as a chat model does."""
    found = await do(cache.lookup, asked(question), LLM)
    if found is None:
        await do(cache.update, asked(question), LLM, told(answer))
        await settled(cache, do)
    return text_of(found)


def evidence(server: redis.Redis, name: str) -> dict[str, int]:
    (key,) = [key for key in keys_of(server, name) if "::audit:" in key]
    counts: dict[str, int] = {}
    for field, count in server.hgetall(key).items():  # type: ignore[union-attr]
        kind = field.decode().split(":")[-1][0]
        counts[kind] = counts.get(kind, 0) + int(count)
    return counts


async def test_without_evidence_nothing_near_is_served_and_every_miss_is_compared(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis, events: list[Event]
) -> None:
    """A new audit serves identical questions only and learns from each answer it gets anyway."""
    cache = make_cache(policy=AuditPolicy(judge=right))
    assert await ask(cache, do, FRANCE, "Paris") is None
    assert await ask(cache, do, FRANCE, "Paris") == "Paris"
    assert await ask(cache, do, FRANCE_REWORDED, "Paris") is None
    assert verdicts(events) == ["no_candidate", "exact", "distance"]
    (audited,) = only(events, Audited)
    assert (audited.right, audited.why) == (True, "explore")
    assert evidence(server, name) == {"m": 1, "n": 1}
    assert cache.stats.audited == {"right": 1}
    assert healthy(events)


async def test_the_evidence_of_one_process_opens_the_cache_of_another(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """Verdicts are shared: what one cache object has learned, a new one serves by."""
    settings: dict[str, Any] = {"max_error_rate": 0.2, "judge": right, "guards": {}}
    teacher = make_cache(policy=AuditPolicy(**settings))
    for town in TOWNS:
        for question in (
            f"Where exactly is the town of {town}?",
            f"where exactly is the town of {town}",
            f"Where exactly is that town of {town}?",
            f"Where exactly is the town of {town} please?",
            f"Where, exactly, is the old town of {town}?",
        ):
            await ask(teacher, do, question, town)
    assert {event.why for event in only(events, Audited)} >= {"explore"}
    events.clear()
    pupil = make_cache(policy=AuditPolicy(**settings, audit_rate=0.001, seed=1))
    assert await ask(pupil, do, "Where exactly is this town of Lyon?", "Lyon") == "Lyon"
    assert verdicts(events) == ["semantic"]
    assert healthy(events)


async def test_audited_hits_are_misses_and_their_share_is_judged(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """Observing with every hit audited serves nothing by meaning, and says what it would be."""
    policy = AuditPolicy(audit_rate=1, mode="observe", threshold=0.2, judge=right)
    cache = make_cache(policy=policy)
    await ask(cache, do, FRANCE, "Paris")
    assert await ask(cache, do, FRANCE_REWORDED, "Lyon") is None
    assert verdicts(events)[-1] == "audit"
    assert [(e.right, e.why) for e in only(events, Audited)] == [(False, "audit")]
    assert (policy.report.judged, policy.report.wrong) == (1, 1)


async def test_a_wrong_verdict_narrows_both_entries_and_leaves_their_ttl(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis
) -> None:
    """Both questions keep away from each other at once, for all processes, and still expire."""
    cache = make_cache(policy=AuditPolicy(judge=right), ttl=100)
    await ask(cache, do, FRANCE, "Paris")
    await ask(cache, do, FRANCE_REWORDED, "Lyon")
    entries = [key for key in keys_of(server, name) if "::audit:" not in key]
    radii = [float(server.hget(key, "radius")) for key in entries]  # type: ignore[arg-type]
    assert len(radii) == 2
    assert all(0.05 < radius < 0.3 for radius in radii)
    assert all(0 < server.pttl(key) <= 100_000 for key in entries)  # type: ignore[operator]


async def test_an_entry_that_has_gone_does_not_come_back(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis
) -> None:
    """A verdict about an entry that expired meanwhile writes nothing under its key."""
    cache = make_cache(policy=AuditPolicy(judge=right))
    await ask(cache, do, FRANCE, "Paris")
    (gone,) = keys_of(server, name)
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    server.delete(gone)
    await do(cache.update, asked(FRANCE_REWORDED), LLM, told("Lyon"))
    await settled(cache, do)
    assert evidence(server, name) == {"m": 1, "n": 1, "k": 1}
    assert not server.exists(gone)


async def test_reading_the_evidence_costs_no_round_trip(
    make_cache: MakeCache, do: Way, server: redis.Redis, name: str
) -> None:
    """The shared counts travel with the first command of a lookup, every few seconds."""
    cache = make_cache(policy=AuditPolicy(judge=right))
    await ask(cache, do, FRANCE, "Paris")
    fresh = make_cache(policy=AuditPolicy(judge=right))
    await do(fresh.lookup, asked("Who?"), LLM)  # connects, and reads the counts
    with watched(server) as traffic:
        await do(fresh.lookup, asked(FRANCE), LLM)
    assert traffic.commands["hgetall"] == 0
    fresh._core.learning.learner._fresh_until = 0  # type: ignore[union-attr]
    with watched(server) as traffic:
        await do(fresh.lookup, asked(FRANCE), LLM)
    assert traffic.commands["hgetall"] == 1
    assert traffic.round_trips == 1


async def test_a_judge_that_fails_leaves_no_evidence_and_no_trace_in_the_call(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis, events: list[Event]
) -> None:
    """Answers are stored and served whatever the judge does."""

    def broken(question: str, cached: str, fresh: str) -> bool:
        raise RuntimeError("no verdict")

    cache = make_cache(policy=AuditPolicy(judge=broken))
    await ask(cache, do, FRANCE, "Paris")
    await ask(cache, do, FRANCE_REWORDED, "Paris")
    assert await ask(cache, do, FRANCE_REWORDED, "") == "Paris"
    assert [(e.stage, e.error) for e in only(events, Failed)] == [("judge", "RuntimeError")]
    assert not [key for key in keys_of(server, name) if "::audit:" in key]


async def test_a_judge_may_be_a_coroutine_function(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """An async judge serves sync and async calls."""

    async def judge(question: str, cached: str, fresh: str) -> bool:
        return cached == fresh

    cache = make_cache(policy=AuditPolicy(judge=judge))
    await ask(cache, do, FRANCE, "Paris")
    await ask(cache, do, FRANCE_REWORDED, "Lyon")
    assert [event.right for event in only(events, Audited)] == [False]


async def test_without_a_judge_equal_texts_and_near_answers_are_right(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """The default judge compares texts, then embeddings of the answers."""
    for fresh in ("paris", "The capital of France is Paris!", "I like trains and cheese."):
        cache = make_cache(policy=AuditPolicy())
        await do(cache.clear)
        await ask(
            cache, do, FRANCE, "Paris." if fresh == "paris" else "The capital is Paris, France."
        )
        await ask(cache, do, FRANCE_REWORDED, fresh)
    assert [event.right for event in only(events, Audited)] == [True, True, False]


async def test_explain_says_what_the_audit_would_do_and_changes_nothing(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """Explaining neither judges nor counts."""
    cache = make_cache(policy=AuditPolicy(audit_rate=1, mode="observe", threshold=0.2))
    await ask(cache, do, FRANCE, "Paris")
    events.clear()
    explanation = await do(cache.explain, asked(FRANCE_REWORDED), LLM)
    assert (explanation.decision, explanation.reason) == ("miss", "audit")
    await do(cache.update, asked(FRANCE_REWORDED), LLM, told("Lyon"))
    await settled(cache, do)
    assert not only(events, Audited)


async def test_hits_are_counted_with_the_next_verdict(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis, events: list[Event]
) -> None:
    """A hit writes nothing by itself; its distance goes along with the next comparison."""
    cache = make_cache(
        policy=AuditPolicy(audit_rate=1e-9, mode="observe", threshold=0.2, judge=right)
    )
    await ask(cache, do, FRANCE, "Paris")
    assert await ask(cache, do, FRANCE_REWORDED, "") == "Paris"
    assert not [key for key in keys_of(server, name) if "::audit:" in key]
    await ask(
        cache, do, "Which French city is where the government sits, the capital?", "Paris, I think"
    )
    assert only(events, Hit)
    assert only(events, Audited)
    assert evidence(server, name) == {"m": 2, "n": 1, "k": 1}


def test_closing_waits_for_a_verdict_under_way(
    make_cache: MakeCache, name: str, server: redis.Redis
) -> None:
    """What has been compared is not lost when the cache is closed."""
    cache = make_cache(policy=AuditPolicy(judge=right))
    cache.update(asked(FRANCE), LLM, told("Paris"))
    cache.lookup(asked(FRANCE_REWORDED), LLM)
    cache.update(asked(FRANCE_REWORDED), LLM, told("Paris"))
    cache.close()
    assert eventually(lambda: evidence(server, name) == {"m": 1, "n": 1})


def test_counts_fade_in_redis_and_survive_nonsense(server: redis.Redis, name: str) -> None:
    """A full bin is halved with its errors, what was met in all bins; a text counts as nothing."""
    key = f"{name}::audit:test"
    server.hset(key, mapping={"s:n3": "many", "s:k4": 30, "s:n4": 99, "s:m9": 500, "t:m9": 500})

    def count(*pairs: str | int) -> None:
        server.eval(script("count"), 1, key, 100, 1000, *pairs)

    count("s:n3", 5, "s:n4", 1, "s:k5", -7)
    count("s:n3", 5, "s:m4", 1001)
    found = {k.decode(): int(v) for k, v in server.hgetall(key).items()}  # type: ignore[union-attr]
    server.delete(key)
    assert found == {
        "s:n3": 5,
        "s:n4": 50,
        "s:k4": 15,
        "s:k5": 0,
        "s:m4": 500,
        "s:m9": 250,
        "t:m9": 500,
    }


async def test_one_policy_object_has_one_cache(make_cache: MakeCache) -> None:
    """A second cache with it is refused when it is made, with what to write instead."""
    policy = AuditPolicy()
    make_cache(policy=policy)
    with pytest.raises(ConfigurationError, match=r"make one AuditPolicy\(...\) for each cache"):
        make_cache(policy=policy)


async def test_identical_questions_check_the_judge(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """Once it has called an answer wrong, some exact hits go to the model and are compared."""
    policy = AuditPolicy(judge=lambda question, cached, fresh: False, seed=1)
    cache = make_cache(policy=policy)
    await ask(cache, do, FRANCE, "Paris")
    assert await ask(cache, do, FRANCE, "Paris") == "Paris"
    await ask(cache, do, FRANCE_REWORDED, "Paris")
    events.clear()
    for _ in range(100):
        explained = await do(cache.explain, asked(FRANCE), LLM)
        assert (explained.decision, explained.reason) == ("hit", "exact")
        if await ask(cache, do, FRANCE, "Paris") is None:
            break
    assert verdicts(events)[-1] == "audit"
    assert [(e.why, e.right, e.distance) for e in only(events, Audited)] == [("check", False, 0.0)]
    assert policy.report.judge_sensitivity == 0
    assert await ask(cache, do, FRANCE, "") == "Paris"
    assert healthy(events)


async def test_planted_counts_loosen_nothing_where_entries_are_signed(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis
) -> None:
    """Whoever can write to Redis cannot make a cache with a signing key serve more."""
    for key, opens in ((None, True), (b"k" * 32, False)):
        cache = make_cache(policy=AuditPolicy(judge=right, guards={}), signing_key=key)
        learning = cache._core.learning
        assert learning is not None
        series = learning.learner._evidence._prefix  # type: ignore[attr-defined]
        planted = {f"{series}{kind}{at}": 999 for kind in "mn" for at in range(20)}
        server.hset(learning._key, mapping=planted)
        await do(cache.clear)
        server.hset(learning._key, mapping=planted)
        await ask(cache, do, FRANCE, "Paris")
        await ask(cache, do, FRANCE_REWORDED, "Paris")
        report = learning.learner.report  # type: ignore[attr-defined]
        assert (report.threshold > 0) is opens
