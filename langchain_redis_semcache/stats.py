"""Counts since a cache object was made: plain data that can be put into JSON, pickled, returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the cache object was made, in this process."""

    lookups: int = 0
    """Those that were not bypassed."""
    hits: int = 0
    exact_hits: int = 0
    semantic_hits: int = 0
    hit_rate: float = 0.0
    """Hits per lookup that was not bypassed; 0.0 before the first."""
    misses: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    vetoes: Mapping[str, int] = field(default_factory=dict)
    """Misses that a guard caused, by guard."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Misses whose identical question this process had stored in another scope, by what differs."""
    stored: int = 0
    bypassed: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """By stage."""
    verified: Mapping[str, int] = field(default_factory=dict)
    """Calls of the verifier: "approved", "refused" or "failed"."""
    audited: Mapping[str, int] = field(default_factory=dict)
    """Stored answers that were compared with the model's: "right" or "wrong"."""
    feedback: Mapping[str, int] = field(default_factory=dict)
    """What people said of answers: "right" or "wrong"."""
    prefiltered: Mapping[str, int] = field(default_factory=dict)
    """Lookups that the prefilter had ended and that were made behind the call: "right", or "lost"
    where they would have been hits."""
    waited: int = 0
    """Lookups that waited for an identical one, with `single_flight`."""
    embeddings: int = 0
    """Calls of the embedder."""
    round_trips: int = 0
    """To Redis, by lookups and updates."""
    mean_embedding_seconds: float = 0.0
    """Per call of the embedder, failed ones included."""
    mean_redis_seconds: float = 0.0
    """Per round trip, failed ones included."""
    mean_verifier_seconds: float = 0.0
    mean_waiting_seconds: float = 0.0
    """Per lookup that waited."""
    breakers: Mapping[str, str] = field(default_factory=dict)
    """State of the breakers of "redis", "store" (writing to Redis), "embedding" and, where the
    shards of a cluster did not all answer, "search"."""
    since: float | None = None
    """When counting began, in seconds since 1970; of `totals()` only."""

    def __str__(self) -> str:
        def by(counts: Mapping[str, int]) -> str:
            listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            return f"{sum(counts.values())}" + (f" ({listed})" if listed else "")

        states = ", ".join(f"{name} {state}" for name, state in sorted(self.breakers.items()))
        return (
            f"lookups {self.lookups}: exact hits {self.exact_hits}, semantic hits "
            f"{self.semantic_hits}, misses {by(self.misses)}; hit rate {self.hit_rate:.1%}; stored "
            f"{self.stored}; bypassed {by(self.bypassed)}; failures {by(self.failures)}; "
            f"vetoes {by(self.vetoes)}; in another scope {by(self.elsewhere)}; waited "
            f"{self.waited}; embeddings {self.embeddings} of "
            f"{self.mean_embedding_seconds * 1000:.1f} ms each; Redis {self.round_trips} round "
            f"trips of {self.mean_redis_seconds * 1000:.2f} ms each; breakers {states}"
        )
