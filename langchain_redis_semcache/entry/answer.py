"""Generations <-> JSON bytes: a closed list of classes and plain data.

Entries are data that an attacker may have written: decoding builds nothing but the classes
named here, and everything that is not exactly as expected raises `DecodeError`.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
)
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from .._signals import let_through
from ..question.messages import LEFT_OUT
from .origin import marked, unmarked

Built = TypeVar("Built", bound=BaseModel)

DEPTH = 100
"""Levels of nesting in an entry: whoever walks through a message must not run out of stack."""
_FORMAT = 1
_PARSER = json.JSONDecoder()
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# What a model may answer with.
_ANSWERS: dict[str, type[BaseMessage]] = {"ai": AIMessage, "chat": ChatMessage}
_ANSWER_ROLES = {"ai": "ai", "AIMessageChunk": "ai", "chat": "chat", "ChatMessageChunk": "chat"}


class EncodeError(ValueError):
    """An answer cannot be stored as plain data."""


class DecodeError(ValueError):
    """A stored answer is not what this version writes."""


def encode(generations: Sequence[Generation]) -> bytes:
    """Write an answer as compact JSON, or raise `EncodeError` where that would lose anything."""
    try:
        payload = {"v": _FORMAT, "generations": [_dump(generation) for generation in generations]}
        text = _COMPACT.encode(payload)
        if text.count("[") + text.count("{") > DEPTH and _deeper(payload, DEPTH):
            raise ValueError("nested too deeply")
        return text.encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise EncodeError(type(error).__name__) from None


def decode(
    data: bytes, mark: Mapping[str, Any] | None = None, zero_usage: bool = False
) -> list[Generation]:
    """Build fresh generations from what `encode` wrote, or raise `DecodeError`.

    Messages get the mark, and no tokens where nobody is to be billed for them.
    """
    try:
        text = data.decode("utf-8", "surrogatepass")
        payload, end = _PARSER.raw_decode(text)
        if end != len(text):
            raise DecodeError("more than one value")
        if data.count(b"[") + data.count(b"{") > DEPTH and _deeper(payload, DEPTH):
            raise DecodeError("nested too deeply")
        if payload["v"] != _FORMAT:
            raise DecodeError("unknown format")
        items = payload["generations"]
        if type(items) is not list or not items:
            raise DecodeError("no generations")
        return [_build(item, mark, zero_usage) for item in items]
    except DecodeError:
        raise
    # A tampered entry can provoke anything in a validator; none of it may reach the caller.
    except Exception as error:
        let_through(error)
        raise DecodeError(type(error).__name__) from None


def has_tool_calls(generations: Sequence[Generation]) -> bool:
    """Tell whether an answer would make the application act."""
    for generation in generations:
        message = getattr(generation, "message", None)
        if message is None:
            continue
        if getattr(message, "tool_calls", None) or getattr(message, "invalid_tool_calls", None):
            return True
        kwargs = message.additional_kwargs
        if kwargs.get("tool_calls") or kwargs.get("function_call"):
            return True
    return False


def _dump(generation: Generation) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if generation.generation_info is not None:
        item["info"] = _plain(generation.generation_info)
    message = getattr(generation, "message", None)
    if message is None:
        item["text"] = _plain(generation.text)
        return item
    role = _ANSWER_ROLES.get(message.type)
    if role is None:
        raise EncodeError(f"a {type(message).__name__} is not an answer")
    fields = {
        name: value
        for name, value in unmarked(message.__dict__).items()
        if name == "content" or not (value is None or value in ([], {}))
    }
    fields.update(message.model_extra or {})
    item["role"] = role
    item["message"] = {
        name: _plain(_detached(name, value, message))
        for name, value in fields.items()
        if name not in LEFT_OUT
    }
    return item


def _detached(name: str, value: Any, message: BaseMessage) -> Any:
    """Structured output: OpenAI's parsed model goes as data, which LangChain turns back."""
    if name != "additional_kwargs" or not isinstance(value.get("parsed"), BaseModel):
        return value
    try:
        parsed = json.loads(message.text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        parsed = value["parsed"].model_dump(mode="json", by_alias=True)
    return {**value, "parsed": parsed}


def _plain(value: Any) -> Any:
    """Let only through what JSON gives back as it was."""
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if kind is float:
        return value
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise EncodeError("a key is not a string")
        return {key: _plain(item) for key, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if isinstance(value, str):  # e.g. an enum member or LangChain's TextAccessor
        return str.__str__(value)
    raise EncodeError(f"a {kind.__name__} is not plain data")


def _deeper(value: Any, levels: int) -> bool:
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return False
    return levels == 0 or any(_deeper(item, levels - 1) for item in value)


def _build(item: Any, mark: Mapping[str, Any] | None, zero_usage: bool) -> Generation:
    if type(item) is not dict:
        raise DecodeError("not an object")
    info = item.get("info")
    if "message" not in item:
        text = item["text"]
        if type(text) is not str:
            raise DecodeError("text is not a string")
        return Generation(text=text, generation_info=info)
    fields = item["message"]
    if type(fields) is not dict or "content_blocks" in fields:
        raise DecodeError("not a message")
    # LangGraph merges messages by id: an id served twice would make a turn vanish.
    if type(fields.get("id")) is str:
        fields["id"] = f"lc_run--{_IDS.getrandbits(128):032x}"
    if mark is not None or zero_usage:
        marked(fields, mark, zero_usage)
    role = item["role"]
    if role == "ai" and _is_usual(fields, info):
        message = _unvalidated(AIMessage, {**_BLANK, **_empty(), **fields}, set(fields), {})
        values = {"message": message, "text": message.text, "generation_info": info}
        return _unvalidated(ChatGeneration, {**_BLANK_GENERATION, **values}, set(values), None)
    return ChatGeneration(message=_ANSWERS[role](**fields), generation_info=info)


# Not the module's own generator, which an application may seed; and not the kernel's, to which
# every call lets other threads have the interpreter.
_IDS = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IDS.seed)

# Validation takes as long as all else together: what it would let pass unchanged goes without.
_BLANK = AIMessage("").__dict__
_BLANK_GENERATION = ChatGeneration(message=AIMessage("")).__dict__
_USUAL = frozenset({"content", "response_metadata", "id", "usage_metadata"})
_USAGE = frozenset({"input_tokens", "output_tokens", "total_tokens"})
_USAGE_DETAILS = {
    "input_token_details": frozenset({"audio", "cache_creation", "cache_read"}),
    "output_token_details": frozenset({"audio", "reasoning"}),
}


def _unvalidated(
    kind: type[Built], values: dict[str, Any], given: set[str], extra: dict[str, Any] | None
) -> Built:
    """Build a model as unpickling does."""
    built = kind.__new__(kind)
    built.__setstate__(
        {
            "__dict__": values,
            "__pydantic_fields_set__": given,
            "__pydantic_extra__": extra,
            "__pydantic_private__": None,
        }
    )
    return built


def _empty() -> dict[str, Any]:
    return {
        "additional_kwargs": {},
        "response_metadata": {},
        "tool_calls": [],
        "invalid_tool_calls": [],
    }


def _is_usual(fields: dict[str, Any], info: Any) -> bool:
    return (
        fields.keys() <= _USUAL
        and (info is None or type(info) is dict)
        and type(fields.get("content")) is str
        and type(fields.get("response_metadata", {})) is dict
        and type(fields.get("id", "")) is str
        and ("usage_metadata" not in fields or _is_usage(fields["usage_metadata"]))
    )


def _is_usage(usage: Any) -> bool:
    if type(usage) is not dict or not usage.keys() >= _USAGE:
        return False
    for name, value in usage.items():
        if name in _USAGE:
            if type(value) is not int:
                return False
        elif not _are_details(value, _USAGE_DETAILS.get(name, frozenset())):
            return False
    return True


def _are_details(counts: Any, known: frozenset[str]) -> bool:
    return (
        type(counts) is dict
        and counts.keys() <= known
        and all(type(count) is int for count in counts.values())
    )
