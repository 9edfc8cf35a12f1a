"""One call at a time: exact hit, semantic hit, miss and update, against peers and the floor.

    python benchmarks/latency.py

Two comparisons per operation: "floor" has ours, redis-py and prebuilt requests over a raw socket,
and "peers" has ours and the other caches, whose scans of all vectors throw everything else out of
the processor's caches. Variants take turns of twelve calls, of which the last ten are timed; a
semantic hit is also measured call by call, each after another variant's: that is what it costs in a
process which does other things. Entries are in one scope, 1536-dimensional float32, in clusters of
four wordings. The embedder looks vectors up in a dictionary: embedding costs nothing, but is
counted.

Ours embeds in the caller's thread (`Limits(embedding=None)`), as the peers do and as one does with
a model that cannot hang; "embedding in a thread" is the default, for services that can.

"tutorial" is the code that most articles show (KNN 1, then the fields are read), and "floor" the
least search of the same recall (KNN 1 with our EF_RUNTIME). Both search our index with vectors
masked beforehand: a mask leaves distances as they are, so a second index would be the same one.
"""

from __future__ import annotations

import asyncio
import timeit
import warnings
from collections.abc import Callable
from typing import Any

import hiredis
import redis
from _bench import (
    LLM,
    TURN,
    Instant,
    Ours,
    Raw,
    Report,
    RoundTrips,
    Space,
    ainterleave,
    answer,
    arguments,
    commands,
    distinct,
    interleave,
    knn,
    nearest,
    prompt,
    server,
    sizes_of,
    text,
)
from _peers import PEERS, Peer
from langchain_core.load import dumps, loads

from langchain_redis_semcache import Limits
from langchain_redis_semcache.entry import query as query
from langchain_redis_semcache.entry.answer import decode, encode

BASES = {"exact": "redis-py HGET", "semantic": "floor", "miss": "floor", "update": "raw HSET"}


