"""How it grows: one index filled to 1,000, 10,000, 100,000 and 1,000,000 entries.

    python benchmarks/scale.py

256 dimensions by default: a million entries of 1536 would take 16 GB and an hour. At every size
ours and the raw-socket floor are timed in turn with a second cache that stays at 10,000 entries,
so that sizes are compared within one minute, not across the run. Insert cost is the server's time
per entry over the last thousand entries before the size was reached, pipelined, others waiting.
"""

from __future__ import annotations

from typing import Any

from _bench import (
    BLOCK,
    LLM,
    Instant,
    Ours,
    Raw,
    Report,
    Space,
    arguments,
    bulk,
    distinct,
    interleave,
    memory,
    nearest,
    prompt,
    quiet,
    server,
    sizes_of,
    text,
)

from langchain_redis_semcache import Index

SMALL = 10_000


def variants(ours: Ours, space: Space, size: int, count: int) -> tuple[dict[str, Any], Any]:
    """Return what is timed on one cache, and the vectors of its reworded questions."""
    raw, cache = Raw(ours.url), ours.cache
    texts, vectors, clusters = space.paraphrases(size, count)
    texts = distinct(texts)
    ours.embedder.learn(texts, vectors)
    strangers, strange = space.strangers(count)
    ours.embedder.learn(strangers, strange)
    exact = [prompt(text(int(c), 0)) for c in clusters]
    semantic, missing = [prompt(t) for t in texts], [prompt(t) for t in strangers]
    floor = [ours.floor(vector) for vector in vectors]
    return {
        "exact": lambda i: cache.lookup(exact[i], LLM),
        "semantic": lambda i: cache.lookup(semantic[i], LLM),
        "miss": lambda i: cache.lookup(missing[i], LLM),
        "floor": lambda i: raw.ask(floor[i]),
    }, vectors


def recall(ours: Ours, space: Space, size: int, vectors: Any) -> float:
    raw, exact = Raw(ours.url), nearest(space, size, vectors)
    found = 0
    for vector, best in zip(vectors, exact, strict=True):
        reply = raw.ask(ours.search(vector))
        found += len(reply) > 2 and float(reply[2][1]) <= best + 1e-5
    return found / len(exact)


def main() -> None:
    parser = arguments(__doc__, "1000,10000,100000,1000000", 256, quick="1000,3000")
    parser.add_argument("--vector-type", default="float32", choices=("float32", "float16"))
    options = parser.parse_args()
    report, sizes = Report("scale", options), sizes_of(options)
    space, embedder = Space(options.dims), Instant(options.dims)
    rounds = 30 if options.quick else 500
    small_size = 1000 if options.quick else SMALL
    with server() as running:
        raw = Raw(running.url)
        small = Ours(running.url, embedder, name="small", index=Index(vector=options.vector_type))
        small.fill(space, 0, small_size)
        small_calls, _ = variants(small, space, small_size, rounds)
        ours = Ours(running.url, embedder, name="grown", index=Index(vector=options.vector_type))
        before, filled, seconds = memory(raw), 0, 0.0
        for size in sizes:
            last = size - BLOCK
            seconds += ours.fill(space, filled, last)
            final = list(ours.commands(space, last, size))
            with quiet():
                insert = bulk(ours.url, final, patient=False)
            seconds += insert
            filled = size
            per = (memory(raw) - before) / size
            ours.check(space, size)
            calls, vectors = variants(ours, space, size, rounds)
            report.note(
                f"{size}/entry",
                insert_us=round(insert / min(BLOCK, size) * 1e6),
                mean_insert_us=round(seconds / size * 1e6),
                bytes_per_entry=round(per),
                recall=recall(ours, space, size, vectors),
            )
            for name, call in calls.items():
                ours.forget()
                small.forget()
                both = {f"{small_size}": small_calls[name], "this size": call}
                report.add(f"{size}/{name}", interleave(both, rounds), f"{small_size}")
            report.add(
                f"{size}/with floor",
                interleave({"floor": calls["floor"], "exact": calls["exact"]}, rounds),
                "floor",
            )
            report.save(final=False)
        report.failures(f"{sizes[-1]}", ours)
    for name in ("exact", "semantic", "miss"):
        ratio = report.ratio(f"{sizes[-1]}/{name}", "this size", f"{small_size}")
        report.target(f"{name}: lookup p50 at {sizes[-1]} / at {small_size}", ratio, 2.5)
    report.target(
        f"{sizes[-1]}: recall", report.data["results"][f"{sizes[-1]}/entry"]["recall"], 0.99, False
    )
    report.save()


if __name__ == "__main__":
    main()
