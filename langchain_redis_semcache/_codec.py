"""Generations <-> JSON bytes, vectors <-> bytes: a closed list of classes and plain data.

Entries are data that an attacker may have written: decoding builds nothing but the classes
named here, and everything that is not exactly as expected raises `DecodeError`.
"""

from __future__ import annotations

import json
import math
import os
import random
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

Built = TypeVar("Built", bound=BaseModel)
VectorType = Literal["float32", "float16", "bfloat16"]

BYTES_PER_NUMBER: dict[VectorType, int] = {"float32": 4, "float16": 2, "bfloat16": 2}

DEPTH = 100
"""Levels of nesting in an entry: whoever walks through a message must not run out of stack."""
_FORMAT = 1
_PARSER = json.JSONDecoder()
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MESSAGES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
}
# What a model may answer with.
_ANSWERS: dict[str, type[BaseMessage]] = {"ai": AIMessage, "chat": ChatMessage}
_ANSWER_ROLES = {"ai": "ai", "AIMessageChunk": "ai", "chat": "chat", "ChatMessageChunk": "chat"}
# Parts of a stream that has ended; a complete message has no place for them.
_LEFT_OUT = frozenset({"type", "tool_call_chunks", "chunk_position"})
_TYPES: dict[VectorType, str] = {"float32": "f", "float16": "e"}


class EncodeError(ValueError):
    """An answer cannot be stored as plain data."""


class DecodeError(ValueError):
    """A stored answer is not what this version writes."""


class VectorError(ValueError):
    """An embedder returned something that is not a usable vector."""


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


def decode(data: bytes, mark: dict[str, Any] | None = None) -> list[Generation]:
    """Build fresh generations from what `encode` wrote, or raise `DecodeError`.

    `mark` is put under "semcache" into the metadata of each.
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
        return [_build(item, mark) for item in items]
    except DecodeError:
        raise
    # A tampered entry can provoke anything in a validator; none of it may reach the caller.
    except Exception as error:
        raise DecodeError(type(error).__name__) from None


def build_message(role: str, fields: dict[str, Any]) -> BaseMessage:
    """Build a message of the closed list from its fields."""
    kwargs = {k: v for k, v in fields.items() if k not in _LEFT_OUT}
    return _MESSAGES[role](**kwargs)


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
        for name, value in message.__dict__.items()
        if name == "content" or not (value is None or value in ([], {}))
    }
    fields.update(message.model_extra or {})
    item["role"] = role
    item["message"] = {
        name: _plain(_detached(name, value, message))
        for name, value in fields.items()
        if name not in _LEFT_OUT
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


def _build(item: Any, mark: dict[str, Any] | None) -> Generation:
    if type(item) is not dict:
        raise DecodeError("not an object")
    info = item.get("info")
    if "message" not in item:
        if mark:
            info = {**(info or {}), "semcache": {**mark}}
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
    if mark:
        fields["response_metadata"] = {**fields.get("response_metadata", {}), "semcache": {**mark}}
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


def pack(vector: object, kind: VectorType = "float32") -> bytes:
    """Check an embedding and write it for Redis (little endian), or raise `VectorError`.

    Accepts any sequence of numbers, numpy arrays among them.
    """
    if hasattr(vector, "tolist"):
        vector = vector.tolist()
    if not isinstance(vector, (list, tuple)) or not vector:
        raise VectorError(f"a {type(vector).__name__} is not a vector")
    try:
        if kind == "float32":
            data = _floats(len(vector)).pack(*vector)
            if _is_sound(data):
                return data
        total = math.fsum(vector) if len(vector) < 8 else sum(vector)
        # What is not sound as float32 is not finite, or as good as zero.
        usable = kind != "float32" and math.isfinite(total) and any(vector)
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise VectorError(type(error).__name__) from None
    if not usable:
        raise VectorError(
            "the vector is all zero" if math.isfinite(total) else "the vector is not finite"
        )
    return _pack_half(vector, kind)


@lru_cache(maxsize=16)
def _floats(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}f")


def _is_sound(data: bytes) -> bool:
    """Tell whether packed numbers are finite, and not all zero or too small for a float32."""
    import numpy as np

    return bool(data.strip(b"\0\x80")) and bool(np.isfinite(np.frombuffer(data, "<f4")).all())


def _pack_half(vector: Sequence[float], kind: VectorType) -> bytes:
    """Sixteen-bit numbers have little range: normalise first (the cosine does not change)."""
    import numpy as np

    array = np.asarray(vector, dtype=np.float64)
    array /= np.abs(array).max()  # else the norm of huge or tiny numbers is no number
    array = (array / np.linalg.norm(array)).astype(np.float32)
    if kind == "float16":
        return bytes(array.astype("<f2").tobytes())
    # bfloat16 is the upper half of a float32, rounded to nearest even.
    bits = array.view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return bytes((rounded >> 16).astype("<u2").tobytes())


def unpack(data: bytes, kind: VectorType) -> list[float]:
    """Read a packed vector back."""
    if kind == "bfloat16":
        widened = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
        return list(struct.unpack(f"<{len(data) // 2}f", widened))
    code = _TYPES[kind]
    return list(struct.unpack(f"<{len(data) // BYTES_PER_NUMBER[kind]}{code}", data))
