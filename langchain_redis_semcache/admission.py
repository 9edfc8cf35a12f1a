"""What may be stored: complete answers that the model stands by.

An admission rule returns None where an answer may be stored, else the reason why not. One that is a
`CallAdmission` too is asked before a call whether it is to be left alone altogether.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from langchain_core.outputs import ChatGeneration, Generation

from .errors import ConfigurationError

__all__ = ["Admission", "CallAdmission", "CompleteAnswers", "is_time_sensitive"]

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
_LONGEST_FIRST = sorted(_REFUSED, key=lambda word: (-len(word), word))
_REASON_KEYS = (
    "finish_reason",
    "stop_reason",
    "done_reason",
    "stopReason",
    "status",
    "finishReason",
    "completion_reason",
    "completionReason",
    # What langchain-core makes of them since 1.8.4; the second where a turn is paused.
    "normalized_finish_reason",
    "finish_state",
)


class Admission(Protocol):
    """Decides whether an answer to a question may be stored."""

    def __call__(self, question: str, generations: Sequence[Generation], /) -> str | None: ...


@runtime_checkable
class CallAdmission(Protocol):
    """Decides whether a call is answered from the cache at all, beside what may be stored."""

    def __call__(self, question: str, generations: Sequence[Generation], /) -> str | None: ...

    def leaves_alone(self, question: str, temperature: float | None, /) -> str | None:
        """Return why neither a lookup nor an update takes place, or None.

        `temperature` is the model's, as far as the call or the model names it.
        """
        ...


class CompleteAnswers:
    """Admit answers that are complete, not empty, not refused and whose tool calls are valid.

    Args:
        max_temperature: Leave calls alone whose model is known to be set to more.
        skip_time_sensitive: Leave English questions about now alone, whatever the `ttl`: today,
            latest, weather, ... False where the model does not know what day it is anyway.
    """

    def __init__(
        self, *, max_temperature: float | None = None, skip_time_sensitive: bool = True
    ) -> None:
        numeric = isinstance(max_temperature, (int, float))
        if max_temperature is not None and not (
            numeric and not isinstance(max_temperature, bool) and max_temperature >= 0
        ):
            raise ConfigurationError(
                "max_temperature must be a number from 0, e.g. max_temperature=0, not "
                f"{max_temperature!r}"
            )
        self._max_temperature = max_temperature
        self._skip_time_sensitive = skip_time_sensitive

    def leaves_alone(self, question: str, temperature: float | None, /) -> str | None:
        limit = self._max_temperature
        if limit is not None and temperature is not None and temperature > limit:
            return "temperature"
        if self._skip_time_sensitive and is_time_sensitive(question):
            return "time_sensitive"
        return None

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
        if isinstance(value, str) and (word := _refused(value.lower())):
            return f"finish_reason_{word}"
    return None


def _refused(reason: str) -> str | None:
    """Return the word of a reason that is none to store an answer.

    LangChain's sums of chunks put one behind the other what two of them say: "lengthlength".
    """
    if reason in _REFUSED:
        return reason
    return next(
        (word for word in _LONGEST_FIRST if reason.startswith(word) or reason.endswith(word)), None
    )


# Words with which English questions ask about the moment at which they are asked. Not those that
# mostly tell a story or name a thing: "live in", "current account", "recently", "now that".
_NOW = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|right now|at the moment|nowadays|currently|"
    r"up to date|as of (?:now|today)|now(?= *[?.!]*$)|"
    r"(?:is|are|happening|playing|open|available|trending) now\b(?! *(?:that|\w+ed\b))|"
    r"current(?! (?:account|address|card|job|employer|password|directory|folder|user)s?\b)|"
    r"latest|newest|most recent|recent (?:news|events|headlines)|breaking news|"
    r"live (?:scores?|results?|streams?|updates?|prices?|traffic)|"
    r"this (?:morning|afternoon|evening|week|weekend|month|quarter|year)|"
    r"(?:next|last|past) (?:night|week|weekend|month|quarter|year)|"
    r"weather(?! (?:stripping|vane|station))|forecast|temperature outside|stock price|share price|"
    r"exchange rate (?:of|between|for|from)|what (?:time|day|date|year) is it|"
    r"what(?:'?s| is) the (?:time|date|day)(?= *(?:in\b|[?.!]*$)))",
)


def is_time_sensitive(question: str) -> bool:
    """Tell whether an English question asks about now, so that its answer soon grows wrong."""
    # Asked at every call: an expression that ignores case takes three times as long.
    return _NOW.search(question.casefold()) is not None
