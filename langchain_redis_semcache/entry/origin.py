"""The mark of a message that says where its answer came from.

Rule of this module: it is put on what is handed out and never stored; what it keeps of the original
is put back before anything is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.outputs import Generation

MARK = "semcache"
"""The key in a message's `response_metadata`."""
USAGE = "usage"
"""The key in a mark of the original counts of tokens."""
_COUNTED = "usage_metadata"
# Where providers count tokens themselves, as LangChain keeps it in `response_metadata`.
_COUNTS = ("token_usage", "usage", _COUNTED, "prompt_eval_count", "eval_count")


def marked(fields: dict[str, Any], mark: Mapping[str, Any] | None, zero_usage: bool) -> None:
    """Put a mark among the fields of a message that is served, and take its tokens out."""
    metadata = {**fields.get("response_metadata", {})}
    told = None if mark is None else dict(mark)
    if zero_usage:
        original = {key: metadata[key] for key in _COUNTS if key in metadata}
        counted = fields.get(_COUNTED)
        metadata |= {key: _zero(value) for key, value in original.items()}
        if counted is not None:
            fields[_COUNTED] = _zero(counted)
        if told is not None and (original or counted is not None):
            told[USAGE] = {_COUNTED: counted, "response_metadata": original}
    if told is not None:
        metadata[MARK] = told
    if metadata:
        fields["response_metadata"] = metadata


def note(generations: Iterable[Generation], mark: Mapping[str, Any]) -> None:
    """Put a mark on the messages of an answer that the application holds already."""
    for generation in generations:
        message = getattr(generation, "message", None)
        if message is not None:
            message.response_metadata = {**message.response_metadata, MARK: dict(mark)}


def stored(entry: str) -> dict[str, Any]:
    """Return the mark of an answer that has just been stored under this key."""
    return {"kind": "stored", "distance": 0.0, "entry": entry, "age": 0.0}


def mark_of(metadata: object) -> dict[str, Any] | None:
    """Return the mark among a message's metadata."""
    mark = metadata.get(MARK) if isinstance(metadata, Mapping) else None
    return mark if isinstance(mark, dict) else None


def unmarked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a message as they were before it was marked."""
    metadata = fields.get("response_metadata")
    if not isinstance(metadata, dict) or MARK not in metadata:
        return fields
    kept = {key: value for key, value in metadata.items() if key != MARK}
    fields = {**fields, "response_metadata": kept}
    usage = (mark_of(metadata) or {}).get(USAGE)
    if isinstance(usage, dict):
        original = usage.get("response_metadata")
        kept |= original if isinstance(original, dict) else {}
        if usage.get(_COUNTED) is not None:
            fields[_COUNTED] = usage[_COUNTED]
    return fields


def _zero(value: Any) -> Any:
    """Return counts, however deep they lie, as none at all."""
    if isinstance(value, dict):
        return {key: _zero(item) for key, item in value.items()}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 0
    return value


def tokens(generations: Sequence[Generation]) -> tuple[int, int]:
    """Return what the model had counted, in and out; 0 where it had not.

    Several answers to one question have one count.
    """
    message = getattr(generations[0], "message", None) if generations else None
    if message is None:
        return 0, 0
    usage: object = getattr(message, _COUNTED, None)
    mark = mark_of(message.response_metadata)
    original = None if mark is None else mark.get(USAGE)
    if isinstance(original, dict):  # the message itself is to report none
        usage = original.get(_COUNTED)
    if not isinstance(usage, dict):
        return 0, 0
    return _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))


def _count(count: object) -> int:
    return count if isinstance(count, int) and count > 0 else 0
