"""Many scopes in one index: is the right entry found, and is there a cliff?

    python benchmarks/scopes.py

The same number of entries lies in one scope, in ten, in a thousand ("share": every scope has its
own questions), and in a thousand that all hold the same questions, one in ten missing ("same"): a
hit then has a thousand near twins in other scopes, and so has a miss.

"unfiltered" is a KNN 1 with our EF_RUNTIME on an index that holds the same vectors as one scope,
without a filter: what the server needs when scopes do not matter. (One mask for all is none: it
leaves every distance as it is.) "filtered" is what others do, a TAG pre-filter with the policy left
to the server, on our index. "search" is the search of ours, "lookup" our cache from call to answer.
Recall counts the lookups that end at the nearest entry of their own scope within the threshold, by
exact search in numpy.

Two layouts of 256 dimensions are harder than made-up clusters and show what EF_RUNTIME is worth:
"sentences", the same 100 questions of benchmarks/data in each of 1,000 scopes, embedded by the
local embeddings and asked in another wording; and "random", 10,000 vectors in one scope that have
nothing in common, asked 0.02 to 0.10 beside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hiredis
import numpy as np
from _bench import (
    LLM,
    STORED_WORDINGS,
    Instant,
    Ours,
    Raw,
    Report,
    Space,
    arguments,
    breathe,
    bulk,
    distinct,
    interleave,
    knn,
    prompt,
    quiet,
    server,
    sizes_of,
    text,
)

from langchain_redis_semcache.embedded import LocalEmbeddings
from langchain_redis_semcache.entry import query
from langchain_redis_semcache.events import Hit

THRESHOLD = 0.15
WIDTHS = (32, 64, 128)
PAIRS = Path(__file__).parent / "data" / "hard_pairs.jsonl"
LAYOUTS = {"one": 1, "share 10": 10, "share 1000": 1000, "same 1000": 1000}


class Layout:
    """Which entry is in which scope. A cluster stays together."""

    def __init__(self, name: str, size: int, space: Space) -> None:
        self.name, self.size, self.space = name, size, space
        self.same = name.startswith("same")
        self.scopes = LAYOUTS[name]
        self.questions = max(1, size // self.scopes)
        """Per scope, where all hold the same."""

    def missing(self, scope: Any, question: Any) -> Any:
        return (scope * 7 + question * 3) % 10 == 0

    def entries(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield vectors, clusters, wordings and scopes, part by part."""
        if not self.same:
            for vectors, clusters, wordings in self.space.entries(0, self.size):
                yield vectors, clusters, wordings, clusters % self.scopes
            return
        centres = self.centres(np.arange(self.questions))
        clusters = np.arange(self.questions)
        for scope in range(self.scopes):
            kept = ~self.missing(scope, clusters)
            vectors = self.space.near(centres, (50, scope), 0.0, 0.06)[kept]
            yield (
                *(vectors, clusters[kept], np.full(kept.sum(), scope % STORED_WORDINGS)),
                np.full(kept.sum(), scope),
            )

    def centres(self, clusters: Any) -> Any:
        blocks: dict[int, Any] = {}
        for number in np.unique(clusters // 250):
            blocks[int(number)] = self.space.centres(int(number))
        return np.stack([blocks[int(c) // 250][int(c) % 250] for c in clusters])

    def asked(self, count: int) -> tuple[list[str], Any, Any]:
        """Return reworded questions whose originals are stored, with their scopes."""
        rng = np.random.default_rng(11)
        if self.same:
            clusters, scopes = self._pairs(rng, count, missing=False)
        else:
            width = min(self.size, 250)
            clusters = rng.integers(max(1, self.size // 1000) * width, size=count)
            clusters = clusters // width * 250 + clusters % width
            scopes = clusters % self.scopes
        return self._worded(clusters, scopes, 51)

    def absent(self, count: int) -> tuple[list[str], Any, Any]:
        """Return questions that are not stored; in "same" they are, in every other scope."""
        rng = np.random.default_rng(12)
        if self.same:
            return self._worded(*self._pairs(rng, count, missing=True), 52)
        return *self.space.strangers(count), rng.integers(self.scopes, size=count)

    def _pairs(self, rng: Any, count: int, *, missing: bool) -> tuple[Any, Any]:
        clusters = rng.integers(self.questions, size=30 * count)
        scopes = rng.integers(self.scopes, size=30 * count)
        kept = self.missing(scopes, clusters) == missing
        return clusters[kept][:count], scopes[kept][:count]

    def _worded(self, clusters: Any, scopes: Any, seed: int) -> tuple[list[str], Any, Any]:
        vectors = self.space.near(self.centres(clusters), (seed, self.size))
        texts = distinct([text(int(c), STORED_WORDINGS) for c in clusters])
        return texts, vectors, scopes

    def nearest(self, vectors: Any, scopes: Any) -> Any:
        """Return the exact distance of the nearest entry in the scope of each question."""
        best = np.full(len(vectors), 2.0)
        for part, _, _, theirs in self.entries():
            breathe()
            for scope in np.unique(theirs):
                here = scopes == scope
                if here.any():
                    near = 1 - (vectors[here] @ part[theirs == scope].T).max(axis=1)
                    best[here] = np.minimum(best[here], near)
        return best


def _unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Sentences(Layout):
    """The same real questions in every scope."""

    def __init__(self, scopes: int, embeddings: LocalEmbeddings) -> None:
        self.scopes, self.same = scopes, False
        pairs = [json.loads(line) for line in PAIRS.read_text().splitlines()]
        same = [pair for pair in pairs if pair["label"]]
        stored, worded = (
            _unit(np.array(embeddings.embed_documents([pair[q] for pair in same]), np.float32))
            for q in ("q1", "q2")
        )
        apart = 1 - (stored * worded).sum(axis=1)
        chosen = np.flatnonzero((apart > 0.005) & (apart < THRESHOLD))[:100]
        self.stored, self.worded = stored[chosen], worded[chosen]

    def entries(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        clusters = np.arange(len(self.stored))
        for scope in range(self.scopes):
            yield self.stored, clusters, 0 * clusters, np.full(len(clusters), scope)

    def asked(self, count: int) -> tuple[list[str], Any, Any]:
        rng = np.random.default_rng(13)
        clusters = rng.integers(len(self.stored), size=count)
        texts = distinct([text(int(c), STORED_WORDINGS) for c in clusters])
        return texts, self.worded[clusters], rng.integers(self.scopes, size=count)


class Scattered(Layout):
    """Vectors that have nothing in common, in one scope."""

    def __init__(self, size: int, space: Space) -> None:
        self.scopes, self.same, self.space = 1, False, space
        vectors = np.random.default_rng(14).standard_normal((size, space.dims), np.float32)
        self.stored = _unit(vectors)

    def entries(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        clusters = np.arange(len(self.stored))
        yield self.stored, clusters, 0 * clusters, 0 * clusters

    def asked(self, count: int) -> tuple[list[str], Any, Any]:
        clusters = np.random.default_rng(15).integers(len(self.stored), size=count)
        texts = distinct([text(int(c), STORED_WORDINGS) for c in clusters])
        return texts, self.space.near(self.stored[clusters], (53,)), 0 * clusters


class Tenant:
    """The namespace of the current call; `scopes` are the digests that the cache makes of them."""

    def __init__(self) -> None:
        self.now = 0
        self.scopes: list[str] = []

    def __call__(self) -> str:
        return f"tenant-{self.now}"

    def read(self, ours: Ours, count: int) -> None:
        for self.now in range(count):
            self.scopes.append(ours.asked(text(0, 0)).scope)


def fill(ours: Ours, layout: Layout, scopes: list[str]) -> float:
    """Write the entries of a layout into the given scopes; a single one takes them all."""

    def commands() -> Iterator[list[Any]]:
        for vectors, clusters, wordings, theirs in layout.entries():
            for vector, cluster, wording, scope in zip(
                vectors, clusters, wordings, theirs, strict=True
            ):
                question = text(int(cluster), int(wording))
                if len(scopes) > 1 or not layout.same:
                    yield from ours.entry(question, vector, scopes[scope % len(scopes)])
                else:  # the same question would be the same key
                    yield from ours.entry(f"{question} {scope}", vector, scopes[0])

    return bulk(ours.url, commands())


def measure(
    report: Report, path: str, layout: Layout, ours: Ours, base: Ours, tenant: Tenant, rounds: int
) -> None:
    """Measure one layout: recall, hits, misses."""
    raw, cache, scopes = Raw(ours.url), ours.cache, tenant.scopes
    kinds = {"hit": layout.asked(rounds), "miss": layout.absent(rounds)}
    recall(report, path, layout, ours, tenant, list(kinds.values()))

    for kind, (texts, vectors, numbers) in kinds.items():
        pairs = list(zip(vectors, [scopes[number] for number in numbers], strict=True))
        requests = {
            "unfiltered": [base.floor(vector) for vector in vectors],
            "filtered": [filtered(ours, vector, scope) for vector, scope in pairs],
            "search": [ours.search(vector, scope) for vector, scope in pairs],
        }
        variants = {
            name: lambda i, built=built: raw.ask(built[i]) for name, built in requests.items()
        }
        prompts = [prompt(question) for question in texts]

        def lookup(i: int, prompts: Any = prompts, numbers: Any = numbers) -> Any:
            tenant.now = int(numbers[i])
            return cache.lookup(prompts[i], LLM)

        variants["lookup"] = lookup
        ours.forget()
        report.add(f"{path}/{kind}", interleave(variants, rounds), "unfiltered")


def recall(
    report: Report, path: str, layout: Layout, ours: Ours, tenant: Tenant, asked: list[Any]
) -> None:
    """Count the lookups that end at the nearest entry of their scope, of those that have one."""
    right = eligible = wrong = 0
    for texts, vectors, numbers in asked:
        ours.embedder.learn(texts, vectors)
        ours.forget()
        exact = layout.nearest(vectors, numbers)
        with quiet():
            events = [_event(ours, tenant, *pair) for pair in zip(texts, numbers, strict=True)]
        for event, best in zip(events, exact, strict=True):
            if best <= THRESHOLD:
                eligible += 1
                right += event.distance is not None and event.distance <= best + 1e-5
            else:
                wrong += isinstance(event, Hit)
    report.note(
        f"{path}/recall", recall=right / max(1, eligible), eligible=eligible, wrong_hits=wrong
    )


def _event(ours: Ours, tenant: Tenant, question: str, number: int) -> Any:
    """Return what a lookup came to."""
    tenant.now = int(number)
    ours.events.clear()
    ours.cache.lookup(prompt(question), LLM)
    return ours.events[-1]


def filtered(ours: Ours, vector: Any, scope: str) -> bytes:
    masked = ours.core.search.masked(ours.packed(vector), scope)
    return hiredis.pack_command(knn(ours.index, masked, where=f"@scope:{{{scope}}}"))


def run(report: Report, size: int, dims: int, rounds: int) -> None:
    space, embedder = Space(dims), Instant(dims)
    base: Ours | None = None
    with server() as running:
        for number, name in enumerate(LAYOUTS):
            layout, tenant, events = Layout(name, size, space), Tenant(), []
            options = {"namespace": tenant, "listeners": [events.append]}
            ours = Ours(running.url, embedder, name=f"layout{number}", **options)
            ours.events = events
            tenant.read(ours, layout.scopes)
            spent = fill(ours, layout, tenant.scopes)
            report.note(f"{size}/{name}/fill", us_per_entry=spent / size * 1e6)
            if layout.same:
                # Other vectors than before, so another base.
                base = Ours(running.url, embedder, name="base")
                fill(base, layout, [base.scope])
            base = base or ours
            measure(report, f"{size}/{name}", layout, ours, base, tenant, rounds)
            report.failures(f"{size}/{name}", ours)
            if base is not ours:
                Raw(ours.url)("FT.DROPINDEX", ours.index, "DD")


def run_hard(report: Report, quick: bool) -> None:
    """Measure recall and time of a search by EF_RUNTIME where neighbours are hard to find."""
    space, embedder = Space(256), Instant(256)
    layouts = {
        "sentences": Sentences(20 if quick else 1000, LocalEmbeddings()),
        "random": Scattered(500 if quick else 10_000, space),
    }
    shipped = query.EF_RUNTIME
    with server() as running:
        for name, layout in layouts.items():
            tenant, rounds = Tenant(), 50 if quick else 1000
            asked = layout.asked(rounds)
            built = {}
            for width in WIDTHS:
                query.EF_RUNTIME = width
                events: list[Any] = []
                options = {"namespace": tenant, "listeners": [events.append]}
                ours = Ours(running.url, embedder, name=name, **options)
                ours.events = events
                if not tenant.scopes:
                    tenant.read(ours, layout.scopes)
                    fill(ours, layout, tenant.scopes)
                recall(report, f"{name}/{width}", layout, ours, tenant, [asked])
                report.failures(f"{name}/{width}", ours)
                built[width] = [
                    ours.search(vector, tenant.scopes[number])
                    for vector, number in zip(*asked[1:], strict=True)
                ]
            raw = Raw(running.url)
            variants = {
                str(width): lambda i, raw=raw, built=requests: raw.ask(built[i])
                for width, requests in built.items()
            }
            report.add(f"{name}/search", interleave(variants, rounds), str(WIDTHS[0]))
            raw("FT.DROPINDEX", ours.index, "DD")
    query.EF_RUNTIME = shipped


def targets(report: Report, sizes: list[int]) -> None:
    for size in sizes:
        for name in LAYOUTS:
            recall = report.data["results"][f"{size}/{name}/recall"]["recall"]
            report.target(f"{size}, {name}: recall", recall, 0.99, False)
            wrong = report.data["results"][f"{size}/{name}/recall"]["wrong_hits"]
            report.target(f"{size}, {name}: hits of other scopes", wrong, 0)
            for kind in ("hit", "miss"):
                ratio = report.ratio(f"{size}/{name}/{kind}", "search", "unfiltered")
                report.target(f"{size}, {name}: {kind} / unfiltered", ratio, 2.5)
    for name in ("sentences", "random"):
        found = report.data["results"][f"{name}/{query.EF_RUNTIME}/recall"]
        report.target(f"{name}: recall", found["recall"], 0.99, False)
        report.target(f"{name}: hits of other scopes", found["wrong_hits"], 0)


def main() -> None:
    options = arguments(__doc__, "1000,10000,100000", quick="1000").parse_args()
    report, sizes = Report("scopes", options), sizes_of(options)
    for size in sizes:
        run(report, size, 64 if options.quick else options.dims, 20 if options.quick else 300)
        report.save(final=False)
    run_hard(report, options.quick)
    targets(report, sizes)
    report.save()


if __name__ == "__main__":
    main()
