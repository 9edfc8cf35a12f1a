"""What an application says of a rendered prompt: which part is the question, what is identical.

A mark lies in a message, where LangChain's dumps keep it and no provider is sent it. Clients of an
application can send any field of a message, so a mark counts only with a seal of this process over
the very content that it is about; without one it says nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from .canonical import sorted_json
from .digest import digest, raw

MARK = "semcache"
"""The key in a message's `additional_kwargs`."""

# Of this process and its forks: a prompt is rendered where its model is called.
_SECRET = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one message of a rendered prompt."""

    of: str
    """The rendering: messages of another one are earlier turns, whatever their marks say."""
    frame: str
    """Digest of the content without the question and the documents."""
    question: str
    identical: str
    """Digest of what must be identical beside all that the frames hold."""
    tags: tuple[str, ...]
    overlap: float | None = None
    """The share of the documents, named by the tags, that an answer must have in common."""


def rendering() -> str:
    """Name a rendering of a prompt."""
    return secrets.token_hex(8)


def frame(content: str | Sequence[Any]) -> str:
    """Return the digest of a content in which question and documents stand for themselves."""
    return digest("frame", sorted_json(content))


def sealed(mark: Mark, content: str | Sequence[Any]) -> dict[str, Any]:
    """Return the mark of a message with this content, for its `additional_kwargs`."""
    said = {**asdict(mark), "tags": list(mark.tags)}
    return {**said, "seal": _seal(said, content)}


def unsealed() -> dict[str, Any]:
    """Return a mark that says only that the question could not be named."""
    return {"seal": ""}


def is_marked(fields: Mapping[str, Any]) -> bool:
    """Tell whether a message carries anything in the place of a mark."""
    given = fields.get("additional_kwargs")
    return isinstance(given, dict) and MARK in given


def opened(fields: Mapping[str, Any]) -> Mark | None:
    """Return what the mark of a dumped message says, where it is ours."""
    given = fields.get("additional_kwargs")
    said = given.get(MARK) if isinstance(given, dict) else None
    if not isinstance(said, dict):
        return None
    seal = said.get("seal")
    said = {key: value for key, value in said.items() if key != "seal"}
    expected = _seal(said, fields.get("content", ""))
    if not isinstance(seal, str) or not compare_digest(raw(seal), raw(expected)):
        return None
    return Mark(**{**said, "tags": tuple(said["tags"])})


def framed(fields: Mapping[str, Any], asked: Mark) -> dict[str, Any]:
    """Put the frame in place of the content, if the message is of the same rendering."""
    mark = opened(fields)
    if mark is None or mark.of != asked.of:
        return dict(fields)
    # No message has a dict as its content: nobody can write what equals a frame.
    return {**fields, "content": {"frame": mark.frame}}


def without(additional: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a provider may be sent."""
    return {key: value for key, value in additional.items() if key != MARK}


def _seal(said: Mapping[str, Any], content: object) -> str:
    text = sorted_json([said, content])
    return blake2b(raw(text), key=_SECRET, digest_size=32).hexdigest()
