"""Which distance threshold suits an embedding model and one's own questions?

Labelled questions are played through a cache at all thresholds. One is recommended only where the
data make sure that it keeps the target precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from ..errors import ConfigurationError, SemcacheError
from ..guards import DEFAULT_GUARDS, Guard
from ..policies.decision import Candidate
from ..policies.distance import DistancePolicy
from .bounds import needed
from .labels import Clustered, Labels, Pair, arrange
from .replay import (
    MISS,
    Outcome,
    Row,
    Vectors,
    by_distance,
    nearest_of_both_kinds,
    nearest_right,
    play,
    rows,
)
from .result import Calibration, Example
from .split import judge

THRESHOLDS = tuple(round(0.005 * step, 3) for step in range(1, 121))
DEFAULT_TARGET = 0.98
_EXAMPLES = 25
_FEW_LOOK_ALIKES = 20
_PROBE_TOLERANCE = 1e-2

Progress = Callable[[int, int], None]
"""Called with the number of texts embedded so far, and of all."""


class EmbeddingError(SemcacheError):
    """The embedding model failed, or returned something that is no vector."""


def calibrate(
    pairs: Sequence[Pair] | Sequence[Clustered] | Sequence[tuple[Any, ...]],
    embeddings: Embeddings,
    *,
    guards: Mapping[str, Guard] = DEFAULT_GUARDS,
    target_precision: float = DEFAULT_TARGET,
    seed: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> Calibration:
    """Play labelled questions through a cache and recommend a distance threshold.

    Of pairs (q1, q2, same) all q1 are stored, then all q2 asked. Questions (q, cluster) are asked
    in their order, and those that miss are stored.

    Args:
        pairs: As from `load_pairs`, or plain tuples.
        embeddings: The embedding model of the cache.
        guards: The guards of the cache.
        target_precision: The share of hits that must be right.
        seed: Decides which topics choose the threshold that others judge.
        batch_size: Texts per call of the embedding model.
        progress: Called while embedding.
    """
    labels = _checked(pairs, target_precision, batch_size)
    vectors = _embedded(labels, embeddings, batch_size, progress)
    score = by_distance(labels, guards)
    outcome = play(labels, vectors, score, THRESHOLDS)
    table = rows(labels, outcome, THRESHOLDS)
    judged = judge(labels, outcome, table, target_precision, seed)
    chosen = None if judged is None else table[THRESHOLDS.index(judged.threshold)]
    refusal = None if chosen else _refusal(table, target_precision, labels)
    shown = chosen or _most_promising(table)
    column = table.index(shown)
    without = [shown.threshold]
    unguarded = rows(labels, play(labels, vectors, by_distance(labels, {}), without), without)[0]
    same, different = _distances(labels, vectors)
    _note_few_look_alikes(labels, shown, different)
    return Calibration(
        table=tuple(table),
        target_precision=target_precision,
        chosen=chosen,
        refusal=refusal,
        unguarded=unguarded,
        false_hits=_false_hits(labels, vectors, outcome[:, column]),
        misses=_misses(labels, vectors, outcome[:, column], shown.threshold, guards),
        same=same,
        different=different,
        kind="stream" if labels.stream else "pairs",
        stored=int((outcome[:, column] == MISS).sum()) if labels.stream else len(labels.stored),
        model=_name(embeddings),
        notes=tuple(labels.notes),
        judged=judged,
    )


def _checked(pairs: Sequence[Any], target_precision: float, batch_size: int) -> Labels:
    if isinstance(target_precision, bool) or not 0 < target_precision < 1:
        raise ConfigurationError(
            f"target_precision must be between 0 and 1, e.g. 0.98, not {target_precision!r}"
        )
    if batch_size < 1:
        raise ConfigurationError(f"batch_size must be at least 1, not {batch_size!r}")
    labels = arrange(pairs)
    if not labels.asked or not (labels.stream or labels.stored):
        raise ConfigurationError(
            "nothing to ask: a question that is the first of one pair is stored, so at least one "
            "second question must not be first in any pair"
        )
    return labels


def _note_few_look_alikes(labels: Labels, shown: Row, different: Sequence[float]) -> None:
    near = sum(distance <= 2 * shown.threshold for distance in different)
    if shown.hits and near < _FEW_LOOK_ALIKES and not labels.stream:
        labels.notes.append(
            f"Only {near} pairs labelled different are within twice the threshold "
            f"{shown.threshold:g}: real traffic has questions that look alike and differ. Add some."
        )


def _refusal(table: Sequence[Row], target: float, labels: Labels) -> str:
    """Say whether more questions would help, and how many."""
    unit = "questions" if labels.stream else "pairs"
    hits = [(row, row.precision) for row in table if row.precision is not None]
    if not hits:
        return (
            f"No threshold up to {table[-1].threshold:g} gives a single hit: the data hold no two "
            "questions near each other, or a guard objects to all of them."
        )
    wants = [(row, share, needed(share, target)) for row, share in hits]
    possible = [
        (math.ceil((want / row.independent_hits - 1) * row.asked), row, share)
        for row, share, want in wants
        if want is not None
    ]
    if not possible:
        best, share = max(hits, key=lambda hit: (hit[1], hit[0].hits))
        return (
            f"No threshold reaches a precision of {target:g}: the best is {share:.3f} at "
            f"{best.threshold:g} ({best.hits} hits, {best.false_hits} of them wrong). More {unit} "
            "like these are not expected to help: look at the worst false hits (labels that are "
            "missing or wrong, or a guard to add), or take a better embedding model."
        )
    more, row, share = min(possible, key=lambda item: (item[0], -item[1].hits))
    if more <= 0:
        return (
            f"No threshold is sure to reach a precision of {target:g}: what one part "
            f"of the questions chose the others did not confirm. About {_about(row.asked)} more "
            f"{unit} like these would tell, or a lower target."
        )
    return (
        f"Too few {unit} to promise a precision of {target:g}: at the threshold "
        f"{row.threshold:g}, {row.hits - row.false_hits} of {row.hits} hits were right, so the "
        f"95 % interval begins at {row.interval[0]:.3f}. About {_about(more)} more {unit} like "
        f"these would be needed (if the precision stays at {share:.3f}).{_few_topics(row)}"
    )


def _few_topics(row: Row) -> str:
    """Say where more of the same would be of little use."""
    if row.hits < 2 * row.independent_hits:
        return ""
    return (
        f" The {row.hits} hits are of few topics and count as {row.independent_hits:.0f}: fewer "
        "are needed of topics that are not among them."
    )


def _about(number: int) -> str:
    """Round up to two figures: more would pretend to know."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{math.ceil(number / unit) * unit:,}"


