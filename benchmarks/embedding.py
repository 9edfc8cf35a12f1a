"""What it costs to embed in threads instead of on the event loop.

    python benchmarks/embedding.py

It cannot tell what a model costs: these only wait. First one call after the other without a wait,
then how many texts a second so many tasks get embedded where the model takes so long.
"""

from __future__ import annotations

import asyncio
import statistics
import time

from langchain_core.embeddings import Embeddings

from langchain_redis_semcache import AwaitedEmbeddings
from langchain_redis_semcache.bounded.threads import Workers
from langchain_redis_semcache.driver.embedder import Embedder
from langchain_redis_semcache.events import Reporter

VECTOR = [0.1] * 256
CALLS = 3000
SECONDS = 1.0
GRID = [(0.02, 16), (0.02, 64), (0.02, 256), (0.1, 64), (0.1, 256)]


class Waiting(Embeddings):
    """Waits as long as a model would take."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        if self.seconds:
            time.sleep(self.seconds)
        return VECTOR

    async def aembed_query(self, text: str) -> list[float]:
        await asyncio.sleep(self.seconds)
        return VECTOR


def embedder(on_loop: bool, seconds: float) -> Embedder:
    waiting = Waiting(seconds)
    chosen = AwaitedEmbeddings(waiting) if on_loop else waiting
    return Embedder(chosen, Workers(), 2.0, Reporter("benchmark", ()))


async def one_by_one(tried: Embedder) -> float:
    """Microseconds of a call."""
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await tried.aembed("text")
        taken.append(time.perf_counter() - began)
    return 1e6 * statistics.median(taken)


async def at_once(tried: Embedder, tasks: int) -> float:
    """Texts a second."""
    began = time.perf_counter()

    async def work() -> int:
        done = 0
        while time.perf_counter() - began < SECONDS:
            await tried.aembed("text")
            done += 1
        return done

    done = sum(await asyncio.gather(*(work() for _ in range(tasks))))
    return done / (time.perf_counter() - began)


def main() -> None:
    print(
        "                call   "
        + "".join(f"{f'{n} tasks, {s * 1000:.0f} ms':>18}" for s, n in GRID)
    )
    for where, on_loop in (("on the loop", True), ("in threads", False)):
        call = asyncio.run(one_by_one(embedder(on_loop, 0.0)))
        rates = [asyncio.run(at_once(embedder(on_loop, s), n)) for s, n in GRID]
        print(f"{where:<14}{call:5.0f} µs" + "".join(f"{rate:16,.0f}/s" for rate in rates))


if __name__ == "__main__":
    main()
