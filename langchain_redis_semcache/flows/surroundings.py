"""What an entry says of its scope, and in which other scopes a question has been stored.

Rule of this module: nothing is asked of Redis on the way of a call. What was stored is remembered
for this process, in bounded memory; `explain` looks at everything.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._effects import LARGE, OVERLOADED
from ..entry.signing import Signer
from ..events import Miss
from ..question.digest import WIDTH
from ..question.prompt import context_parts
from ..question.remembered import Remembered
from ..question.scope import model_parts
from ..question.surroundings import (
    EMBEDDINGS,
    READING,
    TENANT,
    Difference,
    Parts,
    differences,
    hidden,
    part,
)
from .asked import Asked
from .settings import Settings

FIELD = "parts"
SIGNED = ("parts", "parts_signature")
UNREACHED = frozenset({"redis_unavailable", "foreign_reply", OVERLOADED})
"""Reasons of misses that say nothing of what is stored."""
CAPACITY = 512
"""Questions, and scopes."""
SCOPES = 4
"""Of one question."""
NAMED = 3
"""Differences that an event names."""


class Surroundings:
    """The scopes of one cache, in words."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.drop()

    def drop(self) -> None:
        """Forget all; a forked process may have inherited the lock locked."""
        self.lock = threading.Lock()
        self._models: Remembered[Parts] = Remembered()
        self._parts: OrderedDict[str, Parts] = OrderedDict()
        self._stored: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        """Scopes, latest first, by the digest of a question."""

    def parts(self, asked: Asked) -> Parts:
        """Return what the scope of a call is made of."""
        known = self._parts.get(asked.scope)
        if known is not None:
            return known
        settings = self._settings
        parts = dict(asked.reading.question.parts or context_parts(asked.prompt, settings.context))
        model = asked.llm_string
        parts |= self._models.of(lambda: model_parts(model, settings.parameters), model)
        parts[READING] = part(settings.reading)
        parts[EMBEDDINGS] = part(settings.embeddings)
        if asked.reading.namespace:
            parts[TENANT] = part(asked.reading.namespace)
        found: Parts = hidden(parts) if settings.hides_namespaces else parts
        with self.lock:
            self._parts[asked.scope] = found
            while len(self._parts) > CAPACITY:
                self._parts.popitem(last=False)
        return found

    def fields(self, asked: Asked) -> dict[bytes, bytes]:
        """Return what an entry keeps of its scope."""
        data = encode(self.parts(asked))
        fields = {FIELD.encode(): data}
        signer = self._settings.signer
        if signer is not None:
            fields[b"parts_signature"] = signer.sign(*_signed(asked.key, data))
        return fields

    def stored(self, asked: Asked) -> None:
        """Remember in which scope a question has an answer."""
        text = asked.key[-WIDTH:]
        with self.lock:
            others = self._stored.pop(text, ())
            kept = [one for one in others if one != asked.scope]
            self._stored[text] = (asked.scope, *kept[: SCOPES - 1])
            while len(self._stored) > CAPACITY:
                self._stored.popitem(last=False)

    def explained(self, miss: Miss, asked: Asked) -> Miss:
        """Return a miss with what keeps it from an answer that this process has stored for it."""
        differs = "" if miss.reason in UNREACHED else self._elsewhere(asked)
        return replace(miss, differs=differs) if differs else miss

    def _elsewhere(self, asked: Asked) -> str:
        scopes = self._stored.get(asked.key[-WIDTH:])
        if not scopes or asked.scope in scopes:
            return ""
        if len(asked.prompt) > LARGE and asked.scope not in self._parts:
            return ""  # not worth the time it takes to read it once more
        ours = self.parts(asked)
        found = [differences(ours, self._parts[one]) for one in scopes if one in self._parts]
        nearest = min(found, key=len, default=[])
        return ", ".join(sorted(one.part for one in nearest)[:NAMED])


def encode(parts: Parts) -> bytes:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def decode(key: str, fields: Mapping[bytes, Any], signer: Signer | None) -> Parts | None:
    """Read what an entry keeps of its scope, which anybody may have written; None if nothing."""
    data = fields.get(FIELD.encode())
    if not isinstance(data, bytes) or len(data) > 100_000:
        return None
    if signer is not None:
        place, signed = _signed(key, data)
        signed[b"signature"] = fields.get(b"parts_signature") or b""
        if not signer.verify(place, signed):
            return None
    try:
        found = json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        return None
    return found


def _signed(key: str, data: bytes) -> tuple[str, dict[bytes, bytes]]:
    """Return what is signed: that this entry's scope is made of this."""
    return f"{key}#parts", {b"response": data}


__all__ = ["SIGNED", "Difference", "Surroundings", "decode", "encode"]
