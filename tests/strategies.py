"""What hypothesis draws from: texts meant to break out of things, plain data, messages."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, Generation

NASTY = ("}|{", "-@", "*", "\0", "\ud800", "\udfff", "---[", "::", ":", "2:", '"', "\\", "\n", "é")

any_character = st.characters(codec=None)
nasty_text = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(any_character, max_size=4)), max_size=5
).map("".join)

numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
scalars = st.one_of(st.none(), numbers, nasty_text)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(nasty_text, inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(nasty_text, plain, max_size=3)

tool_calls = st.fixed_dictionaries(
    {"name": nasty_text, "args": objects, "id": st.none() | nasty_text}
)
invalid_tool_calls = st.fixed_dictionaries(
    {
        "name": st.none() | nasty_text,
        "args": st.none() | nasty_text,
        "id": st.none() | nasty_text,
        "error": st.none() | nasty_text,
    }
)
counts = st.integers(0, 10**9)
usage = st.builds(
    UsageMetadata,
    input_tokens=counts,
    output_tokens=counts,
    total_tokens=counts,
    input_token_details=st.fixed_dictionaries({"cache_read": counts}),
    output_token_details=st.fixed_dictionaries({"reasoning": counts}),
)
blocks = st.one_of(
    nasty_text,
    st.fixed_dictionaries({"type": st.just("text"), "text": nasty_text}),
    st.fixed_dictionaries({"type": st.just("image_url"), "image_url": objects}),
    st.fixed_dictionaries({"type": st.just("reasoning"), "reasoning": nasty_text}),
)


@st.composite
def ai_messages(draw: st.DrawFn) -> AIMessage:
    fields: dict[str, Any] = {
        "content": draw(st.one_of(nasty_text, st.lists(blocks, max_size=3))),
        "additional_kwargs": draw(objects),
        "response_metadata": draw(objects),
        "name": draw(st.none() | nasty_text),
        "tool_calls": draw(st.lists(tool_calls, max_size=2)),
        "invalid_tool_calls": draw(st.lists(invalid_tool_calls, max_size=2)),
        "usage_metadata": draw(st.none() | usage),
    }
    return AIMessage(**fields)


generations = st.one_of(
    st.builds(Generation, text=nasty_text, generation_info=st.none() | objects),
    st.builds(
        lambda message, info: ChatGeneration(message=message, generation_info=info),
        ai_messages(),
        st.none() | objects,
    ),
)


def dumped(*messages: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as LangChain's `dumps` writes them, of any fields at all."""
    path = ["langchain", "schema", "messages", "AnyMessage"]
    return [
        {"lc": 1, "type": "constructor", "id": path, "kwargs": {"type": role, **fields}}
        for role, fields in messages
    ]


def without_id(message: BaseMessage) -> BaseMessage:
    return message.model_copy(update={"id": None})
