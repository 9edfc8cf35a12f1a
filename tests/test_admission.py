"""What may be stored: complete answers that the model stands by."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache.admission import CompleteAnswers, is_time_sensitive

CALL = {"name": "f", "args": {}, "id": "1"}
BROKEN = {"name": "f", "args": "{", "id": "1", "error": None}


def chat(
    content: Any = "Paris", info: dict[str, Any] | None = None, **fields: Any
) -> ChatGeneration:
    return ChatGeneration(message=AIMessage(content, **fields), generation_info=info)


COMPLETE: list[Generation] = [
    Generation(text="Paris"),
    Generation(text="Paris", generation_info={"finish_reason": "stop"}),
    Generation(text="Paris", generation_info={"finish_reason": None, "status": "completed"}),
    chat(),
    chat(info={"finish_reason": "stop"}),
    chat(response_metadata={"stop_reason": "end_turn"}),
    chat(response_metadata={"finish_reason": "STOP"}),
    chat(response_metadata={"finish_reason": "stopstop"}),
    chat("", tool_calls=[CALL]),
    chat("", tool_calls=[CALL], response_metadata={"finish_reason": "tool_calls"}),
    chat(response_metadata={"normalized_finish_reason": "stop", "finish_state": "complete"}),
    chat("", tool_calls=[CALL], response_metadata={"normalized_finish_reason": "tool_call"}),
    chat("", additional_kwargs={"function_call": {"name": "f"}}),
    chat([{"type": "image", "url": "data:,"}]),
    chat([{"type": "text", "text": "Paris"}]),
    chat(additional_kwargs={"refusal": None}),
    ChatGeneration(message=ChatMessage("Paris", role="x")),
]


@pytest.mark.parametrize("answer", COMPLETE, ids=range(len(COMPLETE)))
def test_complete(answer: Generation) -> None:
    """Complete answers of all kinds may be stored."""
    assert CompleteAnswers()("q", [answer]) is None


INCOMPLETE: list[tuple[Generation, str]] = [
    (Generation(text=""), "empty_answer"),
    (Generation(text=" \n"), "empty_answer"),
    (chat(""), "empty_answer"),
    (chat([]), "empty_answer"),
    (chat([{"type": "text", "text": ""}]), "empty_answer"),
    (Generation(text="Par", generation_info={"finish_reason": "length"}), "finish_reason_length"),
    (chat(info={"finish_reason": "content_filter"}), "finish_reason_content_filter"),
    (chat(response_metadata={"stop_reason": "max_tokens"}), "finish_reason_max_tokens"),
    (chat(response_metadata={"finish_reason": "SAFETY"}), "finish_reason_safety"),
    (chat(response_metadata={"done_reason": "length"}), "finish_reason_length"),
    (
        chat(response_metadata={"stopReason": "guardrail_intervened"}),
        "finish_reason_guardrail_intervened",
    ),
    (chat(response_metadata={"status": "incomplete"}), "finish_reason_incomplete"),
    (chat(response_metadata={"finishReason": "MAX_TOKENS"}), "finish_reason_max_tokens"),
    (chat(response_metadata={"completion_reason": "length"}), "finish_reason_length"),
    (chat(response_metadata={"completionReason": "LENGTH"}), "finish_reason_length"),
    # As sums of chunks say it where two chunks did.
    (chat(response_metadata={"finish_reason": "lengthlength"}), "finish_reason_length"),
    (chat(info={"finish_reason": "MAX_TOKENSMAX_TOKENS"}), "finish_reason_max_tokens"),
    (chat(info={"finish_reason": "stopcontent_filter"}), "finish_reason_content_filter"),
    (chat("", tool_calls=[CALL], info={"finish_reason": "length"}), "finish_reason_length"),
    # As langchain-core 1.8.4 words what each provider says in its own way.
    *(
        (
            chat(response_metadata={"finish_reason": "new", "normalized_finish_reason": reason}),
            f"finish_reason_{reason}",
        )
        for reason in ("length", "content_filter", "refusal", "context_exceeded", "error")
    ),
    (chat(response_metadata={"finish_state": "suspended"}), "finish_reason_suspended"),
    (chat(additional_kwargs={"refusal": "I cannot"}), "finish_reason_refusal"),
    (chat([{"type": "refusal", "refusal": "I cannot"}]), "finish_reason_refusal"),
    (chat(invalid_tool_calls=[BROKEN]), "invalid_tool_calls"),
    (chat(tool_calls=[CALL], invalid_tool_calls=[BROKEN]), "invalid_tool_calls"),
]


@pytest.mark.parametrize(("answer", "reason"), INCOMPLETE, ids=range(len(INCOMPLETE)))
def test_incomplete(answer: Generation, reason: str) -> None:
    """Answers that are cut off, filtered, refused, empty or broken are not stored."""
    assert CompleteAnswers()("q", [answer]) == reason
    assert CompleteAnswers()("q", [chat(), answer]) == reason


def test_no_answer() -> None:
    """No generations are no answer."""
    assert CompleteAnswers()("q", []) == "empty_answer"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the weather in Paris?", True),
        ("What's the time in Tokyo?", True),
        ("latest news", True),
        ("Who is CURRENTLY president?", True),
        ("What happened last week?", True),
        ("What time is it?", True),
        ("Who is the current president?", True),
        ("Which shops are open now?", True),
        ("Where do wolves live?", False),
        ("How do I close my current account?", False),
        ("My card has expired, what now that I am abroad?", False),
        ("What is the capital of France?", False),
        ("How do I write a nowhere function?", False),
        ("", False),
    ],
)
def test_time_sensitive(question: str, expected: bool) -> None:
    """Questions about the moment at which they are asked are known by their words."""
    assert is_time_sensitive(question) is expected
