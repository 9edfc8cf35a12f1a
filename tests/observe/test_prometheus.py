"""What a registry shows after events."""

from __future__ import annotations

import builtins
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="extra not installed")

from prometheus_client import CollectorRegistry, generate_latest

from langchain_redis_semcache import ConfigurationError, observe
from langchain_redis_semcache.observe import Price, PrometheusListener
from langchain_redis_semcache.observe.instruments import ALL
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.test_events import EVENTS


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def told(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, {"cache_name": "app", **labels})


def test_events(registry: CollectorRegistry) -> None:
    """Counts, durations, distances and states are found under the names of the docs."""
    reporter = Reporter("app", [PrometheusListener(registry=registry)])
    for event in EVENTS:
        reporter.emit(event)
    assert told(registry, "semcache_lookups_total", result="exact") == 1
    assert told(registry, "semcache_lookups_total", result="miss") == 2
    assert told(registry, "semcache_misses_total", reason="guard") == 1
    assert told(registry, "semcache_vetoes_total", guard="numbers") == 1
    assert told(registry, "semcache_lookup_duration_seconds_count", result="miss") == 2
    assert told(registry, "semcache_distance_bucket", result="semantic", le="0.1") == 1
    assert told(registry, "semcache_embedding_duration_seconds_sum") == 0.1
    assert told(registry, "semcache_entries") == 3
    assert told(registry, "semcache_breaker_state", subject="redis") == 2
    assert told(registry, "semcache_breaker_state", subject="embedding") == 0
    assert told(registry, "semcache_failures_total", stage="redis") == 1


def test_one_registry(registry: CollectorRegistry) -> None:
    """Listeners share a registry, and caches a listener; each cache has a name of its own."""
    first, second = (PrometheusListener(registry=registry) for _ in range(2))
    for listener, name in ((first, "app"), (first, "other"), (second, "app")):
        Reporter(name, [listener]).emit(EVENTS[0])
    assert told(registry, "semcache_lookups_total", result="exact") == 2
    labels = {"cache_name": "other", "result": "exact"}
    assert registry.get_sample_value("semcache_lookups_total", labels) == 1


def test_a_subclass_keeps_its_own(registry: CollectorRegistry) -> None:
    """A listener of one's own is bound with all that it has."""

    class Own(PrometheusListener):
        extra = "x"

    assert isinstance(Own(registry=registry).of("app"), Own)


def test_every_instrument(registry: CollectorRegistry) -> None:
    """The registry has every metric from the start, with its help."""
    PrometheusListener(registry=registry)
    text = generate_latest(registry).decode()
    for one in ALL:
        assert f"# HELP {one.prometheus}" in text


def test_prices() -> None:
    """Prices are checked when the listener is made."""
    wrong: Any = {"m": 1}
    with pytest.raises(ConfigurationError, match="must be a Price"):
        PrometheusListener(prices=wrong, registry=CollectorRegistry())
    PrometheusListener(prices={"m": Price(input=1, output=1)}, registry=CollectorRegistry())


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("PrometheusListener", "prometheus_client", "prometheus"),
        ("OTelListener", "opentelemetry", "otel"),
    ],
)
def test_without_the_extra(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its extra a listener says what to install."""
    original = builtins.__import__

    def refuse(wanted: str, *arguments: Any, **options: Any) -> Any:
        if wanted.split(".")[0] == module:
            raise ImportError(wanted)
        return original(wanted, *arguments, **options)

    home = f"langchain_redis_semcache.observe.{extra}"
    loaded = importlib.import_module(home)
    monkeypatch.delitem(sys.modules, home)
    monkeypatch.delitem(vars(observe), name, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigurationError, match=rf"langchain-redis-semcache\[{extra}\]"):
        getattr(observe, name)
    monkeypatch.undo()
    setattr(observe, extra, loaded)


def test_unknown_name() -> None:
    """A name that is not there is an AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Listener'"):
        observe.Listener  # noqa: B018


def test_several_processes(tmp_path: Path) -> None:
    """In Prometheus's multiprocess mode counts add up, and the worst breaker is shown."""
    script = (
        "import sys\n"
        "from langchain_redis_semcache.reporting.reporter import Reporter\n"
        "from langchain_redis_semcache.events import BreakerChanged, Counted\n"
        "from langchain_redis_semcache.observe import PrometheusListener\n"
        "from tests.test_events import EVENTS\n"
        "reporter = Reporter('app', [PrometheusListener()])\n"
        "reporter.emit(EVENTS[0])\n"
        "reporter.emit(Counted(int(sys.argv[1])))\n"
        "if sys.argv[1] == '2':\n"
        "    from prometheus_client import CollectorRegistry, generate_latest\n"
        "    from prometheus_client.multiprocess import MultiProcessCollector\n"
        "    reporter.emit(BreakerChanged('store', 'open'))\n"
        "    registry = CollectorRegistry()\n"
        "    MultiProcessCollector(registry)\n"
        "    print(generate_latest(registry).decode())\n"
    )
    for number in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", script, number],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert 'semcache_lookups_total{cache_name="app",result="exact"} 2.0' in lines
    assert 'semcache_entries{cache_name="app"} 2.0' in lines
    assert 'semcache_breaker_state{cache_name="app",subject="store"} 2.0' in lines
