"""No question judges a threshold that it had a part in choosing.

Rule of this module: topics are dealt to three parts; each part judges what the other two choose,
and all judgements count together. All questions are played together, so that each part meets as
many stored ones as in the cache.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from .bounds import wilson
from .labels import Labels
from .replay import MISS, Outcome, Row, rows

PARTS = 3
_NEARLY_ALL = 0.98


def dealt(labels: Labels, seed: int) -> list[int]:
    """Return the part of each asked question."""
    size: dict[Hashable, int] = {}
    for asked in labels.asked:
        size[labels.group[asked]] = size.get(labels.group[asked], 0) + 1
    groups = list(size)
    order = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    # The large ones first, each to where most room is left, so that the parts come out even.
    order.sort(key=lambda group: -size[group])
    filled = [0] * PARTS
    part: dict[Hashable, int] = {}
    for group in order:
        part[group] = filled.index(min(filled))
        filled[part[group]] += size[group]
    return [part[labels.group[asked]] for asked in labels.asked]


def judge(
    labels: Labels, outcome: Outcome, table: Sequence[Row], target: float, seed: int
) -> Row | None:
    """Return the threshold that all choose, with what the parts' choices do to the others.

    None if one of the two, chosen by all or for each other, is not sure to reach the target.
    """
    whole = choose(table, table, target)
    if whole is None:
        return None
    part = np.array(dealt(labels, seed), dtype=int)
    thresholds = [row.threshold for row in table]
    crossed = np.full((len(labels.asked), 1), MISS, dtype=np.int32)
    for number in range(PARTS):
        mine = part == number
        theirs = [asked for asked, is_mine in zip(labels.asked, mine, strict=True) if not is_mine]
        others = replace(labels, asked=theirs)
        choice = choose(rows(others, outcome[~mine], thresholds), table, target)
        if choice is None:
            return None
        crossed[mine, 0] = outcome[mine, choice]
    (judged,) = rows(labels, crossed, [thresholds[whole]])
    return judged if judged.hits and judged.interval[0] >= target else None


def choose(some: Sequence[Row], table: Sequence[Row], target: float) -> int | None:
    """Return the place of the threshold that some of the questions choose.

    It is the smallest one with nearly all the hits of those that will probably be found sure. Not
    the largest: where a larger one gains next to nothing there is no evidence for it either.
    """
    likely = [
        at
        for at, (one, whole) in enumerate(zip(some, table, strict=True))
        if _is_likely(one, whole, target)
    ]
    most = max((some[at].hits for at in likely), default=0)
    return next((at for at in likely if some[at].hits >= _NEARLY_ALL * most), None)


def _is_likely(one: Row, whole: Row, target: float) -> bool:
    if not one.hits or one.precision is None:
        return False
    size = whole.hits * one.independent_hits / one.hits
    careful = wilson(one.precision * one.independent_hits, one.independent_hits, z=1.0)[0]
    return careful >= target and wilson(one.precision * size, size)[0] >= target
