"""A thumb under an answer: down removes it everywhere, up is counted."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    Parrot,
    Way,
    chat_openai,
    keys_of,
    only,
    soon,
)
from langchain_redis_semcache import DistancePolicy, Recording, RedisSemanticCache, Verified
from langchain_redis_semcache.calibrate import load_pairs
from langchain_redis_semcache.events import Event, Feedback
from langchain_redis_semcache.models import cached


@pytest.mark.parametrize("of", ["stored", "exact", "semantic"])
async def test_down(do: Way, cache: RedisSemanticCache, model: Parrot, of: str) -> None:
    """The answer that was just stored, or served to either wording, is gone for both."""
    model.cache = cache
    answers = {
        "stored": await do(model.invoke, FRANCE),
        "exact": await do(model.invoke, FRANCE),
        "semantic": await do(model.invoke, FRANCE_REWORDED),
    }
    marks = {kind: answer.response_metadata["semcache"] for kind, answer in answers.items()}
    assert {kind: mark["kind"] for kind, mark in marks.items()} == {kind: kind for kind in marks}
    assert len({mark["entry"] for mark in marks.values()}) == 1
    assert await do(cache.feedback, answers[of], right=False)
    assert len(model.calls) == 1
    await do(model.invoke, FRANCE_REWORDED)
    await do(model.invoke, FRANCE)
    assert model.calls == [FRANCE, FRANCE_REWORDED]


async def test_down_takes_aliases_along(
    do: Way, make_cache: MakeCache, model: Parrot, server: redis.Redis, name: str
) -> None:
    """What a verifier let an answer be served for goes with it."""
    policy = Verified(DistancePolicy(0.01), lambda *texts: True, between=(0.01, 0.3))
    model.cache = cache = make_cache(policy=policy)
    await do(model.invoke, FRANCE)
    served = await do(model.invoke, FRANCE_REWORDED)
    await soon(partial(_holds, server, name, 2))
    assert await do(cache.feedback, served, right=False)
    assert keys_of(server, name) == []


async def _holds(server: redis.Redis, name: str, count: int) -> bool:
    return len(keys_of(server, name)) == count


async def test_up(do: Way, cache: RedisSemanticCache, model: Parrot, events: list[Event]) -> None:
    """How often people said that it is right stands on the entry, and in the events."""
    model.cache = cache
    answer = await do(model.invoke, FRANCE)
    entry = answer.response_metadata["semcache"]["entry"]
    for _ in range(2):
        assert await do(cache.feedback, answer, right=True)
    assert (await do(cache.get, entry)).right == 2
    assert only(events, Feedback) == [Feedback(entry, True)] * 2
    assert cache.stats.feedback == {"right": 2}
    assert (await do(model.invoke, FRANCE)).text == answer.text


@pytest.mark.parametrize("right", [True, False])
async def test_labels(
    do: Way, make_cache: MakeCache, model: Parrot, tmp_path: Path, right: bool
) -> None:
    """A verdict on a reworded question's answer, or on a recorded hit, is one for `calibrate`."""
    model.cache = cache = make_cache(recording=Recording(share=1))
    stored = await do(model.invoke, FRANCE)
    for number in (1, 2):
        labels = tmp_path / f"{number}.jsonl"
        served = await do(model.invoke, FRANCE_REWORDED)
        assert served.text == stored.text

        async def recorded(cache: RedisSemanticCache = cache) -> bool:
            return any([hit.asked == FRANCE_REWORDED async for hit in cache.arecorded()])

        assert await soon(recorded)
        hits = (hit for hit in cache.recorded() if hit.asked == FRANCE_REWORDED)
        given = served if number == 1 else next(hits)
        asked = FRANCE_REWORDED if number == 1 else None
        assert await do(cache.feedback, given, right=right, asked=asked, labels=labels)
        ((*pair,),) = load_pairs(labels)
        assert pair == [FRANCE, FRANCE_REWORDED, right]
        stored = await do(model.invoke, FRANCE)  # anew, where it was wrong


async def test_one_restricted_user_can(
    do: Way, make_cache: MakeCache, scratch: Any, model: Parrot, tmp_path: Path
) -> None:
    """The application's user of docs/operations.md needs no further rights for it."""
    rights = "+hmget +hset +unlink +pexpire +multi +exec +eval +ft.search +ft.aggregate +ft.create"
    user = f"app on >secret resetkeys ~app::* resetchannels -@all {rights}"
    with redis.Redis.from_url(scratch.url) as admin:
        admin.execute_command("ACL SETUSER", *user.split())
    url = scratch.url.replace("redis://", "redis://app:secret@")
    model.cache = cache = make_cache(redis_url=url, name="app")
    answer = await do(model.invoke, FRANCE)
    labels = tmp_path / "labels.jsonl"
    assert await do(cache.feedback, answer, right=True, asked=FRANCE_REWORDED, labels=labels)
    assert await do(cache.feedback, answer, right=False)
    assert not await do(cache.feedback, answer, right=False)


async def test_of_wrapped_models(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """A wrapped model's answers carry the same marks."""
    model = cached(chat_openai(endpoint, cache=cache))
    fresh, served = await do(model.invoke, FRANCE), await do(model.invoke, FRANCE)
    marks = [one.response_metadata["semcache"] for one in (fresh, served)]
    assert [mark["kind"] for mark in marks] == ["stored", "exact"]
    assert marks[0]["entry"] == marks[1]["entry"]


@pytest.mark.parametrize("usage", ["original", "zero"])
async def test_usage(do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, usage: Any) -> None:
    """With "zero" a hit reports no tokens, and its mark those that the model once used."""
    model = chat_openai(endpoint, cache=make_cache(usage=usage))
    fresh, served = await do(model.invoke, FRANCE), await do(model.invoke, FRANCE)
    used = fresh.usage_metadata["total_tokens"]
    assert used > 0
    assert served.usage_metadata["total_tokens"] == (0 if usage == "zero" else used)
    counted = served.response_metadata["token_usage"]
    mark = served.response_metadata["semcache"]
    if usage == "original":
        assert counted == fresh.response_metadata["token_usage"]
        assert "usage" not in mark
        return
    assert (counted["total_tokens"], counted["prompt_tokens"]) == (0, 0)
    assert mark["usage"]["usage_metadata"]["total_tokens"] == used
    assert mark["usage"]["response_metadata"]["token_usage"]["total_tokens"] == used


async def test_marks_stay_out_of_redis_and_of_the_provider(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, server: redis.Redis, name: str
) -> None:
    """Nothing that is stored or sent says where an answer came from."""
    model = chat_openai(endpoint, cache=cache)
    turns: list[Any] = [("human", FRANCE)]
    for question in ("And of Germany?", "And of Spain?", "Thanks"):
        answer = await do(model.invoke, turns)
        again = await do(model.invoke, turns)
        assert again.text == answer.text
        turns += [again, ("human", question)]
    assert len(endpoint.chats) == 3
    assert "semcache" not in str(endpoint.chats)
    for key in keys_of(server, name):
        fields: Any = server.hgetall(key)
        assert b"semcache" not in fields[b"response"]


async def test_without_marks(do: Way, make_cache: MakeCache, model: Parrot) -> None:
    """With `mark_hits=False` messages are as the model made them."""
    model.cache = make_cache(mark_hits=False)
    for _ in range(2):
        answer = await do(model.invoke, FRANCE)
        assert isinstance(answer, AIMessage)
        assert answer.response_metadata == {}
