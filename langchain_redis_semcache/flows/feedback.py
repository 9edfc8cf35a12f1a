"""What people say of an answer: a wrong one goes, a right one is counted, either may be a label.

Rule of this module: an answer is known by its mark, its event or its key; what carries none of them
never was in the cache. Asked for explicitly, so a failure is an exception.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration

from .._effects import LARGE, Flow, Work
from .._labels import add_label, label_file
from ..entry.origin import mark_of
from ..entry.recorded import RecordedHit
from ..entry.scripts import script
from ..entry.stored import FIELDS, Entry, is_entry, read
from ..errors import ConfigurationError
from ..events import Feedback
from . import entries
from .admin import delete_entry, send, unlink
from .lookup import Core

_TAKES = (
    "a message that was served or stored, the event that said so, a recorded hit, or an entry's "
    "key, e.g. cache.feedback(model.invoke(question), right=False)"
)


def entry_of(core: Core, given: Any) -> str | None:
    """Return the key of the entry that an answer came from or went to, where it is one of ours."""
    key = _named(given)
    if key is None and isinstance(given, (BaseMessage, ChatGeneration)):
        if not core.settings.mark_hits:
            raise ConfigurationError("messages carry no mark with mark_hits=False; give the event")
        return None
    return key if is_entry(core.settings.schema.root, key) else None


def _named(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    message = given.message if isinstance(given, ChatGeneration) else given
    if isinstance(message, BaseMessage):
        key = (mark_of(message.response_metadata) or {}).get("entry")
    elif hasattr(given, "entry"):
        key = given.entry
    else:
        raise ConfigurationError(f"feedback takes {_TAKES}, not a {type(given).__name__}")
    return key if isinstance(key, str) else None


def feedback(
    core: Core,
    given: Any,
    right: bool,
    asked: str | None = None,
    labels: str | PathLike[str] | None = None,
) -> Flow[bool]:
    """Remove the entry of a wrong answer, count a right one; tell whether there was an entry."""
    if not isinstance(right, bool):
        raise ConfigurationError(f"right must be True or False, not {right!r}")
    if labels is None:
        return (yield from _reach(core, given, right))
    path, pair = label_file(labels), _pair(given, asked)
    key = entry_of(core, given)
    if pair is None and key is not None:
        pair = yield from _stored(core, key, str(asked))  # now: a wrong answer goes
    found = yield from _reach(core, given, right)
    if found and pair is not None:
        stored, said, answer = pair
        # A file may take its time: not on an event loop.
        yield Work(lambda: add_label(path, stored, said, right, answer), LARGE + 1)
    return found


def _pair(given: Any, asked: str | None) -> tuple[str, str, str] | None:
    """Return the question stored, the one asked and the answer, where a recorded hit says so."""
    if isinstance(given, RecordedHit):
        return given.stored, given.asked, given.answer
    if not isinstance(asked, str):
        raise ConfigurationError(
            "a label needs the text of the question that was asked: "
            "cache.feedback(message, right=False, asked=question, labels='labels.jsonl')"
        )
    return None


def _stored(core: Core, key: str, asked: str) -> Flow[tuple[str, str, str] | None]:
    one = yield from _read(core, key)
    if one is not None and one.alias_of is not None:  # its own words were not answered
        one = yield from _read(core, one.alias_of)
    return None if one is None else (one.question, asked, one.answer)


def _read(core: Core, key: str) -> Flow[Entry | None]:
    """Read an entry with no more rights than a lookup has."""
    (values,) = yield from send([("HMGET", key, *FIELDS)], ("wrongtype",))
    return read(core.settings.schema.root, key, values, None, 0.0)


def _reach(core: Core, given: Any, right: bool) -> Flow[bool]:
    key = entry_of(core, given)
    if key is None:
        return False
    if right:
        (reply,) = yield from send([("EVAL", script("label"), 1, key, "right")])
        found = bool(reply)
    else:
        # Aliases are pointers that lead to nothing from now on; a walk for them takes its time.
        found = yield from delete_entry(core, key)
        if core.has_aliases:
            others = yield from entries.aliases(core, key)
            if others:
                yield from unlink([one.key for one in others])
    if found:
        core.calls.reporter.emit(Feedback(key, right))
    return found
