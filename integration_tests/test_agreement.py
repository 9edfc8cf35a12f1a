"""Neighbours that agree, on a real server: served together, gone together, compared behind."""

from __future__ import annotations

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import LLM, Way, asked, healthy, keys_of, text_of, told
from integration_tests.test_audit import settled
from langchain_redis_semcache import DistancePolicy
from langchain_redis_semcache.events import Audited, Event
from langchain_redis_semcache.policies import Agreement, AuditPolicy

WORDINGS = (
    "How can I reset the password of my account?",
    "I would like to reset my password",
    "What do I do to reset a forgotten account password?",
)
FAR = "I forgot the password of my account, how is it reset?"
ANSWER = "Choose 'forgot password' on the login page."


def alike(question: str, cached: str, fresh: str) -> bool:
    return cached == fresh


@pytest.mark.parametrize("key", [None, "k" * 16])
async def test_agreement(
    make_cache: MakeCache, do: Way, events: list[Event], key: str | None
) -> None:
    """A question that is near enough to none is answered where all its neighbours answer alike."""
    policy = Agreement(DistancePolicy(0.001), up_to=0.6, judge=alike)
    cache = make_cache(policy=policy, signing_key=key)
    for wording in WORDINGS:
        assert await do(cache.lookup, asked(wording), LLM) is None
        await do(cache.update, asked(wording), LLM, told(ANSWER))
        await settled(cache, do)
    assert text_of(await do(cache.lookup, asked(FAR), LLM)) == ANSWER
    explained = await do(cache.explain, asked(FAR), LLM)
    assert (explained.reason, explained.candidates[0].reason) == ("semantic", "agreement")
    assert {event.why for event in events if isinstance(event, Audited)} == {"agreement"}
    assert healthy(events)

    served = explained.candidates[0].entry
    assert await do(cache.delete_entry, served)
    assert await do(cache.lookup, asked(FAR), LLM) is None


async def test_without_a_judge(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis
) -> None:
    """By default equal texts agree, and others by their embeddings; ttl and fields stay."""
    cache = make_cache(policy=Agreement(DistancePolicy(0.001), up_to=0.6), ttl=100)
    answers = (ANSWER, "The capital of France is Paris.", ANSWER.lower())
    for wording, answer in zip(WORDINGS, answers, strict=True):
        await do(cache.lookup, asked(wording), LLM)
        await do(cache.update, asked(wording), LLM, told(answer))
        await settled(cache, do)
    grouped = [key for key in keys_of(server, name) if server.hexists(key, "group")]
    assert len(grouped) == 2
    assert all(0 < server.ttl(key) <= 100 for key in grouped)  # type: ignore[operator]
    assert await do(cache.lookup, asked(FAR), LLM) is None


async def test_beside_an_audit(make_cache: MakeCache, do: Way, events: list[Event]) -> None:
    """Until an audit has evidence nothing is served, and each pair of answers is compared once."""
    audit = AuditPolicy(0.02, judge=alike, explore_up_to=0.6)
    cache = make_cache(policy=Agreement(audit, up_to=0.6))
    for wording in (*WORDINGS, FAR):
        assert await do(cache.lookup, asked(wording), LLM) is None
        await do(cache.update, asked(wording), LLM, told(ANSWER))
        await settled(cache, do)
    assert audit.report.judged == 0  # within a threshold of 0
    compared = [event for event in events if isinstance(event, Audited)]
    assert [event.why for event in compared].count("explore") == len(WORDINGS)
    assert len({(event.entry, event.distance) for event in compared}) == len(compared)
    assert healthy(events)
