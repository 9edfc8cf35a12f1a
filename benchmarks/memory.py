"""What an entry costs in Redis, and what the library costs in the client.

    python benchmarks/memory.py

Redis: `used_memory` before and after the fill, per entry (index, hash and key; the questions have
40 characters, the answers 420). "with TEXT" is our layout with TEXT fields on prompt and response,
which is what peers index. float16 and float32 are searched in turn, recall against exact search.

Client: a fresh process for each library, LangChain's core imported before, as in any application
that has a model: milliseconds of the import, and what importing it, making a cache and 2,000
lookups add to the resident memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from _bench import (
    Instant,
    Ours,
    Raw,
    Report,
    Space,
    arguments,
    interleave,
    memory,
    nearest,
    quiet,
    server,
    sizes_of,
)
from _peers import PEERS

from langchain_redis_semcache import Index

_START = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import langchain_core.caches, langchain_core.language_models, langchain_core.prompts
import langchain_core.embeddings
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, started = resident(), time.perf_counter()
"""
_END = """
took, imported = time.perf_counter() - started, resident()
print(json.dumps({"import_ms": took * 1e3, "import_mb": (imported - before) / 1e6}))
"""
_IMPORTS = {
    "ours": "from langchain_redis_semcache import RedisSemanticCache",
    "langchain-redis": "from langchain_redis import RedisSemanticCache",
    "redisvl": "from redisvl.extensions.cache.llm import SemanticCache",
    "langchain-community": "from langchain_community.cache import RedisSemanticCache",
}
_USE = """
import _bench, _peers

embedder = _bench.Instant(1536)
before = resident()
questions = [_bench.text(i, 4) for i in range(2000)]
if sys.argv[3] == "ours":
    cache = _bench.Ours(sys.argv[2], embedder).cache
    call = lambda question: cache.lookup(_bench.prompt(question), _bench.LLM)
else:
    make = {peer.__name__: peer for peer in _peers.PEERS}[sys.argv[3].replace("-", "_")]
    call = make(sys.argv[2], embedder).lookup
for question in questions:
    call(question)
print(json.dumps({"use_mb": (resident() - before) / 1e6}))
"""


def process(code: str, *arguments: str) -> dict[str, float]:
    """Run code in a fresh process and return what it printed."""
    here = str(Path(__file__).parent)
    # What pip installs is compiled: the first of several runs does that here.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, here, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def client(report: Report, url: str) -> None:
    rounds = 3 if report.quick else 9
    found: dict[str, list[dict[str, float]]] = {name: [] for name in _IMPORTS}
    with quiet():
        for _ in range(rounds):
            for name, line in _IMPORTS.items():
                found[name].append(process(_START + line + _END))
        for name, runs in found.items():
            values = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            values |= process(_START + _USE, url, name)
            report.note(f"client/{name}", **{k: round(v, 1) for k, v in values.items()})
    milliseconds = report.data["results"]["client/ours"]["import_ms"]
    report.target("import, ms", milliseconds, 60)


class WithText(Ours):
    """Ours with TEXT fields on prompt and response."""

    def add_text(self) -> None:
        raw = Raw(self.url)
        raw("FT.ALTER", self.index, "SCHEMA", "ADD", "prompt", "TEXT", "response", "TEXT")


def redis_bytes(report: Report, url: str, space: Space, embedder: Instant, size: int) -> None:
    """Fill one layout after the other into an empty server."""
    raw = Raw(url)
    layouts: dict[str, Any] = {
        "ours float32": lambda: Ours(url, embedder),
        "ours float16": lambda: Ours(url, embedder, index=Index(vector="float16")),
        "ours float32, FLAT": lambda: Ours(url, embedder, index=Index(kind="flat")),
        "ours float32, with TEXT": lambda: WithText(url, embedder),
    }
    layouts |= {p.__name__.replace("_", "-"): lambda p=p: p(url, embedder) for p in PEERS}
    for name, make in layouts.items():
        raw("FLUSHALL")
        made = make()
        if isinstance(made, WithText):
            made.add_text()
        before = memory(raw)
        spent = made.fill(space, 0, size) if isinstance(made, Ours) else made.fill(space, size)
        per = (memory(raw) - before) / size
        report.note(f"{size}/{name}", bytes_per_entry=round(per), fill_us=round(spent / size * 1e6))
    found = report.data["results"]
    ratio = found[f"{size}/ours float16"]["bytes_per_entry"]
    ratio /= found[f"{size}/ours float32"]["bytes_per_entry"]
    report.target(f"{size}: float16 / float32, bytes per entry", ratio, 0.56)


def precision(report: Report, url: str, space: Space, embedder: Instant, size: int) -> None:
    """float16 against float32: recall and search time, on two indexes of one server."""
    raw = Raw(url)
    raw("FLUSHALL")
    caches = {
        kind: Ours(url, embedder, name=kind, index=Index(vector=kind))
        for kind in ("float32", "float16")
    }
    rounds = 50 if report.quick else 1000
    _, vectors, _ = space.paraphrases(size, rounds)
    exact = nearest(space, size, vectors)
    variants, recall = {}, {}
    for kind, ours in caches.items():
        ours.fill(space, 0, size)
        requests = [ours.search(vector) for vector in vectors]
        found = 0
        for request, vector, best in zip(requests, vectors, exact, strict=True):
            # The entry, not its rounded distance, has to be the nearest.
            reply = raw.ask(request)
            found += _true_distance(raw, ours, reply, vector) <= best + 1e-4
        recall[kind] = found / rounds
        variants[kind] = lambda i, built=requests: raw.ask(built[i])
    report.add(f"{size}/search", interleave(variants, rounds), "float32")
    report.note(f"{size}/recall", **recall)
    lost = recall["float32"] - recall["float16"]
    report.target(f"{size}: recall lost by float16", lost, 0.005)


def _true_distance(raw: Raw, ours: Ours, reply: Any, vector: Any) -> float:
    import numpy as np

    if len(reply) < 3:
        return 2.0
    from langchain_redis_semcache.entry.vector import unpack

    stored = ours.core.search.masked(raw("HGET", reply[1], "vector"), ours.scope)
    numbers = np.array(unpack(stored, ours.schema.vector_type))
    return float(1 - numbers @ vector / np.linalg.norm(numbers) / np.linalg.norm(vector))


def main() -> None:
    options = arguments(__doc__, "20000", quick="1000").parse_args()
    report = Report("memory", options)
    space, embedder = Space(options.dims), Instant(options.dims)
    for size in sizes_of(options):
        with server() as running:
            redis_bytes(report, running.url, space, embedder, size)
            precision(report, running.url, space, embedder, size)
    with server() as running:
        client(report, running.url)
    report.save()


if __name__ == "__main__":
    main()
