"""Spans and metrics for OpenTelemetry, by its API: without an SDK they go nowhere and cost little.

A span stands around each lookup and update, in the thread or task of the call, so that what the
embedder's and redis-py's own instrumentation reports is found below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from copy import copy
from functools import partial
from typing import Any

from typing_extensions import override

from .. import __version__
from ..errors import ConfigurationError
from ..events import Bypassed, Event, Failed, Hit, Miss, Observer, Operation, Stored, Waited
from .instruments import ALL, CACHE, Instrument
from .measures import Labels, Measures, Put
from .prices import Price, checked_prices

try:
    from opentelemetry import context, metrics, trace
except ImportError:
    raise ConfigurationError(
        'OTelListener needs pip install "langchain-redis-semcache[otel]"'
    ) from None

_SCOPE = "langchain_redis_semcache"
_SPANS: dict[Operation, str] = {"lookup": "semcache lookup", "update": "semcache update"}
_current: ContextVar[trace.Span | None] = ContextVar("semcache_span", default=None)


class OTelListener(Observer):
    """Traces and measures what a cache does: `listeners=[OTelListener()]`.

    One may serve several caches, told apart by the attribute `cache_name`.

    Args:
        prices: What a million tokens cost, by model, for `semcache.saved_money`.
        tracer_provider: By default the global one.
        meter_provider: By default the global one.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, Price] | None = None,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._prices = checked_prices(prices)
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        self._instruments = {one: _instrument(one, meter) for one in ALL}
        self._name = ""
        self._measures = Measures("", self._prices, self._bind)

    @override
    def of(self, name: str) -> OTelListener:
        """Return the listener of the cache of this name."""
        bound = copy(self)
        bound._name = name
        bound._measures = Measures(name, self._prices, self._bind)
        return bound

    @override
    def around(self, operation: Operation) -> AbstractContextManager[object] | None:
        """Begin the span of a call, and return what makes it current and ends it."""
        span = self._tracer.start_span(_SPANS[operation])
        if not span.get_span_context().is_valid:  # without an SDK nothing can be below it
            return None
        if span.is_recording():
            span.set_attributes({"cache.operation": operation, CACHE: self._name})
        return _Current(span)

    @override
    def __call__(self, event: Event, /) -> None:
        self._measures(event)
        span = _current.get()
        # What runs behind a call may find its span ended.
        if span is not None and span.is_recording():
            _tell(span, event)

    def _bind(self, instrument: Instrument, labels: Labels) -> Put:
        attributes = dict(zip((CACHE, *instrument.labels), labels, strict=True))
        return partial(self._instruments[instrument], attributes=attributes)


class _Current:
    """Makes a span the current one while its call lasts, and ends it."""

    __slots__ = ("_attached", "_kept", "_span")

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._attached: Token[Any] = context.attach(trace.set_span_in_context(self._span))
        self._kept = _current.set(self._span)

    def __exit__(self, *raised: object) -> None:
        _current.reset(self._kept)
        context.detach(self._attached)
        self._span.end()


def _tell(span: trace.Span, event: Event) -> None:
    """Write on a span what its call came to."""
    if isinstance(event, (Hit, Miss)):
        found = isinstance(event, Hit)
        told: dict[str, Any] = {"cache.hit": found, "semcache.distance": event.distance}
        told |= {"cache.key": event.entry, "semcache.model": event.model}
        if isinstance(event, Hit):
            told |= {"semcache.kind": event.kind, "semcache.age": event.age}
        else:
            told |= {"semcache.reason": event.reason, "semcache.guard": event.guard}
    elif isinstance(event, Stored):
        told = {"cache.key": event.entry, "cache.item_size": event.size}
        told["semcache.model"] = event.model
    elif isinstance(event, Bypassed):
        told = {"semcache.bypassed": event.reason}
    elif isinstance(event, Waited):
        told = {"semcache.waited": event.seconds}
    elif isinstance(event, Failed):
        span.add_event("semcache failed", {"stage": event.stage, "error": event.error})
        return
    else:
        return
    if isinstance(event, (Hit, Miss, Stored)):
        told["semcache.embedding_seconds"] = event.embedding_seconds
        told["semcache.redis_seconds"] = event.redis_seconds
    span.set_attributes({name: value for name, value in told.items() if value not in (None, "")})


def _instrument(one: Instrument, meter: metrics.Meter) -> Any:
    """Return what takes a value of an instrument and its attributes."""
    if one.kind == "counter":
        return meter.create_counter(one.name, one.unit, one.says).add
    if one.kind == "gauge":
        return meter.create_gauge(one.name, one.unit, one.says).set
    return meter.create_histogram(
        one.name, one.unit, one.says, explicit_bucket_boundaries_advisory=one.buckets
    ).record
