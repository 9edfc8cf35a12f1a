"""A stored answer as the chunks of a stream.

Rule of this module: what the chunks add up to is the stored answer; where that is not certain, it
goes out in one chunk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation

__all__ = ["ODDITIES", "Replay", "answered", "as_chunks"]

Replay: TypeAlias = Literal["few", "words"] | Callable[[str], Iterable[str]]
"""How a text is cut: into at most four pieces, into words, or by a function of your own."""

PIECES = 4
FEWEST_WORDS = 8
"""Shorter pieces would cost more than anybody sees of them."""

# What blocks that nobody foresaw, and functions of the application's, may raise.
ODDITIES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# Scripts without spaces have long "words".
_WORD = re.compile(r"\s*\S{1,24}|\s+")
# Equal in every chunk of a live stream as well, where LangChain needs them to read the content.
_IN_EVERY_CHUNK = ("output_version", "model_provider")


def answered(generations: Sequence[Generation] | None) -> ChatGeneration | None:
    """Return the one answer that a lookup found, as a fresh object and a free one.

    None where there is none, or not one that a stream can say: several answers, or calls of tools
    that no JSON can carry, or that could not be read and might become valid ones on their way.
    """
    if not isinstance(generations, list) or len(generations) != 1:
        return None
    (stored,) = generations
    message = stored.message if isinstance(stored, ChatGeneration) else AIMessage(stored.text)
    if not isinstance(message, AIMessage) or message.invalid_tool_calls:
        return None
    if not all(_is_json(call["args"]) for call in message.tool_calls):
        return None
    # The id is given by the new run; and nobody is billed for a hit, which LangChain says so.
    changes: dict[str, Any] = {"id": None}
    if message.usage_metadata:
        changes["usage_metadata"] = {**message.usage_metadata, "total_cost": 0}
    info = None if stored.generation_info is None else dict(stored.generation_info)
    return ChatGeneration(message=message.model_copy(update=changes), generation_info=info)


def as_chunks(answer: ChatGeneration, replay: Replay) -> list[ChatGenerationChunk]:
    """Cut an answer into the chunks of a stream, all that is not text in the last one."""
    message = cast(AIMessage, answer.message)  # `answered` returns no other
    try:
        chunks = _chunks(message, _contents(message, replay))
        is_certain = isinstance(message.content, str) or len(chunks) == 1
        if not is_certain and (chunks[0] + chunks[1:]).content != message.content:
            chunks = _chunks(message, [message.content])
    except ODDITIES:
        chunks = _chunks(message, [message.content])
    last = len(chunks) - 1
    return [
        ChatGenerationChunk(message=chunk, generation_info=answer.generation_info)
        if n == last
        else ChatGenerationChunk(message=chunk)
        for n, chunk in enumerate(chunks)
    ]


def _chunks(message: AIMessage, contents: list[Any]) -> list[AIMessageChunk]:
    shared = {}
    if isinstance(message.content, list):
        metadata = message.response_metadata
        shared = {key: metadata[key] for key in _IN_EVERY_CHUNK if key in metadata}
    *before, final = contents
    chunks = [AIMessageChunk(content=content, response_metadata=dict(shared)) for content in before]
    last = AIMessageChunk(
        content=final,
        name=message.name,
        response_metadata=dict(message.response_metadata),
        tool_call_chunks=_tool_calls(message),
        chunk_position="last",
    )
    # Past the validation, which would drop the cost.
    last.usage_metadata = message.usage_metadata
    chunks.append(last)
    # First, since reasoning that is kept there is read before the text.
    chunks[0].additional_kwargs = dict(message.additional_kwargs)
    return chunks


def _is_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except ODDITIES:
        return False


def _tool_calls(message: AIMessage) -> list[Any]:
    return [
        {
            "type": "tool_call_chunk",
            "name": call["name"],
            "args": json.dumps(call["args"]),
            "id": call["id"],
            "index": index,
        }
        for index, call in enumerate(message.tool_calls)
    ]


def _contents(message: AIMessage, replay: Replay) -> list[Any]:
    """Cut the content; LangChain's sums forget the name, so that a named message stays whole."""
    content = message.content
    if message.name is not None:
        return [content]
    if isinstance(content, str):
        return cut(content, replay)
    contents: list[Any] = []
    for block in content:
        if not isinstance(block, dict):
            contents.append([block])
        elif (
            block.get("type") == "text"
            and isinstance(block.get("index"), int)
            and isinstance(block.get("text"), str)
        ):
            first, *rest = cut(block["text"], replay)
            contents.append([{**block, "text": first}])
            contents += [[{"type": "text", "text": t, "index": block["index"]}] for t in rest]
        else:
            contents.append([dict(block)])
    return contents or [[]]


def cut(text: str, replay: Replay) -> list[str]:
    """Cut a text into at least one piece; together they are the text."""
    if callable(replay):
        pieces = [piece for piece in replay(text) if piece]
        return pieces if pieces and "".join(pieces) == text else [text]
    words: list[str] = _WORD.findall(text)
    if replay == "words":
        return words or [text]
    size = max(FEWEST_WORDS, -(-len(words) // PIECES))
    starts = range(0, len(words), size)
    return ["".join(words[start : start + size]) for start in starts] or [text]
