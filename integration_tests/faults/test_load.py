"""More than can be done, and a loop that is blocked: the application's doing, and no outage."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from integration_tests.conftest import MakeCache
from integration_tests.faults.harness import WordEmbeddings, new_question
from integration_tests.support import LLM, asked, only, text_of, told
from langchain_redis_semcache import AwaitedEmbeddings, Limits
from langchain_redis_semcache.events import BreakerChanged, Event, Failed, Miss

FAIR = 500
"""Of new questions that are asked at once at least so many are looked up."""


@pytest.mark.parametrize("count", [4_000, 10_000])
@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "in threads"])
async def test_new_questions_at_once(
    make_cache: MakeCache, events: list[Event], count: int, awaited: bool
) -> None:
    """What is too much is shed by that name; a healthy server is never taken for a broken one."""
    words = WordEmbeddings()
    embeddings = AwaitedEmbeddings(words) if awaited else words
    cache = make_cache(embeddings=embeddings, limits=Limits())
    await cache.aupdate(asked(new_question()), LLM, told("an answer"))
    prompts = [asked(new_question()) for _ in range(count)]
    events.clear()
    await asyncio.gather(*(cache.alookup(prompt, LLM) for prompt in prompts))
    reasons = Counter(miss.reason for miss in only(events, Miss))
    assert reasons.keys() <= {"no_candidate", "distance", "overloaded"}
    assert reasons["no_candidate"] + reasons["distance"] >= FAIR
    assert not [e for e in only(events, BreakerChanged) if e.subject != "embedding"]
    assert not [e for e in only(events, Failed) if e.stage == "redis"]
    events.clear()
    await cache.aupdate(asked("and after that?"), LLM, told("all is well"))
    assert text_of(await cache.alookup(asked("and after that?"), LLM)) == "all is well"


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("warm", [True, False], ids=["connected", "connecting"])
async def test_a_blocked_loop(
    make_cache: MakeCache, events: list[Event], turns: int, warm: bool
) -> None:
    """Replies that arrived while the application blocked its loop are read and served."""
    cache = make_cache(limits=Limits(redis=0.2))
    cache.update(asked("who?"), LLM, told("me"))
    if warm:
        await cache.alookup(asked("who?"), LLM)
    events.clear()
    calls = [asyncio.ensure_future(cache.alookup(asked("who?"), LLM)) for _ in range(5)]
    for _ in range(turns):
        await asyncio.sleep(0)
    time.sleep(0.5)  # the fault
    assert [text_of(await call) for call in calls] == ["me"] * 5
    assert not only(events, Failed)
    assert not only(events, BreakerChanged)
