"""What may be stored: complete answers that the model stands by.

An admission rule returns None where an answer may be stored, else the reason why not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from langchain_core.outputs import ChatGeneration, Generation

__all__ = ["Admission", "CompleteAnswers", "is_time_sensitive"]

# As the providers (OpenAI, Anthropic, Google, Mistral, Cohere, Bedrock) and LangChain's common
# words for them spell them, lower case.
_REFUSED = frozenset(
    {
        "blocklist",
        "content_filter",
        "content_filtered",
        "context_exceeded",
        "error",
        "error_toxic",
        "failed",
        "guardrail_intervened",
        "incomplete",
        "length",
        "malformed_function_call",
        "max_length",
        "max_output_tokens",
        "max_tokens",
        "model_context_window_exceeded",
        "model_length",
        "pause_turn",
        "prohibited_content",
        "recitation",
        "refusal",
        "safety",
        "spii",
        "suspended",
    }
)
_REASON_KEYS = (
    "finish_reason",
    "stop_reason",
    "done_reason",
    "stopReason",
    "status",
    # What langchain-core makes of them since 1.8.4; the second where a turn is paused.
    "normalized_finish_reason",
    "finish_state",
)


class Admission(Protocol):
    """Decides whether an answer to a question may be stored."""

    def __call__(self, question: str, generations: Sequence[Generation], /) -> str | None: ...


class CompleteAnswers:
    """Admit answers that are complete, not empty, not refused and whose tool calls are valid."""

    def __call__(self, question: str, generations: Sequence[Generation], /) -> str | None:
        if not generations:
            return "empty_answer"
        for generation in generations:
            reason = _objection(generation)
            if reason:
                return reason
        return None


def _objection(generation: Generation) -> str | None:
    info = dict(generation.generation_info or {})
    if not isinstance(generation, ChatGeneration):
        return _unfinished(info) or (None if generation.text.strip() else "empty_answer")
    message = generation.message
    reason = _unfinished(info) or _unfinished(message.response_metadata)
    if reason:
        return reason
    if message.additional_kwargs.get("refusal"):
        return "finish_reason_refusal"
    if getattr(message, "invalid_tool_calls", None):
        return "invalid_tool_calls"
    calls = getattr(message, "tool_calls", None) or message.additional_kwargs.get("function_call")
    # Content without text (an image, say) is an answer as well.
    has_content = bool(generation.text.strip()) or (
        isinstance(message.content, list)
        and any(isinstance(b, dict) and b.get("type") != "text" for b in message.content)
    )
    if not calls and not has_content:
        return "empty_answer"
    if isinstance(message.content, list) and any(
        isinstance(b, dict) and b.get("type") == "refusal" for b in message.content
    ):
        return "finish_reason_refusal"
    return None


def _unfinished(metadata: dict[str, object]) -> str | None:
    for key in _REASON_KEYS:
        value = metadata.get(key)
        if isinstance(value, str) and value.lower() in _REFUSED:
            return f"finish_reason_{value.lower()}"
    return None


# Words with which English questions ask about the moment at which they are asked.
_NOW = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|now|nowadays|currently|current|latest|newest|recent|"
    r"recently|live|breaking|this (?:morning|afternoon|evening|week|weekend|month|quarter|year)|"
    r"(?:next|last|past) (?:hour|night|week|weekend|month|quarter|year)|right now|at the moment|"
    r"so far|as of|up to date|weather|forecast|temperature outside|stock price|share price|"
    r"exchange rate|what time is it|what(?:'s| is) the (?:time|date)|what day is)\b",
    re.IGNORECASE,
)


def is_time_sensitive(question: str) -> bool:
    """Tell whether an English question asks about now, so that its answer soon grows wrong."""
    return _NOW.search(question) is not None
