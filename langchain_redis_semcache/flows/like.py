"""What would happen to a question asked as another one was: in the scope of an entry.

Rule of this module: an entry's key is all that is known of its scope. With another embedding model
than the entry's only identical questions and guards can be told, and that is said.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from .._effects import Flow
from ..entry.candidate import Candidate
from ..entry.stored import Entry, is_entry
from ..errors import ConfigurationError
from ..question.digest import digest
from ..question.prompt import Question
from . import entries
from .asked import Asked, Judged
from .explain import explained
from .explanation import Explanation
from .lookup import Core
from .options import OptionStack
from .readings import Reading

NEAR = 1e-5
"""A distance at which nothing but a guard can object, and that is not taken for equality."""
_NO_ENTRY = "like= takes the key of an entry that is stored, as hits and `semcache ls` name it: {}"
_NOT_COMPARED = (
    "compared by meaning: no, the entry was stored with another embedding model (or vector type) "
    "than the one at hand: its distance is not known, only what guards make of the words"
)


def explain_like(core: Core, options: OptionStack, given: Any, like: str) -> Flow[Explanation]:
    """Say what a lookup of this text would do in the scope of that entry."""
    if not isinstance(given, str):
        raise TypeError("with like= explain takes the text of a question")
    root = core.settings.schema.root
    entry = (yield from entries.get(core, like)) if is_entry(root, like) else None
    if entry is None:
        raise ConfigurationError(_NO_ENTRY.format(like))
    current = replace(options.current(), remember=False)
    threshold = core.threshold(current)
    start = like[: like.rindex(":") + 1]
    scope = start[:-1].rpartition(":")[2]
    key = f"{start}{digest(given)}"
    if not like.startswith(core.settings.schema.prefix):
        return (yield from _without_vectors(core, given, entry, key, threshold))
    question = core.calls.limited(Question(given, ""))
    reading = Reading(question, scope, key, entry.model, None, True, entry.namespace)
    result = yield from core.find(Asked(reading, current, time.perf_counter()))
    found = yield from explained(core, result, threshold)
    return replace(found, elsewhere=(), notes=())


def _without_vectors(
    core: Core, text: str, entry: Entry, key: str, threshold: float
) -> Flow[Explanation]:
    found = yield from entries.get(core, key)
    if found is not None and found.alias_of is not None:
        found = yield from entries.get(core, found.alias_of)
    about: dict[str, Any] = {"question": text, "key": key, "model": entry.model}
    about |= {"scope": key.split(":")[-2], "threshold": threshold}
    if found is not None:
        return Explanation("hit", "exact", entry=found.key, served=found, distance=0.0, **about)
    near = Candidate(entry.key, entry.question, NEAR)
    decision = core.settings.policy.decide(text, near, threshold)
    guard = decision.guard
    said = f"guards: {guard} objects" if guard else "guards: none objects"
    judged = () if guard is None else (Judged(near, decision),)
    return Explanation(
        "miss",
        "guard" if guard else "not compared by meaning",
        candidates=judged,
        notes=(_NOT_COMPARED, said),
        **about,
    )
