"""The verifier on a real server: inline, in the background, and when it fails."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    Way,
    asked,
    healthy,
    keys_of,
    only,
    text_of,
    told,
    verdicts,
)
from integration_tests.test_audit import settled
from langchain_redis_semcache import DistancePolicy, Verified
from langchain_redis_semcache.events import Event, VerifierAsked

NEAR = DistancePolicy(0.15)


class Recorder:
    """A verifier that says what it was made to say, and knows what it was asked and how."""

    def __init__(self, verdict: bool) -> None:
        self.verdict = verdict
        self.asked: list[tuple[str, str, str]] = []
        self.awaited = 0

    def verify(self, asked: str, cached: str, answer: str) -> bool:
        self.asked.append((asked, cached, answer))
        return self.verdict

    async def averify(self, asked: str, cached: str, answer: str) -> bool:
        self.awaited += 1
        return self.verify(asked, cached, answer)


@pytest.mark.parametrize(
    ("verdict", "answer", "reason"),
    [(True, "Paris", "semantic"), (False, None, "verifier_refused")],
)
async def test_the_verifier_decides_between_the_two_distances(
    make_cache: MakeCache,
    do: Way,
    events: list[Event],
    verdict: bool,
    answer: str | None,
    reason: str,
) -> None:
    """Inline, the call waits for the verdict, which alone decides."""
    verifier = Recorder(verdict)
    cache = make_cache(policy=Verified(NEAR, verifier))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == answer
    assert verifier.asked == [(FRANCE_REWORDED, FRANCE, "Paris")]
    assert verifier.awaited == do.is_async
    assert verdicts(events) == [reason]
    assert [event.approved for event in only(events, VerifierAsked)] == [verdict]
    assert sum(cache.stats.verified.values()) == 1
    assert healthy(events)


async def test_nearer_and_farther_candidates_are_none_of_its_business(
    make_cache: MakeCache, do: Way, events: list[Event]
) -> None:
    """Below the band the policy decides, beyond it nothing is served, vetoes stand."""
    verifier = Recorder(True)
    cache = make_cache(policy=Verified(NEAR, verifier, (0.1, 0.7)))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert text_of(await do(cache.lookup, asked("what is the capital of France"), LLM)) == "Paris"
    assert await do(cache.lookup, asked("How long do eggs have to boil?"), LLM) is None
    assert await do(cache.lookup, asked(GERMANY), LLM) is None
    assert verifier.asked == []


@pytest.mark.parametrize("background", [False, True])
async def test_a_verifier_that_fails_means_miss(
    make_cache: MakeCache, do: Way, events: list[Event], background: bool
) -> None:
    """An exception is nobody's but the verifier's."""

    def broken(asked: str, cached: str, answer: str) -> bool:
        raise RuntimeError("down")

    cache = make_cache(policy=Verified(NEAR, broken, background=background))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    await settled(cache, do)
    assert verdicts(events) == ["verifying" if background else "verification_failed"]
    assert cache.stats.verified == {"failed": 1}
    assert cache.stats.failures == {"verifier": 1}


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_slow_verifier_is_left_behind(
    make_cache: MakeCache, do: Way, events: list[Event], kind: str
) -> None:
    """After its timeout the call is a miss, although the verifier has not answered."""
    answers, ended = threading.Event(), []

    async def slow(asked: str, cached: str, answer: str) -> bool:
        await asyncio.Event().wait()
        return True

    def blocking(asked: str, cached: str, answer: str) -> bool:
        ended.append(answers.wait())
        return True

    cache = make_cache(policy=Verified(NEAR, blocking if kind == "sync" else slow, timeout=0.2))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    assert ended == []
    assert verdicts(events) == ["verification_failed"]
    assert cache.stats.mean_verifier_seconds > 0
    answers.set()


async def test_in_the_background_an_approved_wording_becomes_an_exact_hit(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis, events: list[Event]
) -> None:
    """The first call is a miss, the next an exact hit, and the alias lives no longer."""
    cache = make_cache(
        policy=Verified(NEAR, Recorder(True), background=True), ttl=100, signing_key="k" * 16
    )
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    (entry,) = keys_of(server, name)
    server.pexpire(entry, 50_000)
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    await settled(cache, do)
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris"
    assert verdicts(events) == ["verifying", "exact"]
    (alias,) = set(keys_of(server, name)) - {entry}
    assert 0 < server.pttl(alias) <= 50_000  # type: ignore[operator]
    assert not server.hexists(alias, "vector")
    assert healthy(events)


@pytest.mark.parametrize("verdict", [True, False])
async def test_an_alias_replaces_nothing(make_cache: MakeCache, do: Way, verdict: bool) -> None:
    """The model's own answer, stored meanwhile, stays; a refused wording gets no alias."""
    stored = threading.Event()

    class Late(Recorder):
        def verify(self, asked: str, cached: str, answer: str) -> bool:
            stored.wait()
            return super().verify(asked, cached, answer)

        averify: Any = None

    cache = make_cache(policy=Verified(NEAR, Late(verdict), background=True))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    if verdict:
        await do(cache.update, asked(FRANCE_REWORDED), LLM, told("Paris, of course"))
    stored.set()
    await settled(cache, do)
    found = text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM))
    assert found == ("Paris, of course" if verdict else None)


async def test_an_entry_without_ttl_has_an_alias_without(
    make_cache: MakeCache, do: Way, name: str, server: redis.Redis
) -> None:
    """And of an entry that has gone meanwhile there is no alias at all."""
    for gone in (False, True):
        cache = make_cache(policy=Verified(NEAR, Slowly(server, name, gone), background=True))
        await do(cache.clear)
        await do(cache.update, asked(FRANCE), LLM, told("Paris"))
        await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
        await settled(cache, do)
        assert [server.pttl(key) for key in keys_of(server, name)] == ([] if gone else [-1, -1])


class Slowly:
    """A verifier during whose work entries may go away."""

    def __init__(self, server: redis.Redis, name: str, gone: bool) -> None:
        self._server, self._name, self._gone = server, name, gone

    def verify(self, asked: str, cached: str, answer: str) -> bool:
        if self._gone:
            self._server.delete(*keys_of(self._server, self._name))
        return True


async def test_explain_does_not_ask_the_verifier(make_cache: MakeCache, do: Way) -> None:
    """It says that the verifier would be asked."""
    verifier = Recorder(True)
    cache = make_cache(policy=Verified(NEAR, verifier))
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    explanation = await do(cache.explain, asked(FRANCE_REWORDED), LLM)
    assert (explanation.decision, explanation.reason) == ("miss", "would_be_verified")
    assert verifier.asked == []


@pytest.mark.parametrize("background", [False, True])
async def test_what_was_withdrawn_is_gone_under_every_wording(
    make_cache: MakeCache, do: Way, background: bool
) -> None:
    """Whoever deletes an entry need not know the wordings that were approved for it."""
    verifier = Recorder(True)
    cache = make_cache(policy=Verified(NEAR, verifier, background=background), ttl=100)
    await do(cache.update, asked(FRANCE), LLM, told("Lyon"))
    await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    await settled(cache, do)
    for _ in range(2):
        assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Lyon"
    assert len(verifier.asked) == 1
    served = await do(cache.explain, asked(FRANCE), LLM)
    assert await do(cache.delete_entry, served.entry)
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) != told("Lyon")