class Questions:
    """The questions of one size, known to the embedder, as texts and as prebuilt requests."""

    def __init__(self, space: Space, ours: Ours, size: int, count: int, updates: int) -> None:
        self.size = size
        embedder = ours.embedder
        texts, self.vectors, _ = space.paraphrases(size, count)
        # Two lookups of one text would find the vector remembered.
        self.semantic = distinct(texts)
        embedder.learn(self.semantic, self.vectors)
        step = max(1, size // count)
        self.exact = []
        for start in range(0, min(size, step * count), step):
            block, place = divmod(start, 1000)
            self.exact.append(text(block * 250 + place % 250, place // 250))
        self.miss, self.strange = space.strangers(count)
        embedder.learn(self.miss, self.strange)
        self._fresh = iter(self._fresh_questions(space, embedder, updates))

    def _fresh_questions(self, space: Space, embedder: Instant, count: int) -> list[Any]:
        texts, vectors = space.strangers(count, seed=self.size + 9)
        embedder.learn(texts, vectors)
        return list(zip(texts, vectors, strict=True))

    def fresh(self) -> tuple[str, Any]:
        """Return a question that nobody has stored, once."""
        return next(self._fresh)


def floor_variants(
    ours: Ours, threaded: Ours, questions: Questions
) -> dict[str, dict[str, Callable]]:
    """Return what ours is compared with from below, by operation."""
    raw, client = Raw(ours.url), redis.Redis.from_url(ours.url)
    searching = redis.Redis.from_url(ours.url, protocol=2)
    cache, size = ours.cache, len(questions.exact)
    exact = [prompt(q) for q in questions.exact]
    keys = [ours.key(q) for q in questions.exact]
    gets = [hiredis.pack_command(("HGET", key, "response")) for key in keys]
    variants: dict[str, dict[str, Callable]] = {
        "exact": {
            "raw HGET": lambda i: raw.ask(gets[i % size]),
            "redis-py HGET": lambda i: client.hget(keys[i % size], "response"),
            "ours": lambda i: _hit(cache.lookup(exact[i % size], LLM)),
        }
    }
    for name, texts, vectors in (
        ("semantic", questions.semantic, questions.vectors),
        ("miss", questions.miss, questions.strange),
    ):
        prompts = [prompt(q) for q in texts]
        plain = [ours.floor(v) for v in vectors]
        full = [ours.search(v) for v in vectors]
        masked = [ours.core.search.masked(ours.packed(v), ours.scope) for v in vectors]
        expected = _near_hit if name == "semantic" else _miss

        # Bound now: the loop goes on.
        def raw_floor(i: int, plain: Any = plain) -> Any:
            return raw.ask(plain[i])

        def raw_full(i: int, full: Any = full) -> Any:
            return raw.ask(full[i])

        def by_client(i: int, masked: Any = masked) -> Any:
            command = knn(ours.index, masked[i], f"EF_RUNTIME {query.EF_RUNTIME}")
            return client.execute_command(*command, NEVER_DECODE=True)

        def tutorial(i: int, texts: Any = texts, masked: Any = masked) -> Any:
            ours.embedder.embed_query(texts[i])
            return _tutorial(searching, ours.index, masked[i])

        def lookup(i: int, prompts: Any = prompts, expected: Any = expected) -> Any:
            return expected(cache.lookup(prompts[i], LLM))

        def by_thread(i: int, prompts: Any = prompts, expected: Any = expected) -> Any:
            return expected(threaded.cache.lookup(prompts[i], LLM))

        variants[name] = {
            "floor": raw_floor,
            "raw, the search of ours": raw_full,
            "redis-py FT.SEARCH": by_client,
            "tutorial": tutorial,
            "ours": lookup,
            "ours, embedding in a thread": by_thread,
        }

    def raw_update(_: int) -> Any:
        _, hset, _ = ours.entry(*questions.fresh())
        packed = hiredis.pack_command(tuple(hset))
        return lambda: raw.ask(packed)

    def update(_: int) -> Any:
        question, _ = questions.fresh()
        asked, answered = prompt(question), answer(question)
        return lambda: cache.update(asked, LLM, answered)

    variants["update"] = {"raw HSET": raw_update, "ours": update}
    return variants


def _tutorial(client: Any, index: str, vector: bytes) -> Any:
    from redis.commands.search.query import Query

    question = (
        Query("*=>[KNN 1 @vector $v AS distance]")
        .sort_by("distance")
        .return_fields("distance")
        .dialect(2)
    )
    found = client.ft(index).search(question, {"v": vector})
    if not found.docs or float(found.docs[0].distance) > 0.15:
        return None
    key = found.docs[0].id
    return client.hget(key, "prompt"), client.hget(key, "response")


LOST: list[bool] = []
"""One per semantic lookup: whether an approximate search did not find what is there."""


def _hit(value: Any) -> Any:
    assert value, "should have been a hit"
    return value


def _near_hit(value: Any) -> Any:
    LOST.append(not value)
    return value


def _miss(value: Any) -> None:
    assert not value, "should have been a miss"


def measure(
    report: Report, path: str, name: str, variants: Any, rounds: int, base: str, turn: int = TURN
) -> Any:
    """Time one operation; an update prepares its data before the clock runs."""
    if name != "update":
        return report.add(path, interleave(variants, rounds, turn), base)
    prepared = {v: [make(i) for i in range(rounds)] for v, make in variants.items()}
    calls = {v: (lambda i, todo=todo: todo[i]()) for v, todo in prepared.items()}
    return report.add(path, interleave(calls, rounds, turn), base)


def peers_variants(ours: Ours, peers: list[Peer], questions: Questions) -> dict[str, Any]:
    """Return ours and the peers, by operation, sync and async."""
    cache = ours.cache
    faces: list[tuple[str, Any, Any, Any, Any]] = [
        (
            "ours",
            lambda q: cache.lookup(prompt(q), LLM),
            lambda q: cache.update(prompt(q), LLM, answer(q)),
            lambda q: cache.alookup(prompt(q), LLM),
            lambda q: cache.aupdate(prompt(q), LLM, answer(q)),
        ),
        *((p.name, p.lookup, p.update, p.alookup, p.aupdate) for p in peers),
    ]
    found: dict[str, Any] = {}
    for name, texts in (
        ("exact", questions.exact),
        ("semantic", questions.semantic),
        ("miss", questions.miss),
    ):
        found[name] = {
            face[0]: lambda i, call=face[1], texts=texts: call(texts[i % len(texts)])
            for face in faces
        }
        found[f"async {name}"] = {
            face[0]: lambda i, call=face[3], texts=texts: call(texts[i % len(texts)])
            for face in faces
        }
    found["update"] = {
        face[0]: lambda i, call=face[2]: call(questions.fresh()[0]) for face in faces
    }
    found["async update"] = {
        face[0]: lambda i, call=face[4]: call(questions.fresh()[0]) for face in faces
    }
    return found


async def measure_async(
    report: Report, ours: Ours, peers: dict[str, Any], questions: Questions, path: str, rounds: int
) -> None:
    """The same on an event loop, one call at a time."""
    client = redis.asyncio.Redis.from_url(ours.url)
    size = len(questions.exact)
    keys = [ours.key(q) for q in questions.exact]
    masked = [ours.core.search.masked(ours.packed(v), ours.scope) for v in questions.vectors]
    # Bound to this loop before the clock runs.
    for call in peers["async exact"].values():
        await call(0)

    def by_client(i: int) -> Any:
        command = knn(ours.index, masked[i], f"EF_RUNTIME {query.EF_RUNTIME}")
        return client.execute_command(*command, NEVER_DECODE=True)

    floors = {
        "exact": ("redis.asyncio HGET", lambda i: client.hget(keys[i % size], "response")),
        "semantic": ("redis.asyncio FT.SEARCH", by_client),
    }
    # As in the sync floor: writing a prompt as LangChain does takes as long as a lookup.
    exact, semantic = (
        [prompt(q) for q in texts] for texts in (questions.exact, questions.semantic)
    )
    lookups = {
        "exact": lambda i: ours.cache.alookup(exact[i % size], LLM),
        "semantic": lambda i: ours.cache.alookup(semantic[i], LLM),
    }
    for name, (base, call) in floors.items():
        ours.forget()
        mine = {base: call, "ours": lookups[name]}
        report.add(f"{path}/floor/async {name}", await ainterleave(mine, rounds), base)
    few = max(10, rounds // 10)
    for name in ("exact", "semantic", "miss", "update"):
        ours.forget()
        samples = await ainterleave(peers[f"async {name}"], few)
        report.add(f"{path}/peers/async {name}", samples, "ours")
    await client.aclose()
    await ours.cache.aclose()


def count(report: Report, ours: Ours, peers: list[Peer], questions: Questions, path: str) -> None:
    """Round trips, commands and embeddings per operation."""
    raw, number = Raw(ours.url), 10
    cache, embedder = ours.cache, ours.embedder

    def both(lookup: Any, update: Any) -> Callable[[int], None]:
        def call(_: int) -> None:
            question, _ = questions.fresh()
            lookup(question)
            update(question)

        return call

    faces: list[tuple[str, Any, Any]] = [
        (
            "ours",
            lambda q: cache.lookup(prompt(q), LLM),
            lambda q: cache.update(prompt(q), LLM, answer(q)),
        ),
        *((peer.name, peer.lookup, peer.update) for peer in peers),
    ]
    for name, lookup, update in faces:
        for operation, call in (
            ("exact", lambda i, f=lookup: f(questions.exact[i])),
            ("semantic", lambda i, f=lookup: f(questions.semantic[i])),
            ("miss + update", both(lookup, update)),
        ):
            ours.forget()
            before, embedded = commands(raw), embedder.calls
            with RoundTrips(raw) as trips:
                for i in range(number):
                    call(i)
            # INFO is one round trip of ours, outside of the block.
            sent = sum((commands(raw) - before).values())
            per = {
                "round_trips": trips.count / number,
                "commands": sent / number,
                "embeddings": (embedder.calls - embedded) / number,
            }
            report.note(f"{path}/counts/{operation}/{name}", **per)


def codec(report: Report) -> None:
    """Encode and decode one answer, against LangChain's own way."""
    value = answer("Please describe the codec.")
    data, theirs = encode(value), dumps(value[0])

    def langchain() -> None:
        dumps(value[0])
        loads(theirs, allowed_objects="core")

    def ours() -> None:
        encode(value)
        decode(data)

    with warnings.catch_warnings():  # that it is beta is said once
        warnings.simplefilter("ignore")
        langchain()
    rounds = 300 if not report.quick else 20
    both = {"ours": lambda i: ours(), "dumps + loads": lambda i: langchain()}
    report.add("codec", interleave(both, rounds), "ours")
    report.note(
        "codec parts",
        encode_us=timeit.timeit(lambda: encode(value), number=200) * 5000,
        decode_us=timeit.timeit(lambda: decode(data), number=200) * 5000,
        bytes=len(data),
        langchain_bytes=len(theirs),
    )
    report.target(
        "codec: dumps + loads / ours", report.ratio("codec", "dumps + loads", "ours"), 2.5, False
    )


def run(report: Report, size: int, dims: int, rounds: int) -> None:
    path = f"{size}"
    space, embedder = Space(dims), Instant(dims)
    with server() as running:
        ours = Ours(running.url, embedder, limits=Limits(embedding=None))
        threaded = Ours(running.url, embedder)
        spent = ours.fill(space, 0, size)
        ours.check(space, size)
        peers = []
        for make in PEERS:
            peer = make(running.url, embedder)
            took = peer.fill(space, size)
            peer.check(space, embedder, size)
            report.note(f"{path}/fill/{peer.name}", us_per_entry=took / size * 1e6)
            peers.append(peer)
        report.note(f"{path}/fill/ours", us_per_entry=spent / size * 1e6)
        few = max(10, rounds // 10)
        updates = 2 * few + 2 * few * (len(peers) + 1) + 10 * (len(peers) + 1)
        questions = Questions(space, ours, size, rounds, updates)
        _recall(report, ours, space, questions, path)
        for name, variants in floor_variants(ours, threaded, questions).items():
            ours.forget()
            threaded.forget()
            times = few if name == "update" else rounds
            measure(report, f"{path}/floor/{name}", name, variants, times, BASES[name])
            if name == "semantic":
                ours.forget()
                threaded.forget()
                one_by_one = f"{path}/floor/semantic, call by call"
                measure(report, one_by_one, name, variants, times, BASES[name], turn=1)
        both = peers_variants(ours, peers, questions)
        for name in ("exact", "semantic", "miss", "update"):
            ours.forget()
            report.add(f"{path}/peers/{name}", interleave(both[name], few, TURN), "ours")
        count(report, ours, peers, questions, path)
        # Last: it closes the cache.
        asyncio.run(measure_async(report, ours, both, questions, path, rounds))
        report.failures(path, ours)
        report.note(f"{path}/semantic", lost=sum(LOST) / len(LOST))
        assert sum(LOST) <= 0.03 * len(LOST), "the searches that were timed did not find enough"
        LOST.clear()


def _recall(report: Report, ours: Ours, space: Space, questions: Questions, path: str) -> None:
    """Both searches find the same share of the truly nearest entries, or they are no equals."""
    raw, exact = Raw(ours.url), nearest(space, questions.size, questions.vectors)
    found: dict[str, float] = {}
    for name, build in (("floor", ours.floor), ("ours", ours.search)):
        near = 0
        for vector, best in zip(questions.vectors, exact, strict=True):
            reply = raw.ask(build(vector))
            near += len(reply) > 2 and float(reply[2][1]) <= best + 1e-5
        found[name] = near / len(exact)
    report.note(f"{path}/recall", **found)


def targets(report: Report, sizes: list[int]) -> None:
    for size in sizes:
        ratio = report.ratio(f"{size}/floor/exact", "ours", "redis-py HGET")
        report.target(f"{size}: exact hit / redis-py HGET", ratio, 1.5)
        counts = report.data["results"][f"{size}/counts/exact/ours"]
        report.target(f"{size}: exact hit, embeddings", counts["embeddings"], 0)
        report.target(f"{size}: exact hit, round trips", counts["round_trips"], 1)
        counts = report.data["results"][f"{size}/counts/miss + update/ours"]
        report.target(f"{size}: miss + update, embeddings", counts["embeddings"], 1)
        report.target(f"{size}: miss + update, round trips", counts["round_trips"], 3)
    ratio = report.ratio(f"{sizes[-1]}/floor/semantic", "ours", "floor")
    report.target(f"{sizes[-1]}: semantic hit / raw FT.SEARCH", ratio, 1.8)
    ratio = report.ratio(f"{sizes[-1]}/peers/semantic", "langchain-redis", "ours")
    report.target(f"{sizes[-1]}: semantic hit, langchain-redis / ours", ratio, 20, False)


def main() -> None:
    options = arguments(__doc__, "1000,10000,100000").parse_args()
    report, sizes = Report("latency", options), sizes_of(options)
    for size in sizes:
        run(report, size, options.dims, 20 if options.quick else 600)
        report.save(final=False)
    codec(report)
    targets(report, sizes)
    report.save()


if __name__ == "__main__":
    main()
