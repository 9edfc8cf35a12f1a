"""A service with a cache: tenants apart, answers streamed, metrics, healthy without Redis as well.

    pip install "langchain-redis-semcache[embedded,prometheus]" fastapi httpx uvicorn
    uvicorn examples.fastapi_app:app
    curl -N -H "X-Tenant: acme" "localhost:8000/ask?question=What+is+the+capital+of+France"

Without $REDIS_URL it starts a server of its own. Embeddings come from wheels, the model is a small
stand-in: put `ChatOpenAI(...)` in its place. Run as a script it asks itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Response
from fastapi.responses import StreamingResponse
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from langchain_redis_semcache import CacheUnavailableError, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.models import cached
from langchain_redis_semcache.observe import PrometheusListener

# Without a default: where no tenant is set, nothing is served and nothing stored.
TENANT: ContextVar[str] = ContextVar("tenant")


class StandIn(GenericFakeChatModel):
    messages: Any = iter(())

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        for text, where in (("It is ", None), ("Paris. [a stand-in]", "last")):
            yield ChatGenerationChunk(message=AIMessageChunk(text, chunk_position=where))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(EmbeddedRedis()).url
        more: Any = {"namespace": TENANT.get, "listeners": [PrometheusListener()]}
        cache = RedisSemanticCache(LocalEmbeddings(), url, ttl=86400, **more)
        await stack.enter_async_context(cache)  # stores what is under way before it closes
        try:
            await cache.asetup()
            app.state.ready = True
        except CacheUnavailableError:
            app.state.ready = False  # the service works without it, and goes on trying
        app.state.cache, app.state.model = cache, cached(StandIn(cache=cache))
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(
    question: Annotated[str, Query(max_length=1000)], x_tenant: Annotated[str, Header()]
) -> StreamingResponse:
    TENANT.set(x_tenant)  # in a real service: from the token that you have verified
    answer = app.state.model.astream(question)  # this tenant's, whoever reads it later
    return StreamingResponse((chunk.text async for chunk in answer), media_type="text/plain")


@app.get("/healthz")
async def healthz() -> dict[str, Any]:
    return {"cache_at_start": app.state.ready, "hit_rate": app.state.cache.stats.hit_rate}


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def main() -> None:
    from fastapi.testclient import TestClient

    with TestClient(app) as client:
        asked, reworded = "What is the capital of France?", "What is France's capital city?"
        for tenant, question in (("acme", asked), ("acme", reworded), ("other", asked)):
            time.sleep(0.5)  # answers are stored behind their last chunk
            hits = app.state.cache.stats.hits
            answer = client.get("/ask", params={"question": question}, headers={"X-Tenant": tenant})
            came_from = "CACHE" if app.state.cache.stats.hits > hits else "LLM"
            print(f"[{came_from}] {tenant}: {question} {answer.text}")
        counts = client.get("/metrics").text.splitlines()
        print(*(line for line in counts if line.startswith("semcache_lookups_total")), sep="\n")
        print(client.get("/healthz").json())


if __name__ == "__main__":
    main()
