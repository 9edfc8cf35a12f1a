"""Never executed: the public types as applications use them, checked by `mypy --strict`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Any

import redis
import redis.asyncio
from langchain.agents import create_agent
from langchain_core.embeddings import Embeddings
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import Generation
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI

from langchain_redis_semcache import (
    DEFAULT_GUARDS,
    CacheUnavailableError,
    Candidate,
    CompleteAnswers,
    Decision,
    DistancePolicy,
    Entry,
    Explanation,
    Guard,
    Index,
    Limits,
    Listener,
    Parameters,
    Prefilter,
    Recording,
    RedisSemanticCache,
    SingleFlight,
    Sliding,
    Stats,
    Verified,
)
from langchain_redis_semcache.agents import SemanticCacheMiddleware
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.events import BreakerChanged, Event, Failed, Hit, Miss
from langchain_redis_semcache.models import cached, enable_streaming
from langchain_redis_semcache.observe import OTelListener, Price, PrometheusListener
from langchain_redis_semcache.rag import KeyedPrompt, keyed


def as_in_the_readme() -> None:
    set_llm_cache(RedisSemanticCache(redis_url="redis://localhost:6379", ttl=86400))


def as_with_langchain_redis(embeddings: Embeddings, client: redis.Redis) -> None:
    RedisSemanticCache(
        embeddings=embeddings,
        redis_url="redis://localhost:6379",
        distance_threshold=0.2,
        ttl=60,
        name="llmcache",
        prefix="llmcache",
        redis_client=client,
    )


# What an application may supply.


def question(messages: list[BaseMessage]) -> tuple[str, Hashable] | None:
    return messages[-1].text, ("doc-1", 2) if messages else None


def same_length(asked: str, cached: str, /) -> float:
    return 0.0 if len(asked) == len(cached) else 0.1


guard: Guard = same_length


def admit(question: str, generations: Sequence[Generation], /) -> str | None:
    return "private" if "@" in question else CompleteAnswers()(question, generations)


def listen(event: Event, /) -> None:
    match event:
        case Hit(kind=kind, distance=distance):
            print(kind, distance + 1.0)
        case Miss(reason=reason, guard=objection):
            print(reason, objection)
        case Failed(stage=stage) | BreakerChanged(subject=stage):
            print(stage)


class Strict:
    """A policy needs no base class."""

    distance_threshold = 0.05

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        return Decision(candidate.distance <= threshold / 2, "distance")


def with_a_prefilter(embeddings: Embeddings) -> RedisSemanticCache:
    return RedisSemanticCache(embeddings, prefilter=LocalEmbeddings())


def with_everything(client: redis.asyncio.Redis) -> RedisSemanticCache:
    RedisSemanticCache(LocalEmbeddings(), policy=DistancePolicy(0.2, {"length": same_length}))
    return RedisSemanticCache(
        LocalEmbeddings(),
        async_redis_client=client,
        ttl=Sliding(timedelta(days=1)),
        namespace=lambda: "tenant-1",
        context="system",
        question=question,
        policy=Strict(),
        admission=admit,
        namespaces="hidden",
        mark_hits=True,
        limits=Limits(redis=timedelta(milliseconds=200), embedding=2, question_chars=None),
        index=Index(kind="flat", vector="float16", create=False, embedding_id="local-1"),
        parameters=Parameters(irrelevant=("trace",), relevant=["user"]),
        single_flight=SingleFlight(wait=timedelta(seconds=5), pause=60, lease=2),
        prefilter=Prefilter(LocalEmbeddings(), lost=0.05),
        signing_key=[b"0123456789abcdef", "the one before, rotated out"],
        listeners=[listen],
    )


def with_guards() -> RedisSemanticCache:
    guards = {**DEFAULT_GUARDS, "length": same_length}
    return RedisSemanticCache(policy=DistancePolicy(guards=guards))


def with_a_verifier() -> RedisSemanticCache:
    def verify(asked: str, cached: str, answer: str) -> bool:
        return answer != ""

    RedisSemanticCache(
        admission=CompleteAnswers(max_temperature=0.0, skip_time_sensitive=True), ttl=60
    )
    return RedisSemanticCache(policy=Verified(DistancePolicy(0.15), verify, between=(0.05, 0.3)))


def in_blocks(cache: RedisSemanticCache, model: BaseChatModel) -> None:
    with cache.tags("faq", "v2"), cache.options(ttl=60, distance_threshold=0.1):
        model.invoke("q")
    with cache.bypass(), cache.refresh(), cache.read_only():
        model.invoke("q")


def looked_at(cache: RedisSemanticCache, model: BaseChatModel) -> float:
    told: Explanation = cache.explain("q", model)
    served = told.served
    print(told.entry, served.ttl if served else None, cache.explain("q", like="app::1:2:3"))
    for other in told.elsewhere:
        print(other.entry.key, *(difference.part for difference in other.differs))
    nearest: list[tuple[str, float]] = [(near.entry, near.distance) for near in told.candidates]
    stats: Stats = cache.stats
    print(told.decision, nearest, dict(stats.misses), stats.breakers["redis"])
    return stats.hit_rate


def looked_after(cache: RedisSemanticCache) -> int:
    try:
        with cache:
            cache.setup()
            cache.clear()
            was_there: bool = cache.delete_entry("app::1:2:3")
            return cache.delete_tagged("faq") + was_there
    except CacheUnavailableError:
        return 0


def found(cache: RedisSemanticCache) -> int:
    for entry in cache.entries(text="refund", older=timedelta(days=7), limit=20):
        shown: Entry | None = cache.get(entry.key)
        print(shown and (shown.question, shown.answer, shown.age, shown.alias_of))
    for finding in cache.doctor():
        print(finding.subject, finding.health == "ok", finding.says)
    return len(cache.remove(namespace="acme", dry_run=True)) + len(cache.remove("app::1:2:3"))


async def found_async(cache: RedisSemanticCache) -> list[Entry]:
    return [entry async for entry in cache.aentries(tag="faq")] + await cache.aremove(model="m")


async def looked_after_async(cache: RedisSemanticCache, model: BaseChatModel) -> int:
    async with cache:
        await cache.asetup()
        await cache.aclear()
        message = await model.ainvoke("q")
        gone: bool = await cache.afeedback(message, right=False)
        print(gone, await cache.aexplain(message), (await cache.ahealth()).ok)
        print(await cache.aexplain("q", model), await cache.adelete_entry("app::1:2:3"))
        return await cache.adelete_tagged("faq")


def observed(model: str) -> RedisSemanticCache:
    prices = {model: Price(input=0.15, output=0.6)}
    listeners: list[Listener] = [OTelListener(prices=prices), PrometheusListener(prices=prices)]
    recording = Recording(share=0.05, keep=10_000, redact=str.upper)
    cache = RedisSemanticCache(listeners=listeners, recording=recording)
    for hit in cache.recorded(limit=10):
        print(hit.asked, hit.stored, hit.answer, hit.distance, hit.entry, hit.time)
    return cache


def embedded() -> str:
    with EmbeddedRedis() as server:
        return server.url


def streaming(model: ChatOpenAI) -> ChatOpenAI:
    undo = enable_streaming()
    undo()
    with enable_streaming(replay="words"):
        wrapped: ChatOpenAI = cached(model, replay=lambda text: text.splitlines(keepends=True))
    return cached(wrapped, racing=True)


def agents(cache: RedisSemanticCache, model: ChatOpenAI) -> object:
    last = SemanticCacheMiddleware(cache, ("search_docs",), tool_results=["search_docs"])
    return create_agent(model, [], middleware=[last])


def documents(model: ChatOpenAI) -> Runnable[dict[str, Any], AIMessage]:
    prompt: KeyedPrompt = keyed(
        ChatPromptTemplate.from_template("{context} {question}"),
        documents=("context",),
        identical=lambda inputs: (inputs["version"], frozenset({"en"})),
        tags=lambda inputs: inputs["ids"],
        overlap=0.5,
    )
    return prompt | model
