"""What is known about distances and wrong answers: a histogram, and what follows from it.

Rule of this module: counts in, estimates out; where they are kept and who counted is others'
business. Within one bin it does not matter whether a verdict came from an audited hit or from a
miss that was compared anyway: both are chance samples of the same distances. So the error rate of a
bin is that of its verdicts, and bins are weighed by how many candidates fell into them, judged or
not. That holds however often the threshold has moved in between. Evidence fades: a bin remembers
its last one or two thousand verdicts, and what is known of before an alarm is forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .anytime import ALPHA, NO_CHECKS, Checks, corrected, is_below, upper_bound

BINS = 40
STARTS = {4: 0.2, 8: 0.6, 16: 0.2}
"""Bins up to which evidence may begin to be enough, and their parts of the chance of an error. A
threshold that is sure hands its part on to the next larger one (the fallback procedure)."""
_STRATUM = 20  # verdicts; fewer are pooled with those beside them
_KINDS = "mnk"  # met, judged, wrong
_CHECKED = "cf"  # the judge was checked, and failed: in the first bin
REMEMBERED = {"n": 2000, "m": 100_000}
"""Verdicts of a bin, and candidates in it, at which what is counted is halved."""

Bin = tuple[int, int, int]
"""Met, judged, wrong."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The error rate of what is served below a threshold."""

    threshold: float
    judged: int
    wrong: int
    rate: float | None
    """None before there is evidence."""
    upper_bound: float
    """One-sided, 95 %, at whatever time it is looked at."""


