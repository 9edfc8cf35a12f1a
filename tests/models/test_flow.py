"""The flow of a streamed call, run by hand: what it asks to be done, in which order."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from langchain_redis_semcache.models.flow import Flow, Give, Leave, Store, raced, replayed, streamed

HIT = ChatGeneration(message=AIMessage("Paris."))


def piece(text: str, **info: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(text), generation_info=info or None)


def steps(flow: Flow, found: Any, live: list[ChatGenerationChunk]) -> list[str]:
    """Carry out a flow and name its steps."""
    named: list[str] = []
    left = iter(live)
    step: Any = next(flow)
    while True:
        text = step.chunk.text if isinstance(step, Give) else ""
        text = step.answers[0].text if isinstance(step, Store) else text
        text = step.reason if isinstance(step, Leave) else text
        name = type(step).__name__
        named.append(f"{name} {text}".strip())
        reply = {"Lookup": found, "Pull": next(left, None) if name == "Pull" else None}.get(name)
        try:
            step = flow.send(reply)
        except StopIteration:
            return named


def test_a_miss() -> None:
    """Each chunk goes out before the next is pulled; the store comes behind the last one."""
    live = [piece("Par"), piece("is.", finish_reason="stop")]
    assert steps(streamed("few", None), None, live) == [
        "Lookup",
        "Pull",
        "Give Par",
        "Pull",
        "Mark",
        "Give is.",
        "Pull",
        "Store Paris.",
    ]


def test_marks() -> None:
    """The chunk in which the model says that it has ended says where the answer will be, once."""
    flow = streamed("few", None)
    replies: list[Any] = [None, piece("Paris.", finish_reason="stop"), {"m": 1}, None]
    replies += [piece("", finish_reason="stop"), None, None]
    given = []
    step: Any = next(flow)
    for reply in replies:
        if isinstance(step, Give):
            given.append(step.chunk)
        step = flow.send(reply)
    assert [chunk.message.response_metadata for chunk in given] == [{"m": 1}, {}]
    assert isinstance(step, Store)
    assert "m" not in step.answers[0].message.response_metadata


def test_unmarked() -> None:
    """A cache that does not mark leaves the chunks as they are."""
    flow = streamed("few", None)
    next(flow)
    flow.send(None)
    flow.send(piece("Paris.", finish_reason="stop"))
    step: Any = flow.send(None)
    assert step.chunk.message.response_metadata == {}


def test_a_hit() -> None:
    """A hit pulls nothing and stores nothing."""
    assert steps(streamed("few", None), HIT, []) == ["Lookup", "Give Paris."]


@pytest.mark.parametrize("live", [[], [piece("Paris")]], ids=["nothing", "no end"])
def test_not_finished(live: list[ChatGenerationChunk]) -> None:
    """What has no end is left, with a reason that the listeners of the cache are told."""
    assert steps(streamed("few", None), None, live)[-1] == "Leave no_finish_reason"


def test_closed() -> None:
    """A flow that is closed half-way asks for nothing more."""
    flow = streamed("few", None)
    next(flow)
    flow.send(None)
    flow.send(piece("Paris.", finish_reason="stop"))
    flow.send(None)
    flow.close()
    with pytest.raises(StopIteration):
        flow.send(None)


def test_replayed() -> None:
    """Where LangChain itself looks up and stores, the flow does neither."""
    live = [piece("Paris.")]
    assert steps(replayed(None, "few"), None, live) == ["Pull", "Give Paris.", "Pull"]
    assert steps(replayed(HIT, "few"), None, live) == ["Give Paris."]


def test_raced() -> None:
    """Where LangChain has gone on before the lookup was over, it is waited for and nothing else."""
    live = [piece("Paris.")]
    assert steps(raced("few"), None, live) == ["Lookup", "Pull", "Give Paris.", "Pull"]
    assert steps(raced("few"), HIT, live) == ["Lookup", "Give Paris."]


def test_contradictory() -> None:
    """Chunks that LangChain cannot add up have reached the consumer and are not stored."""
    odd = [piece("Paris"), piece(" is", x=1), piece(".", x={}, finish_reason="stop")]
    assert steps(streamed("few", None), None, odd)[-1] == "Leave contradictory_chunks"
