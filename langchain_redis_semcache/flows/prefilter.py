"""A look by a cheap measure: where nothing is near by it, the embedder is not waited for.

Rule of this module: it may only ever turn a hit into a miss, of few hits, and knows of how few. How
far away hits lie by the cheap measure it sees in those lookups that it lets pass, and behind the
calls of those that it ended: their questions are embedded for the store anyway, and looked up then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from .._effects import (
    Behind,
    Embed,
    EmbeddingUnavailableError,
    Flow,
    NotDoneError,
    RedisUnavailableError,
)
from ..entry.candidate import Candidate
from ..entry.vector import VectorError, pack
from ..events import Hit, Operation, Prefiltered
from ..policies.cutoff import Cutoff
from ..policies.decision import Doubtful
from ..question.digest import WIDTH
from .asked import Asked, Result
from .calls import Calls
from .judging import Waiting
from .nearby import Eligible
from .recent_vectors import VectorMemory
from .search import SearchIndex, Sender

PREFILTERED = "prefiltered"
_ROUNDED = 0.001
"""Entries tell the time of their making to the millisecond."""

Find: TypeAlias = Callable[[Asked, bytes, Eligible], Flow[Result]]
"""Looks up by a vector, among the eligible."""


class Prefilter:
    """The prefilter of one cache."""

    def __init__(self, calls: Calls, search: SearchIndex, share: float, find: Find) -> None:
        self._calls = calls
        self.search = search
        self.cutoff = Cutoff(share)
        self._find = find
        self._memory = VectorMemory()
        self._ended: Waiting[tuple[float, float]] = Waiting()
        """When a lookup was ended here, and how far away the nearest entry was."""

    def drop(self) -> None:
        """Forget what was asked, not what was learned from it."""
        self._memory.drop_all()
        self._ended.drop()
        self.cutoff.unlock()

    def ends(self, asked: Asked) -> Flow[bool]:
        """Tell whether a lookup need not go on, as nothing is near."""
        if not asked.options.update:
            return False  # what is not stored could not be looked up behind the call
        vector = yield from self._vector("lookup", asked)
        if vector is None:
            return False
        found = yield from self.search.nearest(self._sender(asked), asked.scope, vector)
        if isinstance(found, str) or not self.search.is_there(vector):
            return False  # an index that is gone says nothing
        asked.near = found.least()
        limit = self.cutoff.distance
        if limit is None or asked.near <= limit:
            return False
        if asked.options.remember:
            self._ended.put(asked.key, (time.time(), asked.near), 0)
        return True

    def learn(self, asked: Asked, result: Result) -> None:
        """Note what became of a lookup that went on."""
        if asked.near is not None and asked.options.remember and _is_hit(result):
            self.cutoff.add(asked.near)

    def fields(self, asked: Asked) -> Flow[dict[bytes, bytes]]:
        """Return the field by which an entry is found here, and make sure of its index."""
        vector = yield from self._vector("update", asked)
        if vector is None:
            return {}
        if not self.search.apart():
            yield from self.search.ensure(partial(self._calls.send, asked, write=True), vector)
        masked = self.search.masked(vector, asked.scope)
        return {self.search.schema.vector_field.encode(): masked}

    def follow(self, asked: Asked, vector: bytes) -> Flow[None]:
        """Do what comes behind a store: look up by its real vector what was ended here."""
        cheap = self._memory.get(asked.key[-WIDTH:])
        if cheap is not None:
            yield from self.search.ensure_behind(cheap)
        ended = self._ended.take(asked.key)
        if ended is not None:
            yield Behind(partial(self._check, asked, vector, *ended))

    def _check(self, asked: Asked, vector: bytes, since: float, near: float) -> Flow[None]:
        quietly = replace(asked, options=replace(asked.options, remember=False))
        try:
            result = yield from self._find(quietly, vector, partial(_before, since))
        except RedisUnavailableError:
            return
        lost = _is_hit(result)
        if lost:
            self.cutoff.add(near)
        self._calls.reporter.emit(Prefiltered(lost, near))

    def _sender(self, asked: Asked) -> Sender:
        return partial(self._calls.send, asked)

    def _vector(self, operation: Operation, asked: Asked) -> Flow[bytes | None]:
        remembered = asked.key[-WIDTH:]
        vector = self._memory.get(remembered)
        if vector is not None:
            return vector
        try:
            numbers = yield Embed(asked.text, cheap=True)
            vector = pack(numbers, self._calls.settings.schema.vector_type)
        except EmbeddingUnavailableError as error:
            self._calls.failed(operation, "prefilter", error)
            return None
        except VectorError as error:
            self._calls.failed(operation, "prefilter", NotDoneError(str(error)))
            return None
        self._calls.reporter.recovered("prefilter")
        self._memory.put(remembered, vector)
        return vector


def _is_hit(result: Result) -> bool:
    """Tell whether there was something to be served, or to be asked about."""
    if isinstance(result.event, Hit):
        return True
    last = result.judged[-1].decision if result.judged else None
    return last is not None and (isinstance(last, Doubtful) or last.reason == "audit")


def _before(since: float, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
    """Leave out what was not there yet when the lookup was made."""
    for candidate in candidates:
        try:
            created = float(candidate.fields.get(b"created_at") or 0)
        except (TypeError, ValueError):
            continue
        if created < since - _ROUNDED:
            yield candidate
