"""The chunks of a live stream as the answer that is stored.

Rule of this module: what a stream adds up to is what `invoke` would have stored, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
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
# Said in every chunk; LangChain's sums keep them as they are.
_CONSTANT = ("model_provider", "output_version")
_UNSPECIFIED = frozenset({"finish_reason_unspecified", "null", "none"})


class Collected:
    """What a stream has said so far.

    Chunks of text that go on with the last one are kept as texts: adding up hundreds of messages
    would cost as much as LangChain's own part in the stream.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Any, dict[str, Any] | None]] = []
        self._texts: list[str] = []
        """What follows on the text of the last part."""
        self._key: object = None
        self._constant: dict[str, Any] = {}

    def add(self, chunk: ChatGenerationChunk) -> bool:
        """Take a chunk; tell whether the provider says in it that it has come to an end."""
        message, info = chunk.message, chunk.generation_info
        key = _text_key(message.content)
        if key is not None and key == self._key and not info and self._goes_on(message):
            content: Any = message.content
            self._texts.append(content if isinstance(content, str) else content[0]["text"])
            return False
        self._settle()
        # A copy: what goes out belongs to LangChain and the application, who change it.
        self._parts.append((copy(message), info))
        self._key = key
        metadata = message.response_metadata
        self._constant = {key: metadata[key] for key in _CONSTANT if key in metadata}
        return _ends(message, info)

    def _goes_on(self, message: BaseMessage) -> bool:
        return not (
            message.additional_kwargs
            or getattr(message, "tool_call_chunks", None)
            or getattr(message, "usage_metadata", None)
            or getattr(message, "chunk_position", None)
            or (message.response_metadata and message.response_metadata != self._constant)
        )

    def _settle(self) -> None:
        if self._texts:
            message, text = self._parts[-1][0], "".join(self._texts)
            if isinstance(message.content, str):
                message.content += text
            else:
                block = message.content[0]
                message.content = [{**block, "text": block["text"] + text}]
            self._texts.clear()

    @property
    def finished(self) -> bool:
        """Whether the provider said so; a connection cut by a proxy ends without an error."""
        return any(_ends(message, info) for message, info in reversed(self._parts))

    def answer(self, output_version: str | None) -> ChatGeneration:
        """Return the whole, as LangChain makes it of a stream inside of `invoke`."""
        self._settle()
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


def _ends(message: BaseMessage, info: Mapping[str, Any] | None) -> bool:
    return (
        getattr(message, "chunk_position", None) == "last"
        or _says_so(message.response_metadata)
        or (info is not None and _says_so(info))
    )


def _says_so(metadata: Mapping[str, Any]) -> bool:
    for key in _FINISH:
        value = metadata.get(key)
        if value and str(value).lower() not in _UNSPECIFIED:
            return True
    return metadata.get("status") == "completed" or metadata.get("done") is True


def _text_key(content: Any) -> object:
    """Tell which text a chunk belongs to, None where it is more than text."""
    if isinstance(content, str):
        return "text"
    if len(content) == 1 and isinstance(content[0], dict):
        block = content[0]
        if block.keys() == {"type", "text", "index"} and block["type"] == "text":
            return ("block", block["index"])
    return None
