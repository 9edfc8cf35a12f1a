"""Many calls at once: 1, 16 and 64 threads or tasks, and what they do to the event loop.

    python benchmarks/throughput.py

Calls per second of ours against redis-py and redis.asyncio with the same commands: one HGET for an
exact hit, our FT.SEARCH for a semantic one (without the HMGET before it, and without the embedding,
so ours does more). Ours embeds in the caller's thread (`Limits(embedding=None)`), as one does with
a model that cannot hang; "embedding in a thread" is the default. Threads and tasks share one
client, or one cache; every one waits for its reply before it asks again. All variants take turns of
half a second; the number is the median turn.

Loop lag is how late a timer of 2 ms fires while the calls run. Client and server share the
machine: with two cores, the server has the second one.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis
from _bench import (
    LLM,
    Instant,
    Ours,
    Report,
    Space,
    answer,
    arguments,
    distinct,
    prompt,
    quantile,
    quiet,
    server,
    sizes_of,
    text,
)
from redis.connection import ConnectionPool

from langchain_redis_semcache import Limits

WORKERS = (1, 16, 64)
QUESTIONS = 2000


class Workload:
    """The questions of a run, prepared for ours and for the clients."""

    def __init__(self, ours: Ours, threaded: Ours, space: Space, size: int) -> None:
        self.url, self.cache, self.ours, self.threaded = ours.url, ours.cache, ours, threaded
        texts, vectors, clusters = space.paraphrases(size, QUESTIONS)
        texts = distinct(texts)
        ours.embedder.learn(texts, vectors)
        stored = [text(int(c), 0) for c in clusters]
        self.exact, self.semantic = [prompt(t) for t in stored], [prompt(t) for t in texts]
        self.keys = [ours.key(t) for t in stored]
        search = ours.core.search.query(len(vectors[0]))
        masked = [ours.core.search.masked(ours.packed(v), ours.scope) for v in vectors]
        self.searches = [search.knn(vector, "distance") for vector in masked]

    def sync(self) -> dict[str, dict[str, Callable[[int], Any]]]:
        client = redis.Redis(connection_pool=ConnectionPool.from_url(self.url, max_connections=100))
        return {
            "exact": {
                "redis-py": lambda i: client.hget(self.keys[i], "response"),
                "ours": lambda i: self.cache.lookup(self.exact[i], LLM),
            },
            "semantic": {
                "redis-py": lambda i: client.execute_command(*self.searches[i], NEVER_DECODE=True),
                "ours": lambda i: self.cache.lookup(self.semantic[i], LLM),
                "ours, embedding in a thread": lambda i: self.threaded.cache.lookup(
                    self.semantic[i], LLM
                ),
            },
        }

    def forget(self) -> None:
        self.ours.forget()
        self.threaded.forget()

    def asynchronous(self) -> dict[str, dict[str, Callable[[int], Awaitable[Any]]]]:
        client = redis.asyncio.Redis.from_url(self.url)
        return {
            "exact": {
                "redis.asyncio": lambda i: client.hget(self.keys[i], "response"),
                "ours": lambda i: self.cache.alookup(self.exact[i], LLM),
            },
            "semantic": {
                "redis.asyncio": lambda i: client.execute_command(
                    *self.searches[i], NEVER_DECODE=True
                ),
                "ours": lambda i: self.cache.alookup(self.semantic[i], LLM),
            },
        }


def threads(call: Callable[[int], Any], workers: int, seconds: float, start: int) -> float:
    """Return calls per second of so many threads."""
    done, until = [0] * workers, time.perf_counter() + seconds

    def work(number: int) -> None:
        i = start + number * 31
        while time.perf_counter() < until:
            assert call(i % QUESTIONS), "should have been a hit"
            i += workers
            done[number] += 1

    pool = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    started = time.perf_counter()
    for one in pool:
        one.start()
    for one in pool:
        one.join()
    return sum(done) / (time.perf_counter() - started)


class Lag:
    """Notes how late a timer fires on the running loop, in milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def __aenter__(self) -> Lag:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            due = time.perf_counter() + 0.002
            await asyncio.sleep(0.002)
            self.late.append((time.perf_counter() - due) * 1000)


async def tasks(
    call: Callable[[int], Awaitable[Any]], workers: int, seconds: float, start: int, lag: Lag
) -> float:
    """Return calls per second of so many tasks."""
    done, until = 0, time.perf_counter() + seconds

    async def work(number: int) -> None:
        nonlocal done
        i = start + number * 31
        while time.perf_counter() < until:
            assert await call(i % QUESTIONS), "should have been a hit"
            i += workers
            done += 1

    started = time.perf_counter()
    async with lag:
        await asyncio.gather(*(work(number) for number in range(workers)))
    return done / (time.perf_counter() - started)


