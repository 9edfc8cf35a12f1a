"""Metrics for Prometheus, in the application's registry, for one process or several."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from copy import copy
from typing import Any

from typing_extensions import override

from ..errors import ConfigurationError
from ..events import Event, Observer
from .instruments import ALL, BREAKER, CACHE, STATES, Instrument
from .measures import Labels, Measures, Put
from .prices import Price, checked_prices

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError:
    raise ConfigurationError(
        'PrometheusListener needs pip install "langchain-redis-semcache[prometheus]"'
    ) from None

_PUTS = {"counter": "inc", "histogram": "observe", "gauge": "set"}
_BREAKERS = ("redis", "store", "embedding")
_lock = threading.Lock()
_metrics: weakref.WeakKeyDictionary[CollectorRegistry, dict[Instrument, Any]]
_metrics = weakref.WeakKeyDictionary()


class PrometheusListener(Observer):
    """Counts and measures what a cache does: `listeners=[PrometheusListener()]`.

    One may serve several caches, told apart by the label `cache_name`; listeners may share a
    registry.

    Args:
        prices: What a million tokens cost, by model, for `semcache_saved_money_total`.
        registry: By default the one that `prometheus_client` serves.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, Price] | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._prices = checked_prices(prices)
        self._metrics = _metrics_of(registry)
        self._name = ""
        self._measures: Measures | None = None

    @override
    def of(self, name: str) -> PrometheusListener:
        """Return the listener of the cache of this name."""
        bound = copy(self)
        bound._name, bound._measures = name, None
        for subject in _BREAKERS:  # nothing is said of one that has never opened
            bound._bind(BREAKER, (name, subject))(STATES["closed"])
        return bound

    @override
    def __call__(self, event: Event, /) -> None:
        if self._measures is None:  # not before: each label shows from then on
            self._measures = Measures(self._name, self._prices, self._bind)
        self._measures(event)

    def _bind(self, instrument: Instrument, labels: Labels) -> Put:
        child = self._metrics[instrument].labels(*labels)
        put: Put = getattr(child, _PUTS[instrument.kind])
        return put


def _metrics_of(registry: CollectorRegistry) -> dict[Instrument, Any]:
    """Return the metrics of a registry, which takes each name once."""
    with _lock:
        made = _metrics.get(registry)
        if made is None:
            made = _metrics[registry] = {one: _metric(one, registry) for one in ALL}
        return made


def _metric(one: Instrument, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    labels = (CACHE, *one.labels)
    if one.kind == "counter":
        return Counter(one.prometheus, one.says, labels, registry=registry)
    if one.kind == "gauge":
        return Gauge(
            one.prometheus, one.says, labels, registry=registry, multiprocess_mode=one.merged
        )
    return Histogram(one.prometheus, one.says, labels, registry=registry, buckets=one.buckets)
