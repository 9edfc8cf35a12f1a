"""Prompt string -> Question: the only module that knows LangChain's message JSON.

The question is the text of the last human message; everything else the model is shown is
context. What cannot be read for certain is never compared by meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage

from . import marks
from .canonical import canonical, sorted_json, strict_json, string_at
from .digest import digest
from .remembered import Remembered
from .surroundings import IDENTICAL, MESSAGE, TURNS, Parts, counted, part, system_parts

ContextMode = Literal["full", "system", "none"]
QuestionHook = Callable[[list[BaseMessage]], "tuple[str, Hashable] | None"]

_ROLES = {
    "human": "human",
    "HumanMessageChunk": "human",
    "ai": "ai",
    "AIMessageChunk": "ai",
    "system": "system",
    "SystemMessageChunk": "system",
    "developer": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "function",
    "FunctionMessageChunk": "function",
    "chat": "chat",
    "ChatMessageChunk": "chat",
}
# What LangChain keeps on a message but no provider is sent, or what differs between two
# runs of the same conversation.
_UNSENT = frozenset(
    {"id", "type", "usage_metadata", "artifact", "example", "chunk_position", "tool_call_chunks"}
)
_VOLATILE_METADATA = frozenset(
    {
        "created",
        "created_at",
        "done",
        "done_reason",
        "eval_count",
        "eval_duration",
        "finish_reason",
        "finish_state",
        "headers",
        "id",
        "load_duration",
        "logprobs",
        "normalized_finish_reason",
        "prompt_eval_count",
        "prompt_eval_duration",
        "semcache",
        "service_tier",
        "stop_reason",
        "stop_sequence",
        "system_fingerprint",
        "token_usage",
        "total_duration",
        "usage",
    }
)
_CALL_ID_KEYS = frozenset({"id", "tool_call_id", "tool_use_id", "call_id"})
_CALL_BLOCKS = frozenset(
    {"function_call", "function_call_output", "tool_call", "tool_result", "tool_use"}
)
# A provider's hint about its own prompt cache; the model is not shown it.
_TEXT_BLOCK_NOISE = frozenset({"cache_control"})

# How LangChain dumps what a user wrote, up to the text and behind it.
_HUMAN = (
    '{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"], '
    '"kwargs": {"content": "'
)
_END = ', "type": "human"}}]'
REMEMBERED_CHARS = 8_000
"""What is longer is read anew each time: 256 of them would be too much to keep."""


@dataclass(slots=True)
class Question:
    """What was asked: the text compared by meaning and a digest of all that must be identical."""

    text: str
    context: str
    exact_only: str | None = None
    """Why this question may only be answered from an identical one, or None."""
    tags: tuple[str, ...] = ()
    """What the prompt says its answer is to be withdrawn by."""
    overlap: float | None = None
    """How much of what the tags name must stand behind an answer that is served, if that counts."""
    parts: Parts | None = None
    """What a hook says in short; otherwise `context_parts` does."""


def read(prompt: str, context: ContextMode = "full") -> Question:
    """Split a prompt string into question and context."""
    question = _read_usual(prompt, context)
    if question is not None:
        return question
    messages = _load(prompt)
    if messages is None:
        unreadable = "unreadable_prompt" if _looks_serialized(prompt) else None
        return Question(prompt, digest("text"), unreadable)
    return _split(messages, context)


def _read_usual(prompt: str, context: ContextMode) -> Question | None:
    """Read a dump that ends in a plain text of the user without parsing what it repeats.

    Inside of a JSON string a quotation mark is escaped, so `_HUMAN` cannot be part of a text.
    """
    start = prompt.rfind(_HUMAN)
    if not 0 <= start <= REMEMBERED_CHARS or not prompt.endswith(_END):
        return None
    try:
        text, end = string_at(prompt, start + len(_HUMAN) - 1)
    except ValueError:
        return None
    if end + len(_END) != len(prompt):
        return None
    earlier = prompt[:start]
    before = _contexts.of(lambda: _context_before(earlier, context), earlier, context)
    return None if before is None else Question(text, before)


# System prompts are few, and a conversation that goes on loses nothing: it is parsed once.
_contexts: Remembered[str | None] = Remembered()


def _context_before(earlier: str, context: ContextMode) -> str | None:
    """Return the context of a text behind these messages, or None where they are none."""
    messages = _load(f'{earlier}{_HUMAN}"{_END}')
    return None if messages is None else _split(messages, context).context


def context_parts(prompt: str, context: ContextMode) -> Parts:
    """Return in short what `read` takes for the context of a question."""
    messages = _load(prompt)
    if messages is None:
        return {}
    fields = messages[-1][1]
    mark = marks.opened(fields) if messages[-1][0] == "human" else None
    shown = [(r, f if mark is None else marks.framed(f, mark)) for r, f in messages[:-1]]
    shown = [(r, f) for r, f in shown if context != "none" and (context == "full" or r == "system")]
    parts = system_parts(system_text(prompt)) if context != "none" else {}
    turns = [_reduce(r, f, {}) for r, f in shown if r != "system"]
    if turns:
        parts[TURNS] = counted(sorted_json(turns), len(turns))
    own = _reduce("", {**fields, "content": _text_of(fields)[1]}, {})[1]
    if own or mark is not None:
        frame = "" if mark is None else f"{mark.frame} {mark.identical}"
        parts[MESSAGE] = part(sorted_json(own) + frame)
    return parts


def system_text(prompt: str) -> str:
    """Return the system prompt of a dump of messages."""
    return "\n".join(_text_of(f)[0] for role, f in _load(prompt) or () if role == "system")


def read_with(hook: QuestionHook, prompt: str) -> Question | None:
    """Let the application name the question and what must be identical; None: do not cache."""
    messages = _load(prompt)
    parsed: list[BaseMessage] = (
        [HumanMessage(prompt)] if messages is None else [_to_message(m) for m in messages]
    )
    answer = hook(parsed)
    if answer is None:
        return None
    text, identical = answer
    if not isinstance(text, str):
        raise TypeError("the question hook must return (text, identical) with a str as text")
    shown = canonical(identical)
    return Question(text, digest("hook", shown), parts={IDENTICAL: part(shown)})


def _load(prompt: str) -> list[tuple[str, dict[str, Any]]] | None:
    """Return (role, fields) of every message, or None where this is not a message dump."""
    if not prompt.startswith("["):
        return None
    try:
        nodes = strict_json(prompt)
    except (ValueError, RecursionError):
        return None
    if not isinstance(nodes, list) or not nodes:
        return None
    messages = []
    for node in nodes:
        if not (isinstance(node, dict) and node.get("lc") == 1):
            return None
        fields = node.get("kwargs")
        if node.get("type") != "constructor" or not isinstance(fields, dict):
            return None
        kind = fields.get("type")
        role = _ROLES.get(kind) if isinstance(kind, str) else None
        content = fields.get("content")
        if role is None or not isinstance(content, (str, list)):
            return None
        if isinstance(content, list) and not all(isinstance(b, (str, dict)) for b in content):
            return None
        messages.append((role, fields))
    return messages


def _looks_serialized(prompt: str) -> bool:
    """A dump that could not be read resembles every other dump: never compare it by meaning."""
    return prompt.startswith(("[", "{")) and '"lc"' in prompt


def _split(messages: Sequence[tuple[str, dict[str, Any]]], context: ContextMode) -> Question:
    role, fields = messages[-1]
    ids: dict[str, str] = {}
    if role != "human":
        # Tool results are pending or the answer has been begun: the whole conversation asks.
        texts = [_text_of(f)[0] for r, f in messages if r == "human"]
        identical = [_reduce(r, f, ids) for r, f in messages]
        return Question(
            texts[-1] if texts else "", _digest_json(["all", identical]), f"last_message_{role}"
        )
    text, extras, only_text = _text_of(fields)
    mark = marks.opened(fields)
    earlier = [
        _reduce(r, f if mark is None else marks.framed(f, mark), ids)
        for r, f in messages[:-1]
        if context == "full" or (context == "system" and r == "system")
    ]
    exact_only = None if only_text else "non_text_content"
    if mark is None:
        own = _reduce(role, {**fields, "content": extras}, ids)
        if marks.is_marked(fields):
            exact_only = "unsealed_question"
        return Question(text, _digest_json(["asked", earlier, own]), exact_only)
    own = _reduce(role, marks.framed(fields, mark), ids)
    keyed = _digest_json(["keyed", earlier, own, mark.identical])
    return Question(mark.question, keyed, exact_only, mark.tags, mark.overlap)


def _text_of(fields: dict[str, Any]) -> tuple[str, list[Any], bool]:
    """Return the joined text, what else the content holds, and whether that else is harmless."""
    content = fields["content"]
    if isinstance(content, str):
        return content, [], True
    texts: list[str] = []
    extras: list[Any] = []
    only_text = True
    for position, block in enumerate(content):
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
            rest = {
                k: v
                for k, v in block.items()
                if k not in ("type", "text", "id") and k not in _TEXT_BLOCK_NOISE
            }
            if rest:
                extras.append([position, "text", rest])
        else:
            extras.append([position, _without_drawn_id(block)])
            only_text = False
    return "\n".join(texts), extras, only_text


def _reduce(role: str, fields: dict[str, Any], ids: dict[str, str]) -> list[Any]:
    """Keep what the model is shown of a message; call ids become their order of appearance."""
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        if key in _UNSENT or value is None or value == [] or value == {}:
            continue
        if key == "additional_kwargs" and isinstance(value, dict):
            value = marks.without(value)
            if not value:
                continue
        if key == "response_metadata" and isinstance(value, dict):
            value = {k: v for k, v in value.items() if not _is_volatile(k, v)}
            if not value:
                continue
        kept[key] = _rename_call_ids(value, ids, key)
    return [role, kept]


def _is_volatile(key: str, value: object) -> bool:
    # The id of an OpenAI "response" names a conversation on the server, so it is context.
    if key == "id" and isinstance(value, str) and value.startswith("resp_"):
        return False
    return key in _VOLATILE_METADATA


def _rename_call_ids(value: Any, ids: dict[str, str], field: str) -> Any:
    """Providers draw call ids at random: only which call a result belongs to is context.

    Only where a call id is known to stand: an "id" among a tool's arguments is what was asked.
    """
    if field == "tool_call_id" and isinstance(value, str):
        return ids.setdefault(value, f"#{len(ids)}")
    if field in ("tool_calls", "invalid_tool_calls") and isinstance(value, list):
        return [_rename_in(call, ids) for call in value]
    if field == "additional_kwargs" and isinstance(value, dict) and "tool_calls" in value:
        calls = _rename_call_ids(value["tool_calls"], ids, "tool_calls")
        return {**value, "tool_calls": calls}
    if field == "content" and isinstance(value, list):
        return [
            _rename_in(block, ids)
            if isinstance(block, dict) and str(block.get("type")) in _CALL_BLOCKS
            else _without_drawn_id(block)
            for block in value
        ]
    return value


def _without_drawn_id(block: Any) -> Any:
    """LangChain draws an id for audio and file blocks anew at each call."""
    if isinstance(block, dict) and str(block.get("id")).startswith("lc_"):
        return {k: v for k, v in block.items() if k != "id"}
    return block


def _rename_in(call: Any, ids: dict[str, str]) -> Any:
    if not isinstance(call, dict):
        return call
    return {
        k: ids.setdefault(v, f"#{len(ids)}") if k in _CALL_ID_KEYS and isinstance(v, str) else v
        for k, v in call.items()
    }


def _digest_json(value: object) -> str:
    return digest(sorted_json(value))


def _to_message(message: tuple[str, dict[str, Any]]) -> BaseMessage:
    from .messages import build_message  # importing messages takes longer than all else here

    role, fields = message
    return build_message(role, fields)
