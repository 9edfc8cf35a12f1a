"""The chunks of a live stream as the answer that is stored.

Rule of this module: what a stream adds up to is what `invoke` would have stored, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

__all__ = ["Collected"]

# Where the providers say that they have come to an end, and where langchain-core repeats it.
_FINISH = (
    "finish_reason",
    "stop_reason",
    "done_reason",
    "stopReason",
    "finishReason",
    "completion_reason",
    "finish_state",
    "normalized_finish_reason",
)
_UNSPECIFIED = frozenset({"finish_reason_unspecified", "null", "none"})


class Collected:
    """What a stream has said so far."""

    def __init__(self) -> None:
        self._parts: list[tuple[Any, dict[str, Any] | None]] = []

    def add(self, chunk: ChatGenerationChunk) -> None:
        # A copy: what goes out belongs to LangChain and the application, who change it.
        self._parts.append((copy(chunk.message), chunk.generation_info))

    @property
    def finished(self) -> bool:
        """Whether the provider said so; a connection cut by a proxy ends without an error."""
        return any(
            getattr(message, "chunk_position", None) == "last"
            or _says_so(message.response_metadata)
            or (info is not None and _says_so(info))
            for message, info in reversed(self._parts)
        )

    def answer(self, output_version: str | None) -> ChatGeneration:
        """Return the whole, as LangChain makes it of a stream inside of `invoke`."""
        chunks = []
        for message, info in self._parts:
            if info:
                message.response_metadata = {**info, **message.response_metadata}
            chunks.append(ChatGenerationChunk(message=message, generation_info=info))
        if not any(getattr(m, "chunk_position", None) == "last" for m, _ in self._parts):
            empty: Any = "" if isinstance(chunks[-1].message.content, str) else []
            end = AIMessageChunk(content=empty, chunk_position="last")
            chunks.append(ChatGenerationChunk(message=end))
        (answer,) = generate_from_stream(iter(chunks)).generations
        message = answer.message
        metadata = message.response_metadata
        if output_version == "v1" and metadata.get("output_version") != "v1":
            update = {
                "content": message.content_blocks,
                "response_metadata": {**metadata, "output_version": "v1"},
            }
            answer.message = message.model_copy(update=update)
        return answer


def _says_so(metadata: Mapping[str, Any]) -> bool:
    for key in _FINISH:
        value = metadata.get(key)
        if value and str(value).lower() not in _UNSPECIFIED:
            return True
    return metadata.get("status") == "completed" or metadata.get("done") is True
