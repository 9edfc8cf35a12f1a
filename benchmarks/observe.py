"""What listeners and a recording cost an exact hit: OpenTelemetry's API and SDK, Prometheus.

    python benchmarks/observe.py [hits]

All caches ask one server in one process, in turns of 50 hits in random order: read the ratios.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from typing import Any

from _bench import LLM, Instant, answer, prompt, quiet, server
from prometheus_client import CollectorRegistry

from langchain_redis_semcache import Recording, RedisSemanticCache
from langchain_redis_semcache.observe import OTelListener, Price, PrometheusListener

TURN = 50
PRICES = {"gpt-4o-mini": Price(input=0.15, output=0.6)}
QUESTION = "What is the capital of France?"


def with_sdk() -> OTelListener | None:
    """Return a listener whose spans are made and ended, and whose metrics are kept."""
    try:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        return None
    return OTelListener(
        prices=PRICES,
        tracer_provider=TracerProvider(),
        meter_provider=MeterProvider([InMemoryMetricReader()]),
    )


def main(count: int) -> None:
    sdk = with_sdk()
    prometheus = PrometheusListener(prices=PRICES, registry=CollectorRegistry())
    variants: dict[str, dict[str, Any]] = {
        "alone": {},
        "a function": {"listeners": [lambda event: None]},
        "OTelListener, API only": {"listeners": [OTelListener(prices=PRICES)]},
        "PrometheusListener": {"listeners": [prometheus]},
        "Recording(share=0.05)": {"recording": Recording()},
    }
    if sdk is not None:
        variants["OTelListener, SDK"] = {"listeners": [sdk]}
    with server() as running:
        caches = {
            name: RedisSemanticCache(Instant(256), running.url, 0.15, **options)
            for name, options in variants.items()
        }
        asked = prompt(QUESTION)
        for cache in caches.values():
            cache.update(asked, LLM, answer(QUESTION))
            cache.lookup(asked, LLM)
        taken: dict[str, list[float]] = {name: [] for name in caches}
        with quiet():
            for _ in range(count // TURN):
                for name in random.sample(list(caches), len(caches)):
                    lookup = caches[name].lookup
                    lookup(asked, LLM)
                    for _ in range(TURN):
                        began = time.perf_counter()
                        found = lookup(asked, LLM)
                        taken[name].append(time.perf_counter() - began)
                        assert found
        for cache in caches.values():
            cache.close()
    alone = statistics.median(taken["alone"])
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{name:26} {median * 1e6:6.1f} µs  {median / alone:.2f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