class Evidence:
    """Counts per bin of the distance, shared by adding up; safe under threads and tasks."""

    def __init__(self, reach: float, series: str) -> None:
        self.reach = reach
        self.belongs_to(series)
        self._shared = _empty()
        self._unsent = _empty()
        self._opened: dict[float, float] = {}
        self.lock = threading.Lock()

    def belongs_to(self, series: str) -> None:
        """Name what is counted: bins of another width or meaning must not be mixed with these."""
        self._prefix = f"{series}:{self.reach:g}:"

    def met(self, distance: float) -> None:
        """Count a candidate that was served unjudged."""
        with self.lock:
            # No verdict, so the thresholds may wait for the next one.
            self._unsent["m"][self._bin(distance)] += 1
            self._fade(self._bin(distance))

    def judged(self, distance: float, right: bool) -> None:
        """Count a verdict."""
        with self.lock:
            for kind in _KINDS[: 2 if right else 3]:
                self._unsent[kind][self._bin(distance)] += 1
            self._fade(self._bin(distance))
            self._opened.clear()

    def forget(self) -> None:
        """Drop what is known of distances, the shared with the next counts that are sent."""
        with self.lock:
            for kind in _KINDS:
                self._unsent[kind] = [-count for count in self._shared[kind]]
            self._opened.clear()

    def within(self, threshold: float) -> tuple[int, int]:
        """Return the verdicts about what is nearer, right and wrong, as they are remembered."""
        with self.lock:
            bins = self._bins()[: round(threshold / self.reach * BINS)]
        wrong = sum(k for _, _, k in bins)
        return sum(n for _, n, _ in bins) - wrong, wrong

    def checked(self, right: bool) -> None:
        """Count a verdict about an answer that is right for certain."""
        with self.lock:
            for kind in _CHECKED[: 1 if right else 2]:
                self._unsent[kind][0] += 1
            if self._unsent["c"][0] >= REMEMBERED["n"]:
                for kind in _CHECKED:
                    self._unsent[kind][0] //= 2
            self._opened.clear()

    @property
    def checks(self) -> Checks:
        """How often the judge was checked, and how often it failed."""
        with self.lock:
            return self._checks()

    def absorb(self, counts: Mapping[str, int]) -> None:
        """Take over what all processes have counted together."""
        shared = _empty()
        for kind, bins in shared.items():
            for at in range(BINS):
                bins[at] = max(0, counts.get(f"{self._prefix}{kind}{at}", 0))
        with self.lock:
            self._shared = shared
            self._opened.clear()

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
        with self.lock:
            bins, checks = self._bins()[: round(threshold / self.reach * BINS)], self._checks()
        judged, wrong = sum(n for _, n, _ in bins), sum(k for _, _, k in bins)
        rate, worth = weighed(bins)
        if not worth:
            return Estimate(threshold, judged, wrong, None, 1.0)
        bound = upper_bound(rate * worth, worth, checks=checks)
        return Estimate(threshold, judged, wrong, corrected(rate, checks), bound)

    def largest_threshold(self, max_error_rate: float) -> float:
        """Return the largest threshold that is sure to keep the limit; 0.0 for none."""
        with self.lock:
            found = self._opened.get(max_error_rate)
            if found is None:
                sure = largest_sure(self._bins(), max_error_rate, self._checks())
                found = self._opened[max_error_rate] = sure * self.reach / BINS
            return found

    def renew_lock(self) -> None:
        """A forked process may have inherited it locked."""
        self.lock = threading.Lock()

    def _bin(self, distance: float) -> int:
        return min(max(int(distance / self.reach * BINS), 0), BINS - 1)

    def _fade(self, at: int) -> None:
        """Halve what has not been sent, should it be much; of the shared, Redis takes care."""
        unsent = self._unsent
        if unsent["n"][at] >= REMEMBERED["n"]:
            for kind in "nk":
                unsent[kind][at] //= 2
        if unsent["m"][at] >= REMEMBERED["m"]:
            unsent["m"] = [count // 2 for count in unsent["m"]]

    def _checks(self) -> Checks:
        checked, failed = (max(0, self._shared[k][0] + self._unsent[k][0]) for k in _CHECKED)
        return checked, min(checked, failed)

    def _bins(self) -> list[Bin]:
        met, judged, wrong = (
            [a + b for a, b in zip(self._shared[kind], self._unsent[kind], strict=True)]
            for kind in _KINDS
        )
        return [
            (max(m, n), n, min(max(0, k), n))
            for m, n, k in zip(met, (max(0, n) for n in judged), wrong, strict=True)
        ]


def _empty() -> dict[str, list[int]]:
    return {kind: [0] * BINS for kind in _KINDS + _CHECKED}


def largest_sure(bins: Sequence[Bin], limit: float, checks: Checks = NO_CHECKS) -> int:
    """Return up to how many bins errors are sure to be rarer than the limit; 0 for none."""
    found, budget, new = 0, 0.0, 0
    for upto in range(1, len(bins) + 1):
        budget += ALPHA * STARTS.get(upto, 0.0)
        new += bins[upto - 1][1]
        if not budget:
            continue
        rate, worth = weighed(bins[:upto])
        if not worth:  # nothing to be served up to there: the next one may have its part
            continue
        if is_below(rate * worth, worth, limit, budget, checks):
            if new >= _STRATUM:  # what is farther than the evidence is not served
                found, new = upto, 0
        else:
            budget = 0.0
    return found


def weighed(bins: Sequence[Bin]) -> tuple[float, float]:
    """Return the error rate, and how many independent verdicts it is worth (0.0 for none).

    The stratified estimate of survey statistics, and Kish's effective size of its sample.
    """
    strata: list[Bin] = []
    met = judged = wrong = 0
    for one in bins:
        met, judged, wrong = met + one[0], judged + one[1], wrong + one[2]
        if judged >= _STRATUM:
            strata.append((met, judged, wrong))
            met = judged = wrong = 0
    if strata:  # what is left at the end is too little for a rate of its own
        m, n, k = strata.pop()
        met, judged, wrong = met + m, judged + n, wrong + k
    if not judged:
        return 0.0, 0.0
    strata.append((met, judged, wrong))
    mass = sum(m for m, _, _ in strata)
    rate = sum(m * k / n for m, n, k in strata) / mass
    return rate, mass * mass / sum(m * m / n for m, n, _ in strata)
