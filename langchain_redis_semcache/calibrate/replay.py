"""Labelled questions played through a cache: nearest candidates first, the first acceptable one.

It decides as the cache does (same candidates, same policy), for all thresholds in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..entry.query import CANDIDATES
from ..guards import Guard
from ..policies.decision import Candidate
from ..policies.distance import DistancePolicy
from .bounds import independent, wilson
from .labels import Labels

Vectors: TypeAlias = NDArray[np.float32]
Outcome: TypeAlias = NDArray[np.int32]
"""Of every asked question (rows) at every limit (columns), the text that was served, or -1."""

Score: TypeAlias = Callable[[int, int, float], float]
"""Of asked, stored and distance: the smallest limit at which the policy accepts."""

MISS = -1
_BLOCK = 256
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """What a cache with this threshold would have done."""

    threshold: float
    asked: int
    hits: int
    false_hits: int
    independent_hits: float
    """As so many independent hits the interval counts them: errors come in clusters."""

    @property
    def hit_rate(self) -> float:
        return self.hits / self.asked

    @property
    def precision(self) -> float | None:
        """The share of hits that were right; None without hits."""
        return (self.hits - self.false_hits) / self.hits if self.hits else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the precision."""
        return wilson((self.precision or 0.0) * self.independent_hits, self.independent_hits)

    @property
    def false_per_1000(self) -> float:
        """Wrong answers per 1,000 questions asked."""
        return 1000 * self.false_hits / self.asked


def by_distance(labels: Labels, guards: Mapping[str, Guard]) -> Score:
    """Score as `DistancePolicy` does: the distance and the guards' penalties."""
    policy = DistancePolicy(_FARTHEST, guards)

    def score(asked: int, stored: int, distance: float) -> float:
        candidate = Candidate("", labels.texts[stored], distance)
        decision = policy.decide(labels.texts[asked], candidate, _FARTHEST)
        return distance + decision.penalty if decision.accepted else math.inf

    return score


def play(
    labels: Labels,
    vectors: Vectors,
    score: Score,
    limits: Sequence[float],
    *,
    within: float | None = None,
) -> Outcome:
    """Ask all questions at all limits; without `within`, a limit is a distance threshold."""
    bounds = np.asarray(limits, dtype=float)
    outcome = np.full((len(labels.asked), len(bounds)), MISS, dtype=np.int32)
    missed = np.zeros(outcome.shape, dtype=bool)
    place = np.zeros(len(labels.texts), dtype=int)
    place[labels.asked] = np.arange(len(labels.asked))
    reach = float(bounds[-1]) if within is None else within
    for at, (asked, near, distances) in enumerate(neighbours(labels, vectors, reach)):
        able = np.ones((len(near), len(bounds)), dtype=bool)
        if labels.stream:  # only what was a miss has been stored
            able &= missed[place[near]]
        if within is None:
            able &= bounds >= distances[:, None]
        waiting = np.ones(len(bounds), dtype=bool)
        seen = np.zeros(len(bounds), dtype=int)
        for one in np.flatnonzero(able.any(axis=1)):
            active = able[one] & waiting
            if not active.any():
                continue
            stored = int(near[one])
            hit = active & (bounds >= score(asked, stored, float(distances[one])))
            outcome[at, hit] = stored
            seen += active
            waiting &= ~hit & (seen < CANDIDATES)
            if not waiting.any():
                break
        missed[at] = outcome[at] == MISS
    return outcome


def neighbours(
    labels: Labels, vectors: Vectors, reach: float
) -> Iterator[tuple[int, NDArray[np.int64], Vectors]]:
    """Give every asked question its candidates within reach, nearest first.

    Of a stream all earlier questions are candidates, of pairs the nearest of the stored ones.
    """
    store = np.array(labels.asked if labels.stream else labels.stored, dtype=np.int64)
    for start, block, distances in _blocks(labels, vectors, store):
        for row, asked in enumerate(block):
            line = distances[row, : start + row] if labels.stream else distances[row]
            close = np.flatnonzero(line <= reach)
            if not labels.stream and len(close) > CANDIDATES:
                close = close[np.argpartition(line[close], CANDIDATES - 1)[:CANDIDATES]]
                close.sort()
            close = close[np.argsort(line[close], kind="stable")]
            yield asked, store[close], line[close]


def _blocks(
    labels: Labels, vectors: Vectors, store: NDArray[np.int64]
) -> Iterator[tuple[int, list[int], Vectors]]:
    """Give the distances of some asked questions at a time to all of the store they may meet."""
    shelf = vectors[store]
    for start in range(0, len(labels.asked), _BLOCK):
        block = labels.asked[start : start + _BLOCK]
        end = start + len(block) if labels.stream else len(store)
        yield start, block, np.maximum(1.0 - vectors[block] @ shelf[:end].T, 0.0)


def nearest_of_both_kinds(labels: Labels, vectors: Vectors) -> tuple[list[float], list[float]]:
    """Of a stream, the distances to the nearest earlier question of one cluster and of others."""
    store = np.array(labels.asked, dtype=np.int64)
    cluster = _numbered(labels.cluster)
    same: list[float] = []
    different: list[float] = []
    for start, block, distances in _blocks(labels, vectors, store):
        alike = cluster[block][:, None] == cluster[store[: distances.shape[1]]]
        earlier = np.arange(distances.shape[1]) < start + np.arange(len(block))[:, None]
        for kind, which in ((same, alike & earlier), (different, ~alike & earlier)):
            nearest = np.where(which, distances, np.inf).min(axis=1)
            kind.extend(map(float, nearest[np.isfinite(nearest)]))
    return same, different


def _numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def rows(labels: Labels, outcome: Outcome, limits: Sequence[float]) -> list[Row]:
    """Judge what was served."""
    cluster, group = _numbered(labels.cluster), _numbered(labels.group)
    asked = np.array(labels.asked, dtype=np.int64)
    contradicted = {
        key
        for key, same in labels.direct.items()
        if not same and cluster[key[0]] == cluster[key[1]]
    }
    found = []
    for column, limit in enumerate(limits):
        hits = np.flatnonzero(outcome[:, column] != MISS)
        served = outcome[hits, column]
        wrong = cluster[asked[hits]] != cluster[served]
        if contradicted:
            ends = zip(asked[hits].tolist(), served.tolist(), strict=True)
            wrong |= np.array([(min(e), max(e)) in contradicted for e in ends], dtype=bool)
        count = int(wrong.sum())
        effective = independent(wrong, group[asked[hits]])
        found.append(Row(float(limit), len(asked), len(hits), count, effective))
    return found


def nearest_right(
    labels: Labels, vectors: Vectors, stored: Sequence[int]
) -> Iterator[tuple[int, int, float]]:
    """Give every asked question the nearest stored one that answers it, where there is one.

    Of a stream only an earlier one counts.
    """
    members: dict[Hashable, list[int]] = {}
    for text in stored:
        members.setdefault(labels.cluster[text], []).append(text)
    for asked in labels.asked:
        able = [
            text
            for text in members.get(labels.cluster[asked], ())
            if (text < asked if labels.stream else labels.right(asked, text))
        ]
        if able:
            line = np.maximum(1.0 - vectors[able] @ vectors[asked], 0.0)
            best = int(np.argmin(line))
            yield asked, able[best], float(line[best])
