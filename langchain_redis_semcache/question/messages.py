"""Message classes by their role: the closed list that anything read from outside is built of."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

# Parts of a stream that has ended; a complete message has no place for them.
LEFT_OUT = frozenset({"type", "tool_call_chunks", "chunk_position"})

_MESSAGES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
}


def build_message(role: str, fields: dict[str, Any]) -> BaseMessage:
    """Build a message of the closed list from its fields."""
    kwargs = {k: v for k, v in fields.items() if k not in LEFT_OUT}
    return _MESSAGES[role](**kwargs)