def _most_promising(table: Sequence[Row]) -> Row:
    served = [row for row in table if row.hits] or table
    return max(served, key=lambda row: (row.interval[0], -row.threshold))


def _false_hits(labels: Labels, vectors: Vectors, served: Outcome) -> tuple[Example, ...]:
    found = []
    for asked, one in zip(labels.asked, map(int, served), strict=True):
        if one != MISS and not labels.right(asked, one):
            if labels.stream:
                reason = f"{labels.cluster[asked]} / {labels.cluster[one]}"
            else:
                known = labels.said(asked, one) is False
                reason = "labelled different" if known else "no label"
            found.append(_example(labels, vectors, asked, one, reason))
    return tuple(sorted(found, key=lambda example: example.distance))


def _misses(
    labels: Labels,
    vectors: Vectors,
    served: Outcome,
    threshold: float,
    guards: Mapping[str, Guard],
) -> tuple[Example, ...]:
    missed = {asked for asked, one in zip(labels.asked, served, strict=True) if one == MISS}
    policy = DistancePolicy(threshold, guards)
    found = []
    stored = [i for i in labels.asked if i in missed] if labels.stream else labels.stored
    for asked, one, distance in nearest_right(labels, vectors, stored):
        if asked in missed:
            candidate = Candidate("", labels.texts[one], distance)
            decision = policy.decide(labels.texts[asked], candidate, threshold)
            reason = "others were nearer" if decision.accepted else decision.reason
            reason = f"guard: {decision.guard}" if decision.guard else reason.replace("_", " ")
            found.append(_example(labels, vectors, asked, one, reason))
    return tuple(sorted(found, key=lambda example: example.distance)[:_EXAMPLES])


def _example(labels: Labels, vectors: Vectors, asked: int, one: int, reason: str) -> Example:
    distance = max(0.0, 1.0 - float(vectors[asked] @ vectors[one]))
    return Example(labels.texts[asked], labels.texts[one], distance, reason)


def _distances(labels: Labels, vectors: Vectors) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of labelled pairs their distances; of a stream those to the nearest of both kinds."""
    if not labels.stream:
        ends = np.array(list(labels.direct), dtype=int).reshape(-1, 2)
        distance = np.maximum(1.0 - np.sum(vectors[ends[:, 0]] * vectors[ends[:, 1]], axis=1), 0.0)
        said = np.fromiter(labels.direct.values(), dtype=bool)
        return tuple(map(float, distance[said])), tuple(map(float, distance[~said]))
    same, different = nearest_of_both_kinds(labels, vectors)
    return tuple(same), tuple(different)


def _embedded(
    labels: Labels, embeddings: Embeddings, batch_size: int, progress: Progress | None
) -> Vectors:
    """Embed every text once, as unit vectors, as the cache would: with `embed_query`."""
    texts = labels.texts
    wanted = sorted({*labels.asked, *labels.stored})
    try:
        # Batches are for documents. Some models embed those differently from questions.
        probe = texts[wanted[0]]
        one, other = _unit([embeddings.embed_query(probe), embeddings.embed_documents([probe])[0]])
        batches = float(one @ other) > 1 - _PROBE_TOLERANCE or not (one.any() or other.any())
        if not batches:
            labels.notes.append(
                "This model embeds questions and documents differently: like the cache, this used "
                "embed_query, one question at a time."
            )
        found: list[list[float]] = []
        while len(found) < len(wanted):
            batch = [texts[i] for i in wanted[len(found) : len(found) + batch_size]]
            made = (
                embeddings.embed_documents(batch)
                if batches
                else [embeddings.embed_query(text) for text in batch]
            )
            if len(made) != len(batch):
                raise ValueError(f"{len(made)} vectors for {len(batch)} texts")
            found += made
            if progress is not None:
                progress(len(found), len(wanted))
        unit = _unit(found)
    except Exception as error:
        # The cause may quote the text or the key.
        raise EmbeddingError(f"embedding failed: {type(error).__name__}") from error
    vectors = np.zeros((len(texts), unit.shape[1]), dtype=np.float32)
    vectors[wanted] = unit
    return vectors


def _unit(vectors: Sequence[Sequence[float]]) -> Vectors:
    table = np.asarray(vectors, dtype=np.float32)
    if table.ndim != 2 or not table.shape[1] or not np.isfinite(table).all():
        raise ValueError("not a list of finite vectors of one length")
    # The vector of an empty text may be all zeros; it stays so, at distance 1 from everything.
    unit: Vectors = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    return unit


def _name(embeddings: Embeddings) -> str:
    from ..driver.embedder import embedding_id

    return embedding_id(embeddings)
