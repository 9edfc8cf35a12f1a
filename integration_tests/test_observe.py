"""Listeners of others' systems hear of real calls, and their spans stand one below the other."""

from __future__ import annotations

from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from integration_tests.conftest import MakeCache
from integration_tests.support import FRANCE, FRANCE_REWORDED, GERMANY, Way, asked, soon, told
from langchain_redis_semcache.observe import OTelListener, Price, PrometheusListener

pytest.importorskip("opentelemetry.sdk", reason="not installed")
pytest.importorskip("prometheus_client", reason="not installed")

from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

LLM = "[('model', 'gpt-4o-mini')]"
USAGE = {"input_tokens": 1000, "output_tokens": 500, "total_tokens": 1500}


def counted(text: str) -> list[ChatGeneration]:
    usage: Any = USAGE
    return [ChatGeneration(message=AIMessage(text, usage_metadata=usage))]


async def test_prometheus(do: Way, make_cache: MakeCache, name: str) -> None:
    """A registry shows hits, misses, durations, embeddings, entries, tokens and money."""
    registry = CollectorRegistry()
    prices = {"gpt-4o-mini": Price(input=1.0, output=2.0)}
    listener = PrometheusListener(registry=registry, prices=prices)
    cache = make_cache(listeners=[listener], namespace="acme")
    for question in (FRANCE, GERMANY):
        await do(cache.lookup, asked(question), LLM)
        await do(cache.update, asked(question), LLM, counted(f"about {question}"))
    assert await do(cache.lookup, asked(FRANCE), LLM)
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM)

    def value(metric: str, **labels: str) -> float | None:
        return registry.get_sample_value(metric, {"cache_name": name, **labels})

    assert value("semcache_lookups_total", result="exact") == 1
    assert value("semcache_lookups_total", result="semantic") == 1
    assert value("semcache_lookups_total", result="miss") == 2
    assert value("semcache_stored_total") == 2
    assert value("semcache_embedding_duration_seconds_count") == 3
    assert value("semcache_lookup_duration_seconds_count", result="exact") == 1
    assert (value("semcache_lookup_duration_seconds_sum", result="exact") or 0) > 0
    assert (value("semcache_update_duration_seconds_sum") or 0) > 0
    assert value("semcache_saved_tokens_total", model="gpt-4o-mini", type="input") == 2000
    assert value("semcache_saved_money_total", model="gpt-4o-mini") == pytest.approx(0.004)

    async def known() -> bool:
        return value("semcache_entries") is not None

    assert await soon(known)
    shown = generate_latest(registry).decode()
    for private in ("France", "Germany", "acme", f"{name}::"):
        assert private not in shown


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracers(exported: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return provider


async def test_spans_nest(
    do: Way,
    make_cache: MakeCache,
    redis_url: str,
    exported: InMemorySpanExporter,
    tracers: TracerProvider,
) -> None:
    """redis-py's spans of a passed client stand below ours, which stands below the request's."""
    client = redis.Redis.from_url(redis_url)
    async_client = redis.asyncio.Redis.from_url(redis_url)
    for one in (client, async_client):
        RedisInstrumentor.instrument_client(one, tracer_provider=tracers)
    clients: dict[str, Any] = {"async_redis_client": async_client}
    clients = clients if do.is_async else {"redis_client": client}
    cache = make_cache(listeners=[OTelListener(tracer_provider=tracers)], **clients)
    with tracers.get_tracer("app").start_as_current_span("request"):
        assert await do(cache.lookup, asked(FRANCE), LLM) is None
        await do(cache.update, asked(FRANCE), LLM, told("Paris."))
        assert await do(cache.lookup, asked(FRANCE), LLM)
    spans = {one.name: one for one in exported.get_finished_spans()}  # the last of each name
    command, lookup, request = (spans[one] for one in ("HMGET", "semcache lookup", "request"))
    assert command.parent is not None
    assert lookup.parent is not None
    assert command.parent.span_id == lookup.context.span_id
    assert lookup.parent.span_id == request.context.span_id
    assert lookup.attributes is not None
    assert lookup.attributes["cache.hit"] is True
    client.close()
    await async_client.aclose()


async def test_an_embedder_below_the_lookup(
    do: Way,
    make_cache: MakeCache,
    exported: InMemorySpanExporter,
    tracers: TracerProvider,
    embeddings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the embedder's instrumentation reports stands below the lookup, from a thread too."""
    embed = embeddings.embed_documents

    def traced(texts: list[str]) -> Any:
        with tracers.get_tracer("embedder").start_as_current_span("embed"):
            return embed(texts)

    cache = make_cache(listeners=[OTelListener(tracer_provider=tracers)], embeddings=embeddings)
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    monkeypatch.setattr(embeddings, "embed_documents", traced)
    exported.clear()
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    embedded, lookup = exported.get_finished_spans()
    assert embedded.parent is not None
    assert embedded.parent.span_id == lookup.context.span_id
