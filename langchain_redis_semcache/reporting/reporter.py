"""Who hears of what happened: the counts, the log, and the application's listeners.

Rule of this module: what a listener raises stops nobody; a failure is one line until it is over.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Literal

from .._signals import let_through
from ..events import (
    BreakerChanged,
    Embedded,
    Event,
    Listener,
    Miss,
    Observer,
    Operation,
    Warned,
)
from ..stats import Stats
from .log import Log
from .tally import Tally

_LOGGER = logging.getLogger("langchain_redis_semcache")


COUNT_SECONDS = 60.0
"""How often the entries are counted, at most."""
_NOBODY = nullcontext()
TELLING = 20
"""Misses that might have been hits, without one hit: by then it is no accident."""


class Reporter:
    """Counts events and hands them to the listeners."""

    def __init__(
        self,
        name: str,
        listeners: Iterable[Listener],
        clock: Callable[[], float] = time.monotonic,
        sentences: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._log = Log(name, sentences=sentences)
        self._failing = self._log.failing  # asked several times per call
        own = [one.of(name) if isinstance(one, Observer) else one for one in listeners]
        self._listeners = (self._log, *own)
        self._observers = [one for one in own if isinstance(one, Observer)]
        self._around = [one for one in self._observers if type(one).around is not Observer.around]
        self._clock = clock
        self._count_at = -math.inf
        self.lock = threading.Lock()
        self.tally = Tally()
        self._muted: ContextVar[bool] = ContextVar("semcache_muted", default=False)
        self._said: set[Event] = set()
        self.works: Callable[[str], bool] = lambda _: True
        """Whether no part of what a stage depends on is known to fail."""

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Count and tell nothing of what this thread or task does inside of the block."""
        token = self._muted.set(True)
        try:
            yield
        finally:
            self._muted.reset(token)

    def around(self, operation: Operation) -> AbstractContextManager[object]:
        """Return what stands around a call; what an observer raises stops nobody."""
        return _Around(self._around, operation) if self._around else _NOBODY

    def wants_count(self) -> bool:
        """Tell, once in a while, whether somebody would like to know how many entries there are."""
        if not self._observers or self._clock() < self._count_at:
            return False
        self._count_at = self._clock() + COUNT_SECONDS
        return True

    def emit(self, event: Event) -> None:
        """Count an event and tell every listener; a listener's error stops nobody."""
        # The state of a breaker is everybody's, whoever changed it.
        if self._muted.get() and not isinstance(event, BreakerChanged):
            return
        with self.lock:
            self.tally.add(event)
        self._tell(event)
        if isinstance(event, Miss) and event.differs:
            self._warn_of_scopes()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:
                _raised(error)

    def _warn_of_scopes(self) -> None:
        """Say once that nothing hits although the questions are the same."""
        stats = self.stats()
        if stats.hits or sum(stats.elsewhere.values()) < TELLING:
            return
        most = max(stats.elsewhere, key=lambda differs: stats.elsewhere[differs])
        self.once(
            Warned(
                "scope",
                f"no hit so far, and {TELLING} misses whose very questions are stored with "
                f"a different {most}; cache.explain() shows it",
            )
        )

    def explain(self, stage: str, cause: str) -> None:
        """Say at DEBUG what the message of a failure was, behind its event."""
        if cause and not self._muted.get() and _LOGGER.isEnabledFor(logging.DEBUG):
            extra = {"semcache_event": "Cause", "semcache_name": self._name}
            extra |= {"semcache_stage": stage, "semcache_cause": cause}
            _LOGGER.debug("semcache %s: %s failed: %s", self._name, stage, cause, extra=extra)

    def once(self, event: Event) -> None:
        """Emit an event that says the same each time, the first time only."""
        if event not in self._said and not self._muted.get():
            self._said.add(event)
            self.emit(event)

    def recovered(self, stage: str) -> None:
        """Note that a stage works; costs nothing while nothing had failed.

        Of a cluster one shard may work while another does not: it is over when all do.
        """
        if stage in self._failing and self.works(stage):
            self._log.recovered(stage)

    def spent(self, subject: Literal["embedding", "redis"], seconds: float) -> None:
        """Count one use of the embedder or of Redis."""
        if self._muted.get():
            return
        with self.lock:
            self.tally.spend(subject, seconds)
        if subject == "embedding":
            self._tell(Embedded(seconds))

    def stats(self) -> Stats:
        with self.lock:
            return self.tally.stats()


class _Around:
    """Enters what the observers put around a call, and leaves it again."""

    __slots__ = ("_entered", "_observers", "_operation")

    def __init__(self, observers: list[Observer], operation: Operation) -> None:
        self._observers = observers
        self._operation = operation
        self._entered: list[AbstractContextManager[object]] = []

    def __enter__(self) -> None:
        for one in self._observers:
            try:
                manager = one.around(self._operation)
                if manager is not None:
                    manager.__enter__()
                    self._entered.append(manager)
            except Exception as error:
                _raised(error)

    def __exit__(self, *raised: Any) -> None:
        for manager in reversed(self._entered):
            try:
                manager.__exit__(*raised)
            except Exception as error:
                _raised(error)


def _raised(error: Exception) -> None:
    let_through(error)
    extra = {"semcache_event": "ListenerRaised", "semcache_error": type(error).__name__}
    _LOGGER.debug("semcache: a listener raised", exc_info=True, extra=extra)
