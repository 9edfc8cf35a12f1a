"""A conversation: every turn is a new context, and costs the model's user one round trip."""

from __future__ import annotations

import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    LLM,
    CountingEmbeddings,
    Way,
    asked,
    text_of,
    told,
    watched,
)

TURNS = [f"And what about number {n}?" for n in range(6)]


async def test_turns(
    do: Way, make_cache: MakeCache, server: redis.Redis, embeddings: CountingEmbeddings
) -> None:
    """Before the model is asked a turn costs one round trip and no embedding."""
    cache = make_cache()
    await do(cache.update, asked("Something else?"), LLM, told("stored"))  # the index is known
    messages: list[BaseMessage] = [SystemMessage("Be brief.")]
    for turn in TURNS:
        messages.append(HumanMessage(turn))
        before = len(embeddings.texts)
        with watched(server) as traffic:
            assert await do(cache.lookup, asked(*messages), LLM) is None
        assert len(embeddings.texts) == before
        assert traffic.commands == {"hmget": 1, "ft.aggregate": 1}
        assert traffic.round_trips == 1
        await do(cache.update, asked(*messages), LLM, told(f"It is {turn}"))
        messages.append(AIMessage(f"It is {turn}"))


async def test_another_process_is_seen(do: Way, make_cache: MakeCache) -> None:
    """A scope that somebody else has filled is no empty one: reworded questions hit there."""
    ours, theirs = make_cache(), make_cache()
    await do(ours.update, asked("Something else?"), LLM, told("stored"))
    messages = [SystemMessage("Be brief."), HumanMessage("What is the capital of France?")]
    assert await do(ours.lookup, asked(*messages), LLM) is None
    await do(theirs.update, asked(*messages), LLM, told("Paris"))
    messages[-1] = HumanMessage("what is the capital of France")
    assert text_of(await do(ours.lookup, asked(*messages), LLM)) == "Paris"
