"""Does a verifier learned from these pairs serve more than the plain threshold?

It is kept only if so on a third of the data that neither the fit nor the choices have seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..guards import Guard
from ..policies.decision import Candidate
from ..policies.learned import LearnedPolicy, features
from .bounds import Z, logistic
from .labels import Labels
from .replay import (
    MISS,
    Outcome,
    Score,
    Vectors,
    by_distance,
    choose,
    neighbours,
    play,
    rows,
)

_PARTS = 3
_FOLDS = 4
_NEAREST = 3  # candidates per question: farther ones are hardly ever decided about
_SEEN = 30  # objections that a guard must have made before its veto becomes a weight
_FEWEST = 50  # right and wrong candidates each
_LIMITS = 120
_PREFIX = "guard:"


@dataclass(frozen=True)
class Trial:
    """What became of the verifier: a policy where it is worth having, and why or why not."""

    policy: LearnedPolicy | None
    message: str


def try_verifier(
    labels: Labels,
    vectors: Vectors,
    guards: Mapping[str, Guard],
    thresholds: Sequence[float],
    target: float,
    seed: int,
) -> Trial:
    """Learn from two thirds, compare on the last; needs the same seed to give the same result."""
    part = _split(labels, seed)
    train = labels.within({group for group, number in part.items() if number < _FOLDS})
    held = labels.within({group for group, number in part.items() if number >= _FOLDS})
    if not (train.asked and held.asked and (labels.stream or (train.stored and held.stored))):
        return Trial(None, "No verifier: the questions hang together and cannot be split.")

    plain = by_distance(labels, guards)
    threshold = choose(rows(train, play(train, vectors, plain, thresholds), thresholds), target)
    examples = _examples(train, vectors, thresholds[-1])
    right = np.array([train.right(a, s) for a, s, _ in examples], dtype=float)
    if min(right.sum(), len(right) - right.sum()) < _FEWEST:
        return Trial(
            None,
            f"No verifier: learning needs {_FEWEST} right and {_FEWEST} wrong near candidates, "
            f"there are {right.sum():.0f} and {len(right) - right.sum():.0f}.",
        )
    distances = np.array([distance for _, _, distance in examples])
    within = float(np.quantile(distances[right == 1], 0.95))
    fit = _Fit(labels, examples, right, within, guards)

    # The cutoff is chosen on candidates that the judging fit has not seen.
    fold = np.array([part[labels.group[a]] for a, _, _ in examples])
    judges = {number: fit.policy(fold != number, 0.0) for number in range(_FOLDS)}
    crossed = _by_probability(labels, lambda asked: judges[part[labels.group[asked]]])
    limits = sorted({*np.linspace(0, 1, _LIMITS), *(0.5 ** np.arange(1, 12))})
    trained = rows(train, play(train, vectors, crossed, limits, within=within), limits)
    chosen = choose(trained, target)
    if chosen is None:
        return Trial(None, "No verifier: no cutoff of it reaches the target on two thirds.")

    policy = fit.policy(np.ones(len(examples), dtype=bool), 1.0 - chosen.threshold)
    theirs = play(held, vectors, _as_it_is(labels, policy), [0.0], within=within)
    ours = (
        play(held, vectors, plain, [threshold.threshold])
        if threshold
        else np.full_like(theirs, MISS)
    )
    return _compared(held, ours, theirs, target, policy)


class _Fit:
    """What is known of the near candidates, and the policies that fit some of them."""

    def __init__(
        self,
        labels: Labels,
        examples: Sequence[tuple[int, int, float]],
        right: NDArray[np.float64],
        within: float,
        guards: Mapping[str, Guard],
    ) -> None:
        seen = [features(labels.texts[a], labels.texts[s], d, guards) for a, s, d in examples]
        self._names = [
            name
            for name in seen[0]
            if not name.startswith(_PREFIX) or sum(one[name] for one in seen) >= _SEEN
        ]
        self._table = np.array([[one[name] for name in self._names] for one in seen])
        self._right = right
        self._threshold = math.ceil(within * 1000) / 1000
        self._guards = guards

    def policy(self, chosen: NDArray[np.bool_], cutoff: float) -> LearnedPolicy:
        names, used = self._names, list(range(len(self._names)))
        while True:
            intercept, weights = logistic(self._table[chosen][:, used], self._right[chosen])
            learned = {names[i]: float(weight) for i, weight in zip(used, weights, strict=True)}
            # A guard never speaks for a hit. Where the data say so, it goes on as before.
            kept = [i for i in used if not names[i].startswith(_PREFIX) or learned[names[i]] <= 0]
            if kept == used:
                return LearnedPolicy(learned, intercept, cutoff, self._threshold, self._guards)
            used = kept


def _compared(
    held: Labels, ours: Outcome, theirs: Outcome, target: float, policy: LearnedPolicy
) -> Trial:
    plain, learned = rows(held, ours, [0.0])[0], rows(held, theirs, [0.0])[0]
    good = [
        [served != MISS and held.right(asked, int(served)) for asked, (served,) in pairs]
        for pairs in (zip(held.asked, ours, strict=True), zip(held.asked, theirs, strict=True))
    ]
    won = sum(b and not a for a, b in zip(*good, strict=True))
    lost = sum(a and not b for a, b in zip(*good, strict=True))
    numbers = (
        f"on the held-back third it was right {learned.hits - learned.false_hits} times and wrong "
        f"{learned.false_hits} times, the plain threshold {plain.hits - plain.false_hits} and "
        f"{plain.false_hits} times, of {plain.asked} questions."
    )
    if learned.precision is None or learned.precision < target:
        return Trial(None, f"No verifier: it missed the target precision; {numbers}")
    if won - lost <= Z * math.sqrt(won + lost):
        return Trial(None, f"No verifier: it does not beat the threshold clearly; {numbers}")
    weighed = f" It weighs these guards instead of obeying them: {', '.join(policy.weighed)}."
    return Trial(
        policy, f"The verifier is worth having: {numbers}{weighed if policy.weighed else ''}"
    )


def _split(labels: Labels, seed: int) -> dict[Hashable, int]:
    """Deal the groups into parts 0-3 (to learn from, two thirds) and 4-5 (held back)."""
    size: dict[Hashable, int] = {}
    for asked in labels.asked:
        size[labels.group[asked]] = size.get(labels.group[asked], 0) + 1
    for stored in labels.stored:
        size.setdefault(labels.group[stored], 0)
    groups = list(size)
    order = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    # The large ones first, each to where most room is left, so that the parts come out even.
    order.sort(key=lambda group: -size[group])
    filled = [0] * (_FOLDS * _PARTS // (_PARTS - 1))
    part: dict[Hashable, int] = {}
    for group in order:
        part[group] = filled.index(min(filled))
        filled[part[group]] += size[group]
    return part


def _examples(labels: Labels, vectors: Vectors, reach: float) -> list[tuple[int, int, float]]:
    return [
        (asked, int(stored), float(distance))
        for asked, near, distances in neighbours(labels, vectors, reach)
        for stored, distance in zip(near[:_NEAREST], distances[:_NEAREST], strict=True)
    ]


def _by_probability(labels: Labels, judge: Callable[[int], LearnedPolicy]) -> Score:
    """Score with policies whose cutoff is 0, so that only guards with a veto can refuse."""

    def score(asked: int, stored: int, distance: float) -> float:
        policy = judge(asked)
        if math.isinf(_as_it_is(labels, policy)(asked, stored, distance)):
            return math.inf
        return 1.0 - policy.probability(labels.texts[asked], labels.texts[stored], distance)

    return score


def _as_it_is(labels: Labels, policy: LearnedPolicy) -> Score:
    def score(asked: int, stored: int, distance: float) -> float:
        candidate = Candidate("", labels.texts[stored], distance)
        decision = policy.decide(labels.texts[asked], candidate, policy.distance_threshold)
        return 0.0 if decision.accepted else math.inf

    return score
