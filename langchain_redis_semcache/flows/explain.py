"""`explain`: what a lookup would do and why; why this one answer; why there is none.

Rule of this module: nothing comes of it. It may take as many round trips as it likes, and says what
it could not find out.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration

from .._effects import ErrorReply, Flow
from ..entry.origin import mark_of
from ..entry.stored import FIELDS, Entry, is_entry, read
from ..errors import CacheUnavailableError
from ..events import Bypassed, Failed, Hit, Miss, Stored
from ..question.surroundings import TOOLS
from .admin import send
from .asked import Asked, Result
from .elsewhere import elsewhere
from .explanation import Explanation
from .lookup import Core
from .options import OptionStack
from .surroundings import UNREACHED

__all__ = ["Explanation", "explain", "explain_served", "explained"]

_UNKNOWN = (
    "explain takes what is asked and a model, or an answer: a message that was served or stored, "
    "its event, or an entry's key, not a {}"
)
_NOT_MARKED = "the message carries no mark: the model answered, and nothing was stored"


def explain(core: Core, options: OptionStack, prompt: str, llm_string: str) -> Flow[Explanation]:
    """Say what a lookup would do."""
    current = replace(options.current(), remember=False)
    result = yield from core.look(prompt, llm_string, current)
    return (yield from explained(core, result, core.threshold(current)))


def explained(core: Core, result: Result, threshold: float) -> Flow[Explanation]:
    """Say what a lookup came to, and look at what it would serve."""
    event, asked = result.event, result.asked
    decision: Literal["hit", "miss", "bypassed"]
    if isinstance(event, Hit):
        decision, reason = "hit", str(event.kind)
    else:
        decision = "bypassed" if isinstance(event, Bypassed) else "miss"
        reason = event.reason
    if asked is None:
        return Explanation(decision, reason)
    explanation = Explanation(
        decision=decision,
        reason=reason,
        question=asked.text,
        exact_only=asked.exact_only,
        scope=asked.scope,
        key=asked.key,
        model=asked.model,
        tools=_tools(core, asked),
        threshold=threshold,
        candidates=tuple(result.judged),
        audit_share=_audit_share(core, event),
    )
    if isinstance(event, Hit):
        served, notes = yield from _entry(core, event.entry)
        return replace(
            explanation, entry=event.entry, served=served, distance=event.distance, notes=notes
        )
    if reason in UNREACHED:
        return explanation
    others, notes = yield from elsewhere(core, asked)
    return replace(explanation, elsewhere=others, notes=notes)


def explain_served(core: Core, given: Any) -> Flow[Explanation]:
    """Say where an answer came from that somebody has before them."""
    if isinstance(given, str) and is_entry(core.settings.schema.root, given):
        found = Explanation("stored", "as this entry", entry=given)
    else:
        found = _read(given)
    if found.entry is None:
        return found
    served, notes = yield from _entry(core, found.entry)
    question = served.question if served and (found.distance or 0.0) == 0.0 else None
    return replace(found, served=served, question=question, notes=(*found.notes, *notes))


def _read(given: Any) -> Explanation:
    if isinstance(given, ChatGeneration):
        given = given.message
    if isinstance(given, BaseMessage):
        mark = mark_of(given.response_metadata)
        if mark is None:
            return Explanation("miss", "answered by the model", notes=(_NOT_MARKED,))
        return _marked(mark)
    if isinstance(given, Hit):
        return Explanation("hit", given.kind, entry=given.entry, distance=given.distance)
    if isinstance(given, Stored):
        return Explanation("stored", "by this call", entry=given.entry, model=given.model)
    if isinstance(given, Miss):
        guard = f" ({given.guard})" if given.guard else ""
        notes = (f"stored in another scope, with another {given.differs}",) * bool(given.differs)
        nearest = "the entry below was the nearest, and was not served"
        return Explanation(
            "miss",
            f"{given.reason}{guard}",
            entry=given.entry,
            distance=given.distance,
            notes=notes + (nearest,) * bool(given.entry),
        )
    if isinstance(given, Bypassed):
        return Explanation("bypassed", given.reason)
    if isinstance(given, Failed):
        notes = ("the log at DEBUG says more: logger langchain_redis_semcache",)
        return Explanation("failed", f"{given.stage}, {given.error}", notes=notes)
    raise TypeError(_UNKNOWN.format(type(given).__name__))


def _marked(mark: dict[str, Any]) -> Explanation:
    kind, key, distance = mark.get("kind"), mark.get("entry"), mark.get("distance")
    if not isinstance(kind, str) or not isinstance(key, str):
        return Explanation("miss", "answered by the model", notes=(_NOT_MARKED,))
    if kind == "stored":
        return Explanation("stored", "by this call", entry=key)
    far = float(distance) if isinstance(distance, (int, float)) else None
    return Explanation("hit", kind, entry=key, distance=far)


def _entry(core: Core, key: str) -> Flow[tuple[Entry | None, tuple[str, ...]]]:
    """Fetch what an owner sees of an entry, as far as this user may."""
    root = core.settings.schema.root
    if not is_entry(root, key):
        return None, (f"{key} is no entry of this cache",)
    try:
        values, ttl = yield from send(
            [("HMGET", key, *FIELDS), ("PTTL", key)], tolerated=("wrongtype", "noperm")
        )
    except CacheUnavailableError as error:
        return None, (str(error),)
    unknown = ("its ttl is not known: this user may not ask",)
    notes = unknown if isinstance(ttl, ErrorReply) else ()
    return read(root, key, values, ttl, time.time()), notes


def _tools(core: Core, asked: Asked) -> str:
    return core.surroundings.parts(asked).get(TOOLS, "")[9:]


def _audit_share(core: Core, event: Hit | Miss | Bypassed) -> float:
    if core.learning is None or not isinstance(event, Hit) or event.kind != "semantic":
        return 0.0
    return core.learning.learner.audit_share
