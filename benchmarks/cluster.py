"""A running cluster: what lookups and stores cost, what is found, and what a moving shard costs.

    python benchmarks/cluster.py redis+cluster://host:port  # Redis 8, or valkey-search
    python benchmarks/cluster.py --stand-in  # three servers behind proxies, to try the script

Fills a name of its own through the cache, measures, moves slots from one primary to another while
threads ask what has been answered, and removes what it stored. Recall is against exact search in
numpy. Wrong answers must be 0; the moved slots stay where they are then.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import redis
from _bench import LLM, Instant, Space, answer, distinct, prompt, quantile, text

from langchain_redis_semcache import AwaitedEmbeddings, Limits, RedisSemanticCache
from langchain_redis_semcache.events import Failed, Hit, Miss

NAME = "semcache-benchmark"


def told(name: str, seconds: list[float]) -> None:
    p50, p99 = statistics.median(seconds), quantile(seconds, 0.99)
    print(f"{name:28} p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms   of {len(seconds)}")


def timed(call: Callable[[Any], Any], questions: list[Any]) -> list[float]:
    took = []
    for question in questions:
        started = time.perf_counter()
        call(question)
        took.append(time.perf_counter() - started)
    return took


def filled(cache: RedisSemanticCache, embedder: Instant, space: Space, size: int) -> Any:
    """Store entries through the cache; return their texts and vectors."""
    texts: list[str] = []
    parts = []
    for vectors, clusters, wordings in space.entries(0, size):
        block = [text(int(c), int(w)) for c, w in zip(clusters, wordings, strict=True)]
        embedder.learn(block, vectors)
        texts += block
        parts.append(vectors)

    def store(question: str) -> None:
        cache.lookup(prompt(question), LLM)
        cache.update(prompt(question), LLM, answer(question))

    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, texts))
    cache._drivers.background.settle(60)
    rate = size / (time.perf_counter() - started)
    print(f"filled {size:,} entries, {rate:,.0f} a second with 8 threads")
    return texts, np.concatenate(parts)


def recall(cache: RedisSemanticCache, asked: list[str], texts: list[str], nearest: Any) -> float:
    """The share of questions whose nearest entry is what exact search finds."""
    right = 0
    for question, best in zip(asked, nearest, strict=True):
        found = cache.explain(prompt(question), LLM).candidates
        right += bool(found) and found[0].question == texts[int(best)]
    return right / len(asked)


def moved(nodes: dict[str, redis.Redis], count: int) -> Iterator[int]:
    """Move slots from the first primary to the last; yield what is done."""
    source, *_, taker = nodes
    ids = {node: client.execute_command("CLUSTER", "MYID") for node, client in nodes.items()}
    slots = [s for first, last in ranges(nodes[source], source) for s in range(first, last + 1)]
    host, _, port = taker.rpartition(":")
    for slot in random.Random(1).sample(slots, min(count, len(slots))):
        nodes[taker].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        nodes[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[taker])
        while keys := nodes[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            nodes[source].execute_command(
                "MIGRATE", host, port, "", 0, 5000, "REPLACE", "KEYS", *keys
            )
        for node in (taker, source, *nodes):
            nodes[node].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[taker])
        yield slot


def ranges(client: redis.Redis, node: str) -> list[tuple[int, int]]:
    layout: Any = client.execute_command("CLUSTER", "SLOTS")
    return [(one[0], one[1]) for one in layout if f"{_text(one[2][0])}:{one[2][1]}" == node]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def primaries(url: str) -> dict[str, redis.Redis]:
    """Connect to each primary, as the user of the URL."""
    parts = urlsplit(url.replace("+cluster", ""))
    credentials, _, hosts = parts.netloc.rpartition("@")
    first = hosts.split(",")[0]

    def client(node: str) -> redis.Redis:
        before = f"{credentials}@" if credentials else ""
        return redis.Redis.from_url(f"{parts.scheme}://{before}{node}/?{parts.query}", protocol=2)

    with client(first if ":" in first else f"{first}:6379") as one:
        layout: Any = one.execute_command("CLUSTER", "SLOTS")
    names = dict.fromkeys(f"{_text(range_[2][0])}:{range_[2][1]}" for range_ in layout)
    return {name: client(name) for name in names}


class Traffic:
    """Threads that ask what has been answered, and judge what they are given."""

    def __init__(self, cache: RedisSemanticCache, questions: list[tuple[str, str]]) -> None:
        self.cache = cache
        self.questions = questions
        """What is asked, and the question whose answer is right."""
        self.calls = self.wrong = self.raised = 0
        self.worst = 0.0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(4)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self._over.is_set():
            asked, right = dice.choice(self.questions)
            started = time.perf_counter()
            found, raised = None, False
            try:
                found = self.cache.lookup(prompt(asked), LLM)
            except Exception:
                raised = True
            took = time.perf_counter() - started
            # A reworded question may be given another wording's answer, never another topic's.
            topic = " ".join(right.split()[-2:]).strip("?.! ")
            with self._lock:
                self.calls += 1
                self.raised += raised
                self.wrong += found is not None and not _about(found[0].text, right, topic)
                self.worst = max(self.worst, took)


def _about(given: str, right: str, topic: str) -> bool:
    return right in given or topic in given


def measure(url: str, options: argparse.Namespace, move: Callable[[], Iterator[Any]]) -> int:
    events: list[Any] = []
    space, embedder = Space(options.dims), Instant(options.dims)

    def make(seconds: float) -> RedisSemanticCache:
        return RedisSemanticCache(
            AwaitedEmbeddings(embedder),
            url,
            name=NAME,
            ttl=86400,
            distance_threshold=0.15,
            limits=Limits(redis=seconds),
            listeners=[events.append],
        )

    cache = make(options.limit)
    cache.setup()
    for finding in cache.doctor():
        if finding.subject in ("reachable", "engine"):
            print(f"{finding.subject}: {finding.says}")
    try:
        with make(30) as patient:
            texts, vectors = filled(patient, embedder, space, options.entries)
        asked, near, _ = space.paraphrases(options.entries, options.rounds)
        asked = distinct(asked)
        embedder.learn(asked, near)
        strangers, strange = space.strangers(options.rounds)
        embedder.learn(strangers, strange)
        dice = random.Random(2)
        known = dice.sample(texts, min(len(texts), options.rounds))

        def look(question: str) -> Any:
            return cache.lookup(prompt(question), LLM)

        told("exact hit", timed(look, known))
        told("reworded question", timed(look, asked))
        told("new question", timed(look, strangers))
        told("store", timed(lambda q: cache.update(prompt(q), LLM, answer(q)), strangers))
        few = min(200, len(asked))
        nearest = (near @ vectors.T).argmax(axis=1)
        found = recall(cache, asked[:few], texts, nearest)
        print(f"recall against exact search  {found:.4f}")
        events.clear()
        right = [texts[int(best)] for best in nearest]
        questions = [(q, q) for q in known] + list(zip(asked, right, strict=True))
        with Traffic(cache, questions) as traffic:
            time.sleep(1)
            slots = sum(1 for _ in move())
            time.sleep(2)
        reasons = Counter(e.reason for e in events if isinstance(e, Miss))
        hits = Counter(e.kind for e in events if isinstance(e, Hit))
        failures = Counter(f"{e.stage}: {e.error}" for e in events if isinstance(e, Failed))
        print(
            f"{slots} slots moved under traffic: {traffic.calls:,} calls, wrong answers "
            f"{traffic.wrong}, exceptions {traffic.raised}, worst delay {traffic.worst:.2f} s"
        )
        print(f"  hits {dict(hits)}, misses {dict(reasons)}, failures {dict(failures)}")
        return int(bool(traffic.wrong or traffic.raised))
    finally:
        cache.clear()
        cache.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("url", nargs="?", help="redis+cluster://host:port")
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--limit", type=float, default=0.5, help="Limits(redis=...)")
    options = parser.parse_args()
    if options.url:
        nodes = primaries(options.url)
        return measure(options.url, options, lambda: moved(nodes, options.slots))
    if not options.stand_in:
        parser.error("name a cluster, e.g. redis+cluster://localhost:7000, or say --stand-in")
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from integration_tests.faults.coordinator import SLOTS, Coordinated

    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Coordinated(3))

        def move() -> Iterator[int]:
            for slot in range(0, min(options.slots, SLOTS // 3)):
                cluster.move(slot, 2)
                yield slot

        return measure(f"redis+cluster://127.0.0.1:{cluster.ports[0]}", options, move)


if __name__ == "__main__":
    sys.exit(main())
