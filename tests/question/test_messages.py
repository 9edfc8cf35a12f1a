"""Messages are built by their role, of LangChain's own classes only."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_redis_semcache.question.messages import build_message


@pytest.mark.parametrize(
    ("role", "fields", "kind"),
    [
        ("human", {}, HumanMessage),
        ("ai", {"tool_call_chunks": [], "chunk_position": "last"}, AIMessage),
        ("system", {}, SystemMessage),
        ("tool", {"tool_call_id": "1"}, ToolMessage),
        ("function", {"name": "f"}, FunctionMessage),
        ("chat", {"role": "critic"}, ChatMessage),
    ],
)
def test_roles(role: str, fields: dict[str, Any], kind: type) -> None:
    """A role is a class, and what belongs to the parts of a stream is left out."""
    message = build_message(role, {"type": role, "content": "text", **fields})
    assert type(message) is kind
    assert message.content == "text"
    assert not hasattr(message, "tool_call_chunks")


def test_other_roles() -> None:
    """A role outside of the list builds nothing."""
    with pytest.raises(KeyError):
        build_message("AIMessageChunk", {"content": "text"})
