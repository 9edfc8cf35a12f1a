"""What an SDK is told: spans around calls, and the same metrics as Prometheus."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="not installed")

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from langchain_redis_semcache.events import Bypassed, Failed, Hit, Miss, Stored, Waited
from langchain_redis_semcache.observe import OTelListener
from langchain_redis_semcache.observe.instruments import ALL
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.test_events import EVENTS


class SDK:
    """An SDK that keeps what it is told."""

    def __init__(self, **options: Any) -> None:
        self.exported = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False, **options)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exported))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.listener = OTelListener(tracer_provider=self.tracers, meter_provider=self.meters)
        self.reporter = Reporter("app", [self.listener])

    @property
    def spans(self) -> list[Any]:
        return list(self.exported.get_finished_spans())

    def points(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        data: Any = self.reader.get_metrics_data()
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            found[metric.name] = list(metric.data.data_points)
        return found


@pytest.fixture
def sdk() -> SDK:
    return SDK()


def test_a_span_around_a_call(sdk: SDK) -> None:
    """A call is a span below the application's and above what it causes."""
    tracer = sdk.tracers.get_tracer("app")
    with tracer.start_as_current_span("request"), sdk.reporter.around("lookup"):
        with tracer.start_as_current_span("HMGET"):
            pass
        sdk.reporter.emit(Hit("exact", 0.0, "app::k", 2.0, "m"))
    command, lookup, request = sdk.spans
    assert [one.name for one in sdk.spans] == ["HMGET", "semcache lookup", "request"]
    assert command.parent.span_id == lookup.context.span_id
    assert lookup.parent.span_id == request.context.span_id
    assert dict(lookup.attributes) == {
        "cache.operation": "lookup",
        "cache_name": "app",
        "cache.hit": True,
        "cache.key": "app::k",
        "semcache.kind": "exact",
        "semcache.distance": 0.0,
        "semcache.age": 2.0,
        "semcache.model": "m",
        "semcache.embedding_seconds": 0.0,
        "semcache.redis_seconds": 0.0,
    }
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Miss("guard", 0.1, "k", "numbers"), {"cache.hit": False, "semcache.guard": "numbers"}),
        (Stored("k", 10), {"cache.key": "k", "cache.item_size": 10}),
        (Bypassed("lookup", "bypass"), {"semcache.bypassed": "bypass"}),
        (Waited(True, 0.5, "k"), {"semcache.waited": 0.5}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_span_says(sdk: SDK, event: Any, expected: dict[str, Any]) -> None:
    """A span says what its call came to."""
    with sdk.reporter.around("lookup"):
        sdk.reporter.emit(event)
    (span,) = sdk.spans
    assert expected.items() <= dict(span.attributes).items()


def test_failures_are_events_of_a_span(sdk: SDK) -> None:
    """A failure is told, and the span is none: the call went on."""
    with sdk.reporter.around("lookup"):
        sdk.reporter.emit(Failed("lookup", "redis", "TimeoutError"))
    (span,) = sdk.spans
    (event,) = span.events
    assert dict(event.attributes) == {"stage": "redis", "error": "TimeoutError"}
    assert span.status.is_unset


def test_behind_the_call(sdk: SDK, caplog: pytest.LogCaptureFixture) -> None:
    """What is told without a call, or when its span has ended, is measured all the same."""
    caplog.set_level(logging.DEBUG)
    around = sdk.listener.of("app").around("update")
    with around:
        pass
    sdk.reporter.emit(EVENTS[0])
    assert sdk.spans[0].attributes.keys() == {"cache.operation", "cache_name"}
    assert not [one for one in caplog.records if "ended span" in one.getMessage()]


def test_unsampled() -> None:
    """Where a trace is not sampled, neither is what is below our span."""
    sdk = SDK(sampler=ALWAYS_OFF)
    with sdk.reporter.around("lookup"):
        assert trace.get_current_span().get_span_context().is_valid
        sdk.reporter.emit(EVENTS[0])
    assert sdk.spans == []


def test_metrics(sdk: SDK) -> None:
    """Metrics have the names, units, buckets and labels of the list."""
    for event in EVENTS:
        sdk.reporter.emit(event)
    points = sdk.points()
    by_name = {one.name: one for one in ALL}
    for name, found in points.items():
        for point in found:
            assert tuple(point.attributes) == ("cache_name", *by_name[name].labels)
            if by_name[name].buckets:
                assert tuple(point.explicit_bounds) == by_name[name].buckets
    assert {p.attributes["result"]: p.value for p in points["semcache.lookups"]} == {
        "exact": 1,
        "semantic": 1,
        "miss": 2,
    }
    assert points["semcache.entries"][0].value == 3
    assert points["semcache.breaker.state"][0].value == 2


def test_without_an_sdk() -> None:
    """With the API alone nothing is kept and nothing fails."""
    script = (
        "from langchain_redis_semcache.reporting.reporter import Reporter\n"
        "from langchain_redis_semcache.observe import OTelListener\n"
        "from tests.test_events import EVENTS\n"
        "reporter = Reporter('app', [OTelListener()])\n"
        "with reporter.around('lookup'):\n"
        "    for event in EVENTS: reporter.emit(event)\n"
        "import sys; print('opentelemetry.sdk' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr.count("Traceback")) == ("False\n", 0)
