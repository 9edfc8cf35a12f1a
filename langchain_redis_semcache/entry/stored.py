"""An entry as its owner looks at it: everything that can be read of it, never the vector.

Rule of this module: whatever is stored may have been written by anybody. It is shown as far as it
can be read; nothing of it is decoded into objects, and nothing raises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from .._checks import amount, seconds
from ..errors import ConfigurationError
from .query import text as as_text
from .schema import hidden, tag_id

FIELDS = (
    "prompt",
    "response",
    "of",
    "created_at",
    "model",
    "namespace",
    "tags",
    "right",
    "tag_ids",
)
"""What is fetched of an entry to look at it."""
_PLACE = re.compile(r"[0-9a-f]{8}:[0-9a-f]{32}:[0-9a-f]{32}")


@dataclass(frozen=True)
class Entry:
    """A stored question and its answer, readable."""

    key: str
    question: str
    answer: str
    """Its text; "" where the answer calls tools, and of an alias."""
    model: str
    namespace: str
    """Its digest where the cache hides them; "" where there is none."""
    tags: tuple[str, ...]
    created_at: float | None
    """Seconds since 1970; of an alias, of the entry that it leads to."""
    age: float | None
    """Seconds; None where `created_at` cannot be read."""
    ttl: float | None
    """Seconds left; None where it lives until Redis evicts it."""
    alias_of: str | None
    """The key of the entry that this wording leads to."""
    served: int | None = None
    """How often at least; None where that was not counted, and in lists."""
    right: int = 0
    """How often somebody said that the answer is right."""


class Filters(TypedDict, total=False):
    """Which entries are meant: those that are all of this."""

    text: str | None
    """All of these words, anywhere in question and answer, in any case."""
    tag: str | None
    model: str | None
    namespace: str | None
    older: float | timedelta | None
    """Stored longer ago than that."""


@dataclass(frozen=True)
class Wanted:
    """`Filters`, checked."""

    text: str | None = None
    tag: str | None = None
    model: str | None = None
    namespace: str | None = None
    older: float | timedelta | None = None

    def __post_init__(self) -> None:
        for name in ("text", "tag", "model", "namespace"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{name} must be a string, not {value!r}")
        if self.text is not None and not self.text.split():
            raise ConfigurationError("text must hold a word to look for, e.g. text='refund'")
        if self.older is not None:
            seconds("older", self.older, "e.g. older=86400")

    @property
    def anything(self) -> bool:
        """Whether no entry is left out."""
        return self == Wanted()

    def pick(self, root: str, keys: Sequence[str], replies: Sequence[Any], now: float) -> Picked:
        """Sort what was fetched; two replies belong to each key."""
        words = () if self.text is None else self.text.casefold().split()
        tag = None if self.tag is None else tag_id(self.tag)
        picked = Picked([], [])
        for key, values, ttl in zip(keys, replies[::2], replies[1::2], strict=True):
            one = read(root, key, values, ttl, now)
            if one is None:
                continue
            if one.alias_of is not None:
                picked.aliases.append(one)
            tagged = tag is None or tag in as_text(values[-1]).split(",")
            if tagged and self._fits(one) and (not words or _holds(one, words)):
                picked.meant.append(one)
        return picked

    def _fits(self, one: Entry) -> bool:
        if self.model is not None and one.model != self.model:
            return False
        namespace = self.namespace
        if namespace is not None and one.namespace not in (namespace, hidden(namespace)):
            return False
        if self.older is None:
            return True
        least = self.older.total_seconds() if isinstance(self.older, timedelta) else self.older
        return one.age is not None and one.age >= least


class Picked(NamedTuple):
    """What a batch of entries came to."""

    meant: list[Entry]
    aliases: list[Entry]
    """All of them, meant or not: they go with their entries."""


def check_limit(limit: int | None) -> int | None:
    return None if limit is None else amount("limit", limit, "e.g. limit=20")


def is_entry(root: str, key: object) -> bool:
    """Tell whether a key can be that of an entry: others lie below the root as well."""
    return (
        isinstance(key, str)
        and key.startswith(root)
        and _PLACE.fullmatch(key, len(root)) is not None
    )


def read(root: str, key: str, values: Any, ttl: Any, now: float) -> Entry | None:
    """Read what HMGET and PTTL replied; None where there is no entry (any more)."""
    if not isinstance(values, (list, tuple)) or len(values) != len(FIELDS):
        return None
    prompt, response, of, created, model, namespace, tags, right, _ = values
    target = as_text(of)
    if prompt is None or (response is None and not is_entry(root, target)):
        return None
    created_at = _number(created)
    return Entry(
        key=key,
        question=as_text(prompt),
        answer="" if response is None else answer_text(response),
        model=as_text(model),
        namespace=as_text(namespace),
        tags=tuple(as_text(tags).split(", ")) if tags else (),
        created_at=created_at,
        age=None if created_at is None else max(0.0, now - created_at),
        ttl=ttl / 1000 if isinstance(ttl, int) and ttl >= 0 else None,
        alias_of=target if response is None else None,
        right=max(0, int(_number(right) or 0)),
    )


def answer_text(data: Any) -> str:
    """Return the text of a stored answer; what is no answer of ours is shown as it is."""
    try:
        generations = json.loads(as_text(data))["generations"]
        return "\n\n".join(_text_of(item) for item in generations)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return as_text(data)


def _text_of(item: Any) -> str:
    content = item["message"]["content"] if "message" in item else item["text"]
    if isinstance(content, str):
        return content
    blocks = (block if isinstance(block, str) else block.get("text", "") for block in content)
    return "".join(str(block) for block in blocks)


def _holds(one: Entry, words: Sequence[str]) -> bool:
    text = f"{one.question}\n{one.answer}".casefold()
    return all(word in text for word in words)


def _number(stored: Any) -> float | None:
    try:
        number = float(as_text(stored))
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
