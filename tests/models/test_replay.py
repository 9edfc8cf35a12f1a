"""The chunks of a replayed answer add up to it, however they are cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache.models.replay import answered, as_chunks, cut

USAGE: Any = {
    "input_tokens": 3,
    "output_tokens": 5,
    "total_tokens": 8,
    "output_token_details": {"reasoning": 2},
}
LONG = "One two three, four five six seven.\n\n- eight\n- nine ten eleven twelve " * 5
CALLS: Any = [
    {"name": "pay", "args": {"amount": 3.5, "to": "Zoë", "deep": {"a": [1, None]}}, "id": "c1"},
    {"name": "ask", "args": {}, "id": "c2"},
]
MESSAGES = {
    "short": AIMessage("Paris."),
    "long": AIMessage(LONG, usage_metadata=USAGE, response_metadata={"finish_reason": "stop"}),
    "empty": AIMessage(""),
    "tools": AIMessage("", tool_calls=CALLS, usage_metadata=USAGE),
    "text and tools": AIMessage(LONG, tool_calls=CALLS),
    "reasoning": AIMessage(LONG, additional_kwargs={"reasoning_content": "hm", "n": 1}),
    "named": AIMessage(LONG, name="Bob"),
    "no spaces": AIMessage("首都是巴黎" * 40),
    "blocks": AIMessage([{"type": "text", "text": LONG}, "and", {"type": "image", "url": "u"}]),
    "indexed": AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm", "index": 0},
            {"type": "text", "text": LONG, "index": 1, "annotations": [{"type": "citation"}]},
            {"type": "text", "text": LONG, "index": 2},
        ],
        response_metadata={"output_version": "v1", "model_provider": "openai"},
    ),
    "one index twice": AIMessage(
        [{"type": "text", "text": LONG, "index": 0}, {"type": "text", "text": LONG, "index": 0}]
    ),
    "no blocks": AIMessage([]),
    "no text": AIMessage([{"type": "text", "index": 0}, {"type": "text", "text": 3, "index": 1}]),
    "no sum": AIMessage([{"type": "x", "a": {}, "index": 0}, {"type": "x", "a": "", "index": 0}]),
    "anthropic": AIMessage(
        [
            {"type": "text", "text": LONG, "index": 0},
            {"type": "tool_use", "id": "c1", "name": "pay", "input": CALLS[0]["args"], "index": 1},
        ],
        tool_calls=CALLS[:1],
    ),
}
CUTS = {"few": "few", "words": "words", "lines": lambda text: text.splitlines(keepends=True)}


@pytest.mark.parametrize("replay", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_adds_up(message: AIMessage, replay: Any) -> None:
    """Content, tool calls, usage, metadata: the sum of the chunks is the stored message."""
    stored = message.model_copy(update={"id": "of an old run"})
    answer = answered([ChatGeneration(message=stored, generation_info={"a": 1})])
    assert answer is not None
    first, *rest = as_chunks(answer, replay)
    whole = message_chunk_to_message((first + rest if rest else first).message)
    usage = message.usage_metadata and {**message.usage_metadata, "total_cost": 0}
    assert whole == message.model_copy(update={"usage_metadata": usage})
    assert whole.content_blocks == message.content_blocks
    assert stored.id == "of an old run"


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_what_goes_last(message: AIMessage) -> None:
    """No chunk has an id; usage, metadata and the end are said once, in the last one."""
    answer = answered([ChatGeneration(message=message, generation_info={"a": 1})])
    assert answer is not None
    *before, last = as_chunks(answer, "words")
    assert isinstance(last.message, AIMessageChunk)
    assert last.message.chunk_position == "last"
    assert last.generation_info == {"a": 1}
    assert all(chunk.message.id is None for chunk in (*before, last))
    for chunk in before:
        assert isinstance(chunk.message, AIMessageChunk)
        assert chunk.message.usage_metadata is None
        assert chunk.message.chunk_position is None


def test_a_hit_costs_nothing() -> None:
    """As in LangChain's own hits the cost is 0; what was stored is left as it is."""
    answer = answered([ChatGeneration(message=MESSAGES["long"])])
    assert answer is not None
    last: Any = as_chunks(answer, "few")[-1].message
    assert last.usage_metadata["total_cost"] == 0
    assert "total_cost" not in (MESSAGES["long"].usage_metadata or {})


def test_plain_generations() -> None:
    """An answer without a message, as old caches hold it, is streamed as text."""
    answer = answered([Generation(text="Paris.")])
    assert answer is not None
    assert answer.message == AIMessage("Paris.")


BAD: Any = [{"name": "pay", "args": '{"amount": 3', "id": "c1", "error": None}]


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        (Generation(text="a tuple"),),
        [Generation(text="one"), Generation(text="two")],
        [ChatGeneration(message=AIMessage("", invalid_tool_calls=BAD))],
        [ChatGeneration(message=AIMessage("", tool_calls=[{**CALLS[0], "args": {"a": (1, 2)}}]))],
        [ChatGeneration(message=AIMessage("", tool_calls=[{**CALLS[0], "args": {"a": {2}}}]))],
    ],
    ids=["nothing", "empty", "tuple", "two", "invalid calls", "tuples", "no JSON"],
)
def test_no_answer(found: Any) -> None:
    """What no stream can say is none: cut in chunks, a call that was cut off would look whole."""
    assert answered(found) is None


@given(text=st.text(max_size=300))
def test_cutting_loses_nothing(text: str) -> None:
    """The pieces are the text; by default they are at most four, and words are words."""
    for replay in CUTS.values():
        assert "".join(cut(text, replay)) == text  # type: ignore[arg-type]
    assert 1 <= len(cut(text, "few")) <= 4


def test_words() -> None:
    """Word by word means with the space before each; a cutter that loses text is not used."""
    assert cut("a bc\n d ", "words") == ["a", " bc", "\n d", " "]
    assert cut("a b", lambda text: text.split()) == ["a b"]
    assert cut("a b", lambda text: []) == ["a b"]
    answer = answered([Generation(text="a b")])
    assert answer is not None
    assert [chunk.text for chunk in as_chunks(answer, lambda text: text[9])] == ["a b"]