def measure_sync(report: Report, path: str, work: Workload, turns: int, seconds: float) -> None:
    for kind, variants in work.sync().items():
        for workers in WORKERS:
            rates: dict[str, list[float]] = {name: [] for name in variants}
            with quiet():
                for turn in range(turns):
                    for name, call in variants.items():
                        work.forget()
                        rates[name].append(threads(call, workers, seconds, turn * 97))
            keep(report, f"{path}/{kind}/{workers} threads", rates, {})


async def measure_async(
    report: Report, path: str, work: Workload, turns: int, seconds: float
) -> None:
    for kind, variants in work.asynchronous().items():
        for workers in WORKERS:
            rates: dict[str, list[float]] = {name: [] for name in variants}
            lags: dict[str, list[float]] = {name: [] for name in variants}
            with quiet():
                for call in variants.values():
                    await asyncio.gather(*(call(i) for i in range(workers)))
                for turn in range(turns):
                    for name, call in variants.items():
                        work.forget()
                        lag = Lag()
                        rate = await tasks(call, workers, seconds, turn * 97, lag)
                        rates[name].append(rate)
                        lags[name] += lag.late
            keep(report, f"{path}/{kind}/{workers} tasks", rates, lags)
    await work.cache.aclose()


async def measure_updates(report: Report, path: str, ours: Ours, rounds: int) -> None:
    """64 updates at once, the embedder taking 80 ms each."""
    ours.embedder.seconds = 0.08
    lag = Lag()
    questions = [text(50_000_000 + i, 0) for i in range(rounds * 64)]
    todo = [(prompt(q), answer(q)) for q in questions]  # not what is measured
    with quiet():
        async with lag:
            for start in range(0, len(todo), 64):
                await asyncio.gather(
                    *(ours.cache.aupdate(p, LLM, a) for p, a in todo[start : start + 64])
                )
    ours.embedder.seconds = 0.0
    found = round(quantile(lag.late, 0.99), 2)
    report.note(f"{path}/64 aupdate, 80 ms embedder", lag_p99_ms=found, lag_max_ms=max(lag.late))
    await ours.cache.aclose()


def keep(
    report: Report, path: str, rates: dict[str, list[float]], lags: dict[str, list[float]]
) -> None:
    base = next(iter(rates))
    middle = {name: statistics.median(values) for name, values in rates.items()}
    found: dict[str, Any] = {f"{name} per second": round(rate) for name, rate in middle.items()}
    # Neighbours in time are compared, so that a busy second of the machine hits both.
    pairs = zip(rates["ours"], rates[base], strict=True)
    found["ratio"] = round(statistics.median(mine / theirs for mine, theirs in pairs), 3)
    for name, late in lags.items():
        found[f"{name} lag p99 ms"] = round(quantile(late, 0.99), 2)
    report.note(path, **found)
    report.data["samples_us"].setdefault("turns per second", {})[path] = {
        name: [round(value) for value in values] for name, values in rates.items()
    }


def targets(report: Report, size: int) -> None:
    found = report.data["results"]
    for path, limit in (
        ("exact/64 tasks", 1.25),
        ("semantic/64 tasks", 0.85),
        ("exact/16 threads", 0.8),
        ("semantic/16 threads", 0.5),
    ):
        report.target(f"{path}: ours / raw", found[f"{size}/{path}"]["ratio"], limit, False)
    for kind in ("exact", "semantic"):
        late = found[f"{size}/{kind}/64 tasks"]["ours lag p99 ms"]
        report.target(f"{kind}, 64 tasks: loop lag p99 ms", late, 5.0)
    late = found[f"{size}/64 aupdate, 80 ms embedder"]["lag_p99_ms"]
    report.target("64 aupdate: loop lag p99 ms", late, 5.0)


def main() -> None:
    options = arguments(__doc__, "10000").parse_args()
    report = Report("throughput", options)
    turns, seconds = (2, 0.1) if options.quick else (7, 0.5)
    for size in sizes_of(options):
        space, embedder = Space(options.dims), Instant(options.dims)
        with server() as running:
            ours = Ours(running.url, embedder, limits=Limits(embedding=None))
            threaded = Ours(running.url, embedder)
            ours.fill(space, 0, size)
            ours.check(space, size)
            work = Workload(ours, threaded, space, size)
            measure_sync(report, f"{size}", work, turns, seconds)
            asyncio.run(measure_async(report, f"{size}", work, turns, seconds))
            again = Ours(running.url, embedder)
            asyncio.run(measure_updates(report, f"{size}", again, 1 if options.quick else 10))
            report.failures(f"{size}", ours)
        targets(report, size)
    report.save()


if __name__ == "__main__":
    main()
