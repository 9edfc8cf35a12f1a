"""What happened in a lookup or an update, for whoever wants to know.

Events are frozen and carry no prompt, no answer and no credential. Listeners are called in the
thread or task of the chat call: they must be quick, and what they raise is swallowed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from ._signals import let_through

__all__ = [
    "Audited",
    "BreakerChanged",
    "Bypassed",
    "Event",
    "Failed",
    "Hit",
    "Listener",
    "LogListener",
    "Miss",
    "Stats",
    "Stored",
    "Verified",
]

Operation = Literal["lookup", "update"]


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer was served from the cache."""

    kind: Literal["exact", "semantic"]
    distance: float
    """Cosine distance of the two questions; 0.0 for an exact hit."""
    entry: str
    """The entry's key, as `delete_entry` takes it."""
    age: float
    """Seconds since the answer was stored."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Miss:
    """No stored answer was good enough; `reason` says why."""

    reason: str
    distance: float | None = None
    """Distance of the nearest candidate, where there was one."""
    entry: str | None = None
    guard: str | None = None
    """The guard that objected, where one did."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer was stored."""

    entry: str
    size: int
    """Bytes of the encoded answer."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Bypassed:
    """The cache was not asked, or an answer was not stored, on purpose."""

    operation: Operation
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something did not work; the chat call went on without it."""

    operation: Operation
    stage: str
    """What failed: "redis", "store", "search", "embedding", "entry", "namespace", ..."""
    error: str
    """The exception's class and, for Redis, the error code; never its message. "suspended" where
    nothing was tried, since it had failed shortly before."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The verifier was asked about a candidate."""

    approved: bool | None
    """None where it failed or took too long."""
    seconds: float
    distance: float
    entry: str


@dataclass(frozen=True, slots=True)
class Audited:
    """A stored answer that was not served was compared with the model's."""

    right: bool
    """Whether the stored one would have done."""
    distance: float
    entry: str
    why: Literal["audit", "explore"]
    """Whether it would have been a hit otherwise."""


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """Calls to Redis or to the embedder were suspended, are being tried, or work again."""

    subject: Literal["redis", "store", "embedding"]
    """"store": writing to Redis."""
    state: Literal["closed", "open", "half_open"]


Event: TypeAlias = Hit | Miss | Stored | Bypassed | Failed | Verified | Audited | BreakerChanged


class Listener(Protocol):
    """Anything that takes an event."""

    def __call__(self, event: Event, /) -> None: ...


_LOGGER = logging.getLogger("langchain_redis_semcache")


_ONLY_IDENTICAL = "identical questions are still served, reworded ones are not"
_CONSEQUENCES = {
    "search": _ONLY_IDENTICAL,
    "embedding": _ONLY_IDENTICAL,
    "store": "answers are not stored, stored ones are still served",
    "model": "calls that bind objects without a repr of their own are left to the model",
    "entry": "the model is asked and its answer replaces the entry",
    "verifier": "questions that need it are answered by the model",
    "judge": "the audit has less to go by",
    "audit": "the audit has less to go by",
}


_BY_CALL = frozenset({"internal", "namespace", "question"})
"""What fails in one call and works in the next: that it works says little."""
QUIET_SECONDS = 60.0
"""Such a failure is over when it has not been seen for so long."""


