"""A stream that came to its end adds up to what `invoke` stores; others are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_redis_semcache.models.collecting import Collected

LAST: Any = {"chunk_position": "last"}


def collected(*chunks: ChatGenerationChunk) -> Collected:
    collected = Collected()
    for chunk in chunks:
        collected.add(chunk)
    return collected


def chunk(text: Any = "", info: Any = None, **fields: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(text, **fields), generation_info=info)


MARKS: list[tuple[str, bool, ChatGenerationChunk]] = [
    ("openai", True, chunk(info={"finish_reason": "stop"})),
    ("openai cut", True, chunk(info={"finish_reason": "length"})),  # for the admission to refuse
    ("openai responses", True, chunk(response_metadata={"status": "completed"})),
    ("openai responses begun", False, chunk(response_metadata={"status": "in_progress"})),
    ("anthropic", True, chunk(response_metadata={"stop_reason": "end_turn"})),
    ("anthropic begun", False, chunk(response_metadata={"stop_reason": None})),
    ("bedrock", True, chunk(response_metadata={"stopReason": "end_turn"})),
    ("ollama", True, chunk(info={"done": True, "done_reason": "stop"})),
    ("ollama begun", False, chunk(info={"done": False})),
    ("google", True, chunk(info={"finish_reason": "STOP"})),
    ("google begun", False, chunk(info={"finish_reason": "FINISH_REASON_UNSPECIFIED"})),
    ("langchain", True, chunk(**LAST)),
    ("nothing", False, chunk("text")),
]


@pytest.mark.parametrize(
    ("finished", "last"), [m[1:] for m in MARKS], ids=[name for name, *_ in MARKS]
)
def test_finished(finished: bool, last: ChatGenerationChunk) -> None:
    """Each provider has its own way to say that it has come to the end; usage may follow."""
    assert collected(chunk("a"), last, chunk()).finished is finished


def test_nothing_at_all() -> None:
    """A stream without a chunk is not finished."""
    assert not Collected().finished


def test_adds_up() -> None:
    """Texts, calls, usage and metadata of all chunks are in the answer, as an AIMessage."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    part: Any = {"name": "f", "args": '{"a"', "id": "1", "index": 0}
    rest: Any = {"name": None, "args": ": 1}", "id": None, "index": 0}
    answer = collected(
        chunk("Par"),
        chunk("is", tool_call_chunks=[part]),
        chunk("", {"finish_reason": "stop", "model_name": "m"}, tool_call_chunks=[rest]),
        chunk("", usage_metadata=usage),
    ).answer(None)
    assert answer.message == AIMessage(
        "Paris",
        tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}],
        usage_metadata=usage,
        response_metadata={"finish_reason": "stop", "model_name": "m"},
    )
    assert answer.generation_info == {"finish_reason": "stop", "model_name": "m"}


def test_what_the_consumer_changes() -> None:
    """What is made of a chunk after it went out is not what is stored."""
    given = chunk("Paris", **LAST)
    one = collected(given)
    given.message.content = "redacted"
    given.message.id = "lc_run--1"
    assert one.answer(None).message == AIMessage("Paris")


def test_output_version() -> None:
    """A model with output_version="v1" has standard blocks stored, as by `invoke`."""
    message = collected(chunk("Paris", **LAST)).answer("v1").message
    assert message.content == [{"type": "text", "text": "Paris"}]
    assert message.response_metadata == {"output_version": "v1"}


def block(text: str, index: int, **more: Any) -> list[Any]:
    return [{"type": "text", "text": text, "index": index, **more}]


OPENAI: Any = {"model_provider": "openai"}
USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
PART: Any = {"name": "f", "args": '{"a": 1}', "id": "1", "index": 0}
STREAMS: dict[str, list[ChatGenerationChunk]] = {
    "texts": [chunk(text) for text in ("a", "b", "", "c")],
    "provider": [chunk(text, response_metadata=dict(OPENAI)) for text in "abc"],
    "provider from the second on": [chunk("a"), chunk("b", response_metadata=dict(OPENAI))],
    "other metadata": [chunk(t, response_metadata={"seen": t}) for t in "ab"],
    "infos": [chunk("a", {"x": 1}), chunk("b"), chunk("c", {"y": 2}), chunk("d")],
    "kwargs": [chunk("a"), chunk("b", additional_kwargs={"reasoning": "r"}), chunk("c")],
    "calls": [chunk("a"), chunk("b", tool_call_chunks=[PART]), chunk("c"), chunk("d")],
    "usage": [chunk("a", usage_metadata=USAGE), chunk("b"), chunk("c", usage_metadata=USAGE)],
    "blocks": [chunk(block(t, i)) for t, i in (("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 0))],
    "citations": [chunk(block("a", 0)), chunk(block("b", 0, n=1)), chunk(block("c", 0))],
    "text, then blocks": [chunk("a"), chunk(block("b", 0)), chunk(block("c", 0))],
    "several blocks": [chunk(block("a", 0) + block("b", 1)), chunk(block("c", 1))],
    "strings in a list": [chunk(["a"]), chunk(["b"]), chunk("c")],
    "empty lists": [chunk([]), chunk(block("a", 0)), chunk([]), chunk(block("b", 0))],
    "ids": [chunk("a", id="1"), chunk("b", id="1")],
}


@pytest.mark.parametrize("chunks", STREAMS.values(), ids=STREAMS)
def test_as_langchain_adds_up(chunks: list[ChatGenerationChunk]) -> None:
    """What is kept in short is what LangChain makes of the chunks one by one."""
    end = chunk([] if isinstance(chunks[-1].message.content, list) else "", **LAST)
    (expected,) = generate_from_stream(iter([*chunks, end])).generations
    for one in chunks:
        info = one.generation_info or {}
        assert isinstance(expected.message, AIMessage)
        expected.message.response_metadata.update(info)
    assert collected(*chunks).answer(None) == expected
