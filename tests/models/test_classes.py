"""Every way to ask a model enters a view: one lookup, one store, and no model call on a hit."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import QUESTION, WAYS, Both, Counted, Sync, Whole, as_ask

COLD, WARM = (1, 1, 1), (1, 0, 0)

# LangChain opens its v3 protocol on models that can stream and on no others.
NOT_WHOLE = ("astream_events v3", "stream_events v3")
# What they return names the run, or is what LangChain makes of every hit.
NOT_ALIKE = ("astream_", "node ", "agent", "stream_events")


def kinds(name: str) -> list[type[Any]]:
    return [Both, Sync] if name in NOT_WHOLE else [Both, Sync, Whole]


CASES = [(name, kind) for name in WAYS for kind in kinds(name)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["cached", "everywhere"])
@pytest.mark.parametrize(
    ("name", "kind"), CASES, ids=[f"{name}-{kind.__name__}" for name, kind in CASES]
)
async def test_once(name: str, kind: type[Any], how: str, made: Any, counted: Counted) -> None:
    """Cold: one lookup, one update, one model call. Warm: one lookup and nothing else."""
    ask, model = as_ask(name), made(kind)
    if how == "cached":
        model = cached(model)
        first, cold = await ask(model), counted.take()
        second, warm = await ask(model), counted.take()
    else:
        with enable_streaming():
            first, cold = await ask(model), counted.take()
            second, warm = await ask(model), counted.take()
    assert (cold, warm) == (COLD, WARM)
    if not any(part in name for part in NOT_ALIKE):
        assert said(second) == said(first)


@pytest.mark.parametrize("kind", [Both, Sync, Whole])
async def test_shared_with_invoke(kind: type[Any], made: Any, counted: Counted) -> None:
    """What a wrapped model stored is served to the unwrapped one's `invoke`, and the reverse."""
    model = made(kind)
    wrapped = cached(model)
    streamed = [chunk.text async for chunk in wrapped.astream(QUESTION)]
    assert model.invoke(QUESTION).text == "".join(streamed)
    assert counted.take() == (2, 1, 1)
    model.invoke("Another?")
    assert "".join(chunk.text for chunk in wrapped.stream("Another?")).startswith("You asked")
    assert counted.take() == (2, 1, 1)


def said(answer: Any) -> Any:
    """What an answer says, without what tells one run from another."""
    if isinstance(answer, list | tuple):
        texts = [said(one) for one in answer]
        return "".join(texts) if texts and all(isinstance(t, str) for t in texts) else texts[-1:]
    if hasattr(answer, "tool_calls"):
        metadata = answer.response_metadata
        return answer.content, answer.tool_calls, metadata, answer.usage_metadata["total_tokens"]
    return answer