class LogListener:
    """Log events: hits and misses at DEBUG, a failure as one WARNING until it is over.

    Every cache has one.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._failing: dict[str, float] = {}
        """When it last failed, by stage."""

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Failed):
            # Consequences of a failure that was reported: a suspension, and that nothing can be
            # stored where nothing can be reached.
            known = event.error in ("suspended", "ClientOfAnotherLoop") or (
                event.stage == "store" and "redis" in self._failing
            )
            new = event.stage not in self._failing and not known
            if new or event.stage in self._failing:
                self._failing[event.stage] = self._clock()
            _LOGGER.log(
                logging.WARNING if new else logging.DEBUG,
                "semcache %s: %s failed (%s); %s%s",
                self._name,
                event.stage,
                event.error,
                _CONSEQUENCES.get(event.stage, "chat calls go on without the cache"),
                " (said once until it works again)" if new else "",
                extra={"semcache_event": "Failed", "semcache_stage": event.stage},
            )
        elif isinstance(event, BreakerChanged):
            _LOGGER.debug("semcache %s: %s breaker %s", self._name, event.subject, event.state)
        elif _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("semcache %s: %s", self._name, event)

    def recovered(self, stage: str) -> None:
        """Say once that what had failed works again."""
        failed = self._failing.get(stage)
        if failed is None or (stage in _BY_CALL and self._clock() - failed < QUIET_SECONDS):
            return
        if self._failing.pop(stage, None) is not None:  # no other thread was faster
            _LOGGER.info("semcache %s: %s works again", self._name, stage)


def _none() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the cache object was made, in this process."""

    lookups: int = 0
    exact_hits: int = 0
    semantic_hits: int = 0
    misses: Mapping[str, int] = field(default_factory=_none)
    """By reason."""
    vetoes: Mapping[str, int] = field(default_factory=_none)
    """Misses that a guard caused, by guard."""
    stored: int = 0
    bypassed: Mapping[str, int] = field(default_factory=_none)
    """By reason."""
    failures: Mapping[str, int] = field(default_factory=_none)
    """By stage."""
    verified: Mapping[str, int] = field(default_factory=_none)
    """Calls of the verifier: "approved", "refused" or "failed"."""
    verifier_seconds: float = 0.0
    audited: Mapping[str, int] = field(default_factory=_none)
    """Stored answers that were compared with the model's: "right" or "wrong"."""
    embeddings: int = 0
    """Calls of the embedder."""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0
    breakers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """State of the breakers of "redis", "store" (writing to Redis) and "embedding"."""

    def __str__(self) -> str:
        def by(counts: Mapping[str, int]) -> str:
            listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            return f"{sum(counts.values())}" + (f" ({listed})" if listed else "")

        states = ", ".join(f"{name} {state}" for name, state in sorted(self.breakers.items()))
        return (
            f"lookups {self.lookups}: exact hits {self.exact_hits}, semantic hits "
            f"{self.semantic_hits}, misses {by(self.misses)}; stored {self.stored}; "
            f"bypassed {by(self.bypassed)}; failures {by(self.failures)}; "
            f"vetoes {by(self.vetoes)}; embeddings {self.embeddings} in "
            f"{self.embedding_seconds:.3f} s; Redis {self.redis_seconds:.3f} s; breakers {states}"
        )

    @property
    def hits(self) -> int:
        return self.exact_hits + self.semantic_hits

    @property
    def hit_rate(self) -> float:
        """Hits per lookup that was not bypassed; 0.0 before the first."""
        return self.hits / self.lookups if self.lookups else 0.0


_VERDICTS = {True: "approved", False: "refused", None: "failed"}


class Reporter:
    """Counts events and hands them to the listeners."""

    def __init__(self, name: str, listeners: Iterable[Listener]) -> None:
        self._log = LogListener(name)
        self._listeners = (self._log, *listeners)
        self.lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {
            "misses": Counter(),
            "vetoes": Counter(),
            "bypassed": Counter(),
            "failures": Counter(),
            "verified": Counter(),
            "audited": Counter(),
        }
        self._seconds = {"embedding": 0.0, "redis": 0.0, "verifier": 0.0}
        self._breakers = {"redis": "closed", "store": "closed", "embedding": "closed"}
        self._muted: ContextVar[bool] = ContextVar("semcache_muted", default=False)
        self._said: set[Event] = set()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Count and tell nothing of what this thread or task does inside of the block."""
        token = self._muted.set(True)
        try:
            yield
        finally:
            self._muted.reset(token)

    def emit(self, event: Event) -> None:
        """Count an event and tell every listener; a listener's error stops nobody."""
        # The state of a breaker is everybody's, whoever changed it.
        if self._muted.get() and not isinstance(event, BreakerChanged):
            return
        self._count(event)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:
                let_through(error)
                _LOGGER.debug("semcache: a listener raised", exc_info=True)

    def once(self, event: Event) -> None:
        """Emit an event that says the same each time, the first time only."""
        if event not in self._said and not self._muted.get():
            self._said.add(event)
            self.emit(event)

    def recovered(self, stage: str) -> None:
        """Note that a stage works; costs nothing while nothing had failed."""
        self._log.recovered(stage)

    def spent(self, subject: Literal["embedding", "redis"], seconds: float) -> None:
        """Count one use of the embedder or of Redis."""
        if self._muted.get():
            return
        with self.lock:
            self._seconds[subject] += seconds
            if subject == "embedding":
                self._counts["embeddings"] += 1

    def stats(self) -> Stats:
        with self.lock:
            counts = self._counts
            return Stats(
                lookups=counts["lookups"],
                exact_hits=counts["exact"],
                semantic_hits=counts["semantic"],
                stored=counts["stored"],
                embeddings=counts["embeddings"],
                embedding_seconds=self._seconds["embedding"],
                redis_seconds=self._seconds["redis"],
                verifier_seconds=self._seconds["verifier"],
                breakers=MappingProxyType(dict(self._breakers)),
                **{k: MappingProxyType(dict(v)) for k, v in self._reasons.items()},
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
            elif isinstance(event, Verified):
                self._seconds["verifier"] += event.seconds
                self._reasons["verified"][_VERDICTS[event.approved]] += 1
            elif isinstance(event, Audited):
                self._reasons["audited"]["right" if event.right else "wrong"] += 1
            else:
                self._breakers[event.subject] = event.state
