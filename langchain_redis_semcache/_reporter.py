"""Who hears of what happened: the counts, the log, and the application's listeners.

Rule of this module: what a listener raises stops nobody; a failure is one line until it is over.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, Literal

from ._signals import let_through
from .events import (
    Audited,
    BreakerChanged,
    Bypassed,
    Embedded,
    Event,
    Failed,
    Feedback,
    Hit,
    Listener,
    Miss,
    Observer,
    Operation,
    SettingsChanged,
    Stored,
    VerifierAsked,
    Waited,
    Warned,
)
from .stats import Stats

_LOGGER = logging.getLogger("langchain_redis_semcache")


_ONLY_IDENTICAL = "identical questions are still served, reworded ones are not"
_CONSEQUENCES = {
    "search": _ONLY_IDENTICAL,
    "embedding": _ONLY_IDENTICAL,
    "vector": _ONLY_IDENTICAL,
    "store": "answers are not stored, stored ones are still served",
    "model": "calls that bind objects without a repr of their own are left to the model",
    "entry": "the model is asked and its answer replaces the entry",
    "verifier": "questions that need it are answered by the model",
    "judge": "the audit has less to go by",
    "audit": "the audit has less to go by",
    "agreement": "neighbours vouch for fewer questions",
    "settings": "the switch, the threshold and the ttl stay as they are",
}


_BY_CALL = frozenset({"internal", "namespace", "question"})
"""What fails in one call and works in the next: that it works says little."""
QUIET_SECONDS = 60.0
"""Such a failure is over when it has not been seen for so long."""


class Log:
    """Logs events: hits and misses at DEBUG, a failure as one WARNING until it is over.

    The sentence is for people; programs find the event and its fields in `extra`, each with
    "semcache_" before its name.
    """

    def __init__(
        self,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        sentences: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._sentences = sentences or {}
        """What to do, by the error of a `Failed` event."""
        self._failing: dict[str, float] = {}
        """When it last failed, by stage."""

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Warned):
            self._say(logging.WARNING, event, "%s: %s", event.setting, event.reason)
        elif isinstance(event, SettingsChanged):
            self._settings_changed(event)
        elif not _LOGGER.isEnabledFor(logging.DEBUG):
            return
        elif isinstance(event, BreakerChanged):
            self._say(logging.DEBUG, event, "%s breaker %s", event.subject, event.state)
        else:
            self._say(logging.DEBUG, event, "%s", event)

    def _settings_changed(self, event: SettingsChanged) -> None:
        told = ["switched on" if event.on else "switched off: nothing is served or stored"]
        if event.distance_threshold is not None:
            told.append(f"distance threshold {event.distance_threshold:g}")
        if event.ttl is not None:
            told.append(f"ttl {event.ttl:g} s")
        self._say(logging.INFO, event, "%s, for all processes of this name", ", ".join(told))

    def _failed(self, event: Failed) -> None:
        # Consequences of a failure that was reported: a suspension, and that nothing can be
        # stored where nothing can be reached. Too much at once is nobody's failure.
        known = event.error in ("suspended", "overloaded", "ClientOfAnotherLoop") or (
            event.stage == "store" and "redis" in self._failing
        )
        new = event.stage not in self._failing and not known
        if new or event.stage in self._failing:
            self._failing[event.stage] = self._clock()
        self._say(
            logging.WARNING if new else logging.DEBUG,
            event,
            "%s failed (%s)%s; %s%s",
            event.stage,
            event.error,
            f": {advice}" if (advice := self._sentences.get(event.error)) else "",
            _CONSEQUENCES.get(event.stage, "chat calls go on without the cache"),
            " (said once until it works again)" if new else "",
        )

    def _say(self, level: int, event: Event, sentence: str, *arguments: object) -> None:
        if not _LOGGER.isEnabledFor(level):
            return
        extra: dict[str, Any] = {"semcache_event": type(event).__name__}
        extra |= {"semcache_name": self._name}
        extra |= {f"semcache_{one.name}": getattr(event, one.name) for one in fields(event)}
        _LOGGER.log(level, "semcache %s: " + sentence, self._name, *arguments, extra=extra)

    def is_failing(self, stage: str) -> bool:
        return stage in self._failing

    def recovered(self, stage: str) -> None:
        """Say once that what had failed works again."""
        failed = self._failing.get(stage)
        if failed is None or (stage in _BY_CALL and self._clock() - failed < QUIET_SECONDS):
            return
        if self._failing.pop(stage, None) is not None:  # no other thread was faster
            _LOGGER.info(
                "semcache %s: %s works again",
                self._name,
                stage,
                extra={
                    "semcache_event": "Recovered",
                    "semcache_name": self._name,
                    "semcache_stage": stage,
                },
            )


COUNT_SECONDS = 60.0
"""How often the entries are counted, at most."""
_NOBODY = nullcontext()
_VERDICTS = {True: "approved", False: "refused", None: "failed"}


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
        own = [one.of(name) if isinstance(one, Observer) else one for one in listeners]
        self._listeners = (self._log, *own)
        self._observers = [one for one in own if isinstance(one, Observer)]
        self._around = [one for one in self._observers if type(one).around is not Observer.around]
        self._clock = clock
        self._count_at = -math.inf
        self.lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {
            "misses": Counter(),
            "vetoes": Counter(),
            "bypassed": Counter(),
            "failures": Counter(),
            "verified": Counter(),
            "audited": Counter(),
            "feedback": Counter(),
        }
        self._seconds = {"embedding": 0.0, "redis": 0.0, "verifier": 0.0, "waiting": 0.0}
        self._breakers = {"redis": "closed", "store": "closed", "embedding": "closed"}
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
        self._count(event)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:
                _raised(error)

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
        if self._log.is_failing(stage) and self.works(stage):
            self._log.recovered(stage)

    def spent(self, subject: Literal["embedding", "redis"], seconds: float) -> None:
        """Count one use of the embedder or of Redis."""
        if self._muted.get():
            return
        with self.lock:
            self._seconds[subject] += seconds
            self._counts[subject] += 1
        if subject == "embedding":
            self._tell(Embedded(seconds))

    def stats(self) -> Stats:
        with self.lock:
            counts, seconds = self._counts, self._seconds
            hits = counts["exact"] + counts["semantic"]
            return Stats(
                lookups=counts["lookups"],
                hits=hits,
                exact_hits=counts["exact"],
                semantic_hits=counts["semantic"],
                hit_rate=hits / max(1, counts["lookups"]),
                stored=counts["stored"],
                waited=counts["waited"],
                embeddings=counts["embedding"],
                round_trips=counts["redis"],
                mean_embedding_seconds=seconds["embedding"] / max(1, counts["embedding"]),
                mean_redis_seconds=seconds["redis"] / max(1, counts["redis"]),
                mean_verifier_seconds=seconds["verifier"]
                / max(1, sum(self._reasons["verified"].values())),
                mean_waiting_seconds=seconds["waiting"] / max(1, counts["waited"]),
                breakers=dict(self._breakers),
                **{name: dict(counter) for name, counter in self._reasons.items()},
            )

    def _count(self, event: Event) -> None:
        with self.lock:
            if isinstance(event, Hit):
                self._counts["lookups"] += 1
                self._counts[event.kind] += 1
            elif isinstance(event, Miss):
                self._counts["lookups"] += 1
                self._reasons["misses"][event.reason] += 1
                if event.guard:
                    self._reasons["vetoes"][event.guard] += 1
            elif isinstance(event, Stored):
                self._counts["stored"] += 1
            elif isinstance(event, Bypassed):
                self._reasons["bypassed"][event.reason] += 1
            elif isinstance(event, Failed):
                self._reasons["failures"][event.stage] += 1
            elif isinstance(event, VerifierAsked):
                self._seconds["verifier"] += event.seconds
                self._reasons["verified"][_VERDICTS[event.approved]] += 1
            elif isinstance(event, Waited):
                self._seconds["waiting"] += event.seconds
                self._counts["waited"] += 1
            elif isinstance(event, Audited) and event.why != "check":
                self._reasons["audited"]["right" if event.right else "wrong"] += 1
            elif isinstance(event, Feedback):
                self._reasons["feedback"]["right" if event.right else "wrong"] += 1
            elif isinstance(event, BreakerChanged):
                self._breakers[event.subject] = event.state


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
