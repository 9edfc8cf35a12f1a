"""What is measured, under which name and with which labels: the same for both listeners; pure.

Names are OpenTelemetry's. Prometheus's are made of them as its exporters do, so that a dashboard
does not care which way its numbers came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
DISTANCES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
CACHE = "cache_name"
STATES = {"closed": 0, "half_open": 1, "open": 2}


# Compared by identity: they are keys of dictionaries that every hit looks into.
@dataclass(frozen=True, eq=False)
class Instrument:
    """One metric; every one has the name of its cache as its first label."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    says: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    merged: Literal["livemax", "mostrecent"] = "livemax"
    """Of a gauge: what holds for several processes together."""

    @property
    def prometheus(self) -> str:
        """Its name in Prometheus, which puts `_total` behind that of a counter."""
        unit = "_seconds" if self.unit == "s" else ""
        return self.name.replace(".", "_") + unit


def _duration(name: str, says: str, *labels: str) -> Instrument:
    return Instrument(name, "histogram", says, labels, "s", SECONDS)


LOOKUPS = Instrument("semcache.lookups", "counter", "Lookups, by what they came to.", ("result",))
MISSES = Instrument("semcache.misses", "counter", "Misses, by reason.", ("reason",))
VETOES = Instrument("semcache.vetoes", "counter", "Misses that a guard caused.", ("guard",))
ELSEWHERE = Instrument(
    *("semcache.elsewhere", "counter", "Misses stored in another scope, by what differs first."),
    labels=("differs",),
)
STORED = Instrument("semcache.stored", "counter", "Answers stored.")
BYPASSED = Instrument(
    "semcache.bypassed", "counter", "Calls left alone on purpose.", ("operation", "reason")
)
FAILURES = Instrument("semcache.failures", "counter", "What did not work, by stage.", ("stage",))
VERIFIED = Instrument("semcache.verified", "counter", "What the verifier said.", ("verdict",))
AUDITED = Instrument("semcache.audited", "counter", "What the audit found.", ("verdict",))
WAITED = Instrument("semcache.waited", "counter", "Lookups that waited for another.", ("outcome",))
SAVED_TOKENS = Instrument(
    "semcache.saved_tokens", "counter", "Tokens of served answers.", ("model", "type")
)
SAVED_MONEY = Instrument(
    "semcache.saved_money", "counter", "What served answers would have cost.", ("model",)
)
LOOKUP_DURATION = _duration(
    "semcache.lookup.duration", "Until a lookup has its answer or knows of none.", "result"
)
UPDATE_DURATION = _duration("semcache.update.duration", "Until an answer is stored.")
EMBEDDING_DURATION = _duration("semcache.embedding.duration", "Per call of the embedder.")
DISTANCE = Instrument(
    *("semcache.distance", "histogram", "Of the nearest question, where there was one."),
    labels=("result",),
    buckets=DISTANCES,
)
BREAKER = Instrument(
    "semcache.breaker.state", "gauge", "0 closed, 1 half open, 2 open.", ("subject",)
)
ENTRIES = Instrument(
    "semcache.entries", "gauge", "Entries and aliases that a search finds.", merged="mostrecent"
)

ALL = (
    *(LOOKUPS, MISSES, VETOES, ELSEWHERE, STORED, BYPASSED, FAILURES, VERIFIED, AUDITED),
    *(WAITED, SAVED_TOKENS, SAVED_MONEY, LOOKUP_DURATION, UPDATE_DURATION, EMBEDDING_DURATION),
    *(DISTANCE, BREAKER, ENTRIES),
)
