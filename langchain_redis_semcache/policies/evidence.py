"""What is known about distances and wrong answers: a histogram, and the bound that follows from it.

Rule of this module: counts in, estimates out; where they are kept and who counted is others'
business. Within one bin it does not matter whether a verdict came from an audited hit or from a
miss that was compared anyway: both are chance samples of the same distances. So the error rate of a
bin is that of its verdicts, and bins are weighed by how many candidates fell into them, judged or
not. That holds however often the threshold has moved in between.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

BINS = 80
SMALLEST_STRATUM = 60
"""Verdicts that are pooled before they count: thresholds are compared at few places, since the best
of many noisy ones would be one that was lucky."""
_Z = 1.644854  # one-sided 95 %
_KINDS = "mnk"  # met, judged, wrong


@dataclass(frozen=True, slots=True)
class Estimate:
    """The error rate of what is served below a threshold."""

    threshold: float
    judged: int
    wrong: int
    rate: float | None
    """None before there is evidence."""
    upper_bound: float
    """One-sided, 95 %."""


class Evidence:
    """Counts per bin of the distance, shared by adding up; safe under threads and tasks."""

    def __init__(self, reach: float, series: str) -> None:
        self.reach = reach
        # Bins of another width or meaning must not be mixed with these.
        self._prefix = f"{series}:{reach:g}:"
        self._shared = _empty()
        self._unsent = _empty()
        self._estimates: list[Estimate] | None = None
        self.lock = threading.Lock()

    def met(self, distance: float) -> None:
        """Count a candidate that was served unjudged."""
        with self.lock:
            # No verdict, so the estimates may wait for the next one.
            self._unsent["m"][self._bin(distance)] += 1

    def judged(self, distance: float, right: bool) -> None:
        """Count a verdict."""
        with self.lock:
            for kind in _KINDS[: 2 if right else 3]:
                self._unsent[kind][self._bin(distance)] += 1
            self._estimates = None

    def absorb(self, counts: Mapping[str, int]) -> None:
        """Take over what all processes have counted together."""
        shared = _empty()
        for kind, bins in shared.items():
            for at in range(BINS):
                bins[at] = max(0, counts.get(f"{self._prefix}{kind}{at}", 0))
        with self.lock:
            self._shared = shared
            self._estimates = None

    def drain(self) -> dict[str, int]:
        """Return what has to be added to the shared counts."""
        with self.lock:
            unsent, self._unsent = self._unsent, _empty()
            for kind, bins in unsent.items():
                self._shared[kind] = [a + b for a, b in zip(self._shared[kind], bins, strict=True)]
        return {
            f"{self._prefix}{kind}{at}": count
            for kind, bins in unsent.items()
            for at, count in enumerate(bins)
            if count
        }

    def estimate(self, threshold: float) -> Estimate:
        """Estimate the error rate of what is nearer than the threshold."""
        nothing = Estimate(threshold, 0, 0, None, 1.0)
        with self.lock:
            bins = self._bins()[: round(threshold / self.reach * BINS)]
        *_, last = nothing, *estimates(bins, self.reach / BINS, complete=True)
        return replace(last, threshold=threshold)

    def largest_threshold(self, max_error_rate: float) -> float:
        """Return the largest threshold whose upper bound is below the limit; 0.0 for none."""
        sure = [e.threshold for e in self._known() if e.upper_bound <= max_error_rate]
        return max(sure, default=0.0)

    def renew_lock(self) -> None:
        """A forked process may have inherited it locked."""
        self.lock = threading.Lock()

    def _bin(self, distance: float) -> int:
        return min(max(int(distance / self.reach * BINS), 0), BINS - 1)

    def _known(self) -> Sequence[Estimate]:
        with self.lock:
            if self._estimates is None:
                self._estimates = list(estimates(self._bins(), self.reach / BINS))
            return self._estimates

    def _bins(self) -> list[tuple[int, int, int]]:
        met, judged, wrong = (
            [a + b for a, b in zip(self._shared[kind], self._unsent[kind], strict=True)]
            for kind in _KINDS
        )
        return [(max(m, n), n, min(k, n)) for m, n, k in zip(met, judged, wrong, strict=True)]


def _empty() -> dict[str, list[int]]:
    return {kind: [0] * BINS for kind in _KINDS}


def estimates(
    bins: Sequence[tuple[int, int, int]], width: float, *, complete: bool = False
) -> Iterator[Estimate]:
    """Give the estimate at the end of every stratum, from (met, judged, wrong) of each bin.

    With `complete`, what is left at the end is a stratum too, if only a small one.

    The stratified estimate of survey statistics; its sample is worth as many independent verdicts
    as the weights leave (Kish), and Wilson's bound is taken of these.
    """
    met = judged = wrong = 0
    mass = errors = spread = 0.0
    all_judged = all_wrong = 0
    for at, one in enumerate(bins):
        met, judged, wrong = met + one[0], judged + one[1], wrong + one[2]
        last = complete and at == len(bins) - 1
        if judged < (1 if last else SMALLEST_STRATUM):
            continue
        mass += met
        errors += met * wrong / judged
        spread += met * met / judged
        all_judged, all_wrong = all_judged + judged, all_wrong + wrong
        met = judged = wrong = 0
        rate = errors / mass
        bound = upper_bound(rate, mass * mass / spread)
        yield Estimate((at + 1) * width, all_judged, all_wrong, rate, bound)


def upper_bound(rate: float, trials: float) -> float:
    """The one-sided 95 % bound of a share (Wilson's, which is sensible near zero)."""
    if trials <= 0:
        return 1.0
    square = _Z * _Z / trials
    half = math.sqrt(rate * (1 - rate) * square + square * square / 4)
    return min(1.0, (rate + square / 2 + half) / (1 + square))
