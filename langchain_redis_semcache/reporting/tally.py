"""Sums of what happened, each by a name that can be a field in Redis, and the counts they come to.

Rule of this module: every sum only grows, so that what processes have added up can be added up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from ..events import (
    Audited,
    BreakerChanged,
    Bypassed,
    Event,
    Failed,
    Feedback,
    Hit,
    Miss,
    Prefiltered,
    Stored,
    VerifierAsked,
    Waited,
)
from ..stats import Stats

_VERDICTS = {True: "approved", False: "refused", None: "failed"}
_KINDS = (
    "misses",
    "vetoes",
    "elsewhere",
    "bypassed",
    "failures",
    "verified",
    "audited",
    "prefiltered",
    "feedback",
)
_SECONDS = "seconds"
MOST_DIFFERENCES = 32
"""Kinds of differences that are counted each by itself."""


class Tally:
    """The sums of one process; whoever adds to them holds a lock."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._differences: set[str] = set()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._breakers = {"redis": "closed", "store": "closed", "embedding": "closed"}

    def add(self, event: Event) -> None:
        counts = self._counts
        if isinstance(event, Hit):
            counts["lookups"] += 1
            counts[event.kind] += 1
        elif isinstance(event, Miss):
            counts["lookups"] += 1
            counts[f"misses:{event.reason}"] += 1
            if event.guard:
                counts[f"vetoes:{event.guard}"] += 1
            if event.differs:
                self._add_difference(f"elsewhere:{event.differs}")
        elif isinstance(event, Stored):
            counts["stored"] += 1
        elif isinstance(event, Bypassed):
            counts[f"bypassed:{event.reason}"] += 1
        elif isinstance(event, Failed):
            counts[f"failures:{event.stage}"] += 1
        elif isinstance(event, VerifierAsked):
            self._seconds["verifier"] += event.seconds
            counts[f"verified:{_VERDICTS[event.approved]}"] += 1
        elif isinstance(event, Waited):
            self.spend("waiting", event.seconds)
        elif isinstance(event, Audited) and event.why != "check":
            counts[f"audited:{_said(event.right)}"] += 1
        elif isinstance(event, Feedback):
            counts[f"feedback:{_said(event.right)}"] += 1
        elif isinstance(event, Prefiltered):
            counts["prefiltered:lost" if event.lost else "prefiltered:right"] += 1
        elif isinstance(event, BreakerChanged):
            self._breakers[event.subject] = event.state

    def _add_difference(self, name: str) -> None:
        known = self._differences
        if len(known) < MOST_DIFFERENCES:
            known.add(name)
        self._counts[name if name in known else "elsewhere:others"] += 1

    def spend(self, subject: str, seconds: float) -> None:
        """Count one use of something that takes time."""
        self._seconds[subject] += seconds
        self._counts[subject] += 1

    def sums(self) -> dict[str, float]:
        return self._counts | {f"{_SECONDS}:{name}": spent for name, spent in self._seconds.items()}

    def stats(self) -> Stats:
        return as_stats(self.sums(), self._breakers)


def as_stats(
    sums: Mapping[str, float], breakers: Mapping[str, str], since: float | None = None
) -> Stats:
    """Say what sums come to; of what is not known nothing is said."""
    by: dict[str, dict[str, int]] = {kind: {} for kind in _KINDS}
    for name, count in sums.items():
        kind, _, which = name.partition(":")
        if kind in by:
            by[kind][which] = int(count)

    def whole(name: str) -> int:
        return int(sums.get(name, 0))

    def mean(subject: str, uses: int) -> float:
        return sums.get(f"{_SECONDS}:{subject}", 0.0) / max(1, uses)

    exact, semantic, lookups = whole("exact"), whole("semantic"), whole("lookups")
    return Stats(
        lookups=lookups,
        hits=exact + semantic,
        exact_hits=exact,
        semantic_hits=semantic,
        hit_rate=(exact + semantic) / max(1, lookups),
        stored=whole("stored"),
        waited=whole("waiting"),
        embeddings=whole("embedding"),
        round_trips=whole("redis"),
        mean_embedding_seconds=mean("embedding", whole("embedding")),
        mean_redis_seconds=mean("redis", whole("redis")),
        mean_verifier_seconds=mean("verifier", sum(by["verified"].values())),
        mean_waiting_seconds=mean("waiting", whole("waiting")),
        breakers=dict(breakers),
        since=since,
        **by,
    )


def _said(right: bool) -> str:
    return "right" if right else "wrong"
