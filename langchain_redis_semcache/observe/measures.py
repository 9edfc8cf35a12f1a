"""Events become measurements: which instrument, how much, under which labels; pure.

Rule of this module: a label's values are ours, or short words of which there are few. What a policy
or an admission of the application's own says may hold anything, a question included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..events import (
    Audited,
    BreakerChanged,
    Bypassed,
    Counted,
    Embedded,
    Event,
    Failed,
    Hit,
    Miss,
    Stored,
    VerifierAsked,
    Waited,
)
from . import instruments as of
from .instruments import Instrument
from .prices import Price

OTHER = "other"
MOST_VALUES = 50
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_VERDICTS = {True: "approved", False: "refused", None: "failed"}

Labels: TypeAlias = tuple[str, ...]
Put: TypeAlias = Callable[[float], object]
Bind: TypeAlias = Callable[[Instrument, Labels], Put]


class Words:
    """Keeps the values of one label few and short; what is too much is "other"."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= MOST_VALUES or not _WORD.fullmatch(value):
            return OTHER
        self._known.add(value)
        return value


class Measures:
    """Puts what the events of one cache measure where `bind` says."""

    def __init__(self, cache: str, prices: Mapping[str, Price], bind: Bind) -> None:
        self._cache = cache
        self._prices = prices
        self._bind = bind
        self._bound: dict[tuple[Instrument, Labels], Put] = {}
        self._words = {name: Words() for name in ("reason", "guard", "stage", "differs")}
        # A hit takes some microseconds altogether: what it needs is at hand.
        self._looked_up = {
            result: tuple(bind(one, (cache, result)) for one in (of.LOOKUPS, of.LOOKUP_DURATION))
            for result in ("exact", "semantic", "miss")
        }
        self._saved = {model: self._saved_of(model) for model in (*prices, OTHER)}
        self._of: dict[type[Any], Callable[[Any], None]] = {
            Hit: self._hit,
            Miss: self._miss,
            Stored: self._stored,
            Bypassed: lambda event: self._put(
                of.BYPASSED, 1, event.operation, self._words["reason"](event.reason)
            ),
            Failed: lambda event: self._put(of.FAILURES, 1, self._words["stage"](event.stage)),
            Embedded: lambda event: self._put(of.EMBEDDING_DURATION, event.seconds),
            Counted: lambda event: self._put(of.ENTRIES, event.entries),
            VerifierAsked: lambda event: self._put(of.VERIFIED, 1, _VERDICTS[event.approved]),
            Audited: self._audited,
            Waited: lambda event: self._put(of.WAITED, 1, "landed" if event.landed else "alone"),
            BreakerChanged: lambda event: self._put(
                of.BREAKER, of.STATES[event.state], event.subject
            ),
        }

    def __call__(self, event: Event) -> None:
        measure = self._of.get(type(event))
        if measure is not None:
            measure(event)

    def _put(self, instrument: Instrument, value: float, *labels: str) -> None:
        put = self._bound.get((instrument, labels))
        if put is None:
            put = self._bind(instrument, (self._cache, *labels))
            self._bound[instrument, labels] = put
        put(value)

    def _hit(self, hit: Hit) -> None:
        count, duration = self._looked_up[hit.kind]
        count(1)
        duration(hit.seconds)
        if hit.kind == "semantic":
            self._put(of.DISTANCE, hit.distance, "semantic")
        if hit.input_tokens or hit.output_tokens:
            # Whoever calls may choose the model: only names that the owner of the cache gave.
            model = hit.model if hit.model in self._prices else OTHER
            read, written, money = self._saved[model]
            read(hit.input_tokens)
            written(hit.output_tokens)
            if money is not None:
                money(self._prices[model].of(hit.input_tokens, hit.output_tokens))

    def _saved_of(self, model: str) -> tuple[Put, Put, Put | None]:
        cache, bind = self._cache, self._bind
        read, written = (
            bind(of.SAVED_TOKENS, (cache, model, kind)) for kind in ("input", "output")
        )
        money = bind(of.SAVED_MONEY, (cache, model)) if model in self._prices else None
        return read, written, money

    def _miss(self, miss: Miss) -> None:
        count, duration = self._looked_up["miss"]
        count(1)
        duration(miss.seconds)
        self._put(of.MISSES, 1, self._words["reason"](miss.reason))
        if miss.guard:
            self._put(of.VETOES, 1, self._words["guard"](miss.guard))
        if miss.differs:
            # "system prompt, tools" or "parameter seed": the first of it, and no caller's words.
            first = "parameter" if miss.differs.startswith("parameter") else miss.differs
            first = first.partition(",")[0].replace(" ", "_")
            self._put(of.ELSEWHERE, 1, self._words["differs"](first))
        if miss.distance is not None:
            self._put(of.DISTANCE, miss.distance, "miss")

    def _stored(self, stored: Stored) -> None:
        self._put(of.STORED, 1)
        self._put(of.UPDATE_DURATION, stored.seconds)

    def _audited(self, event: Audited) -> None:
        if event.why != "check":
            self._put(of.AUDITED, 1, "right" if event.right else "wrong")
