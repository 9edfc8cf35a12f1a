"""The little statistics that calibration needs: an interval for a share, and what it is worth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z = 1.959964
"""Two-sided 95 %."""
_MOST = 10_000_000


def wilson(right: float, of: float, z: float = Z) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's, which stays sensible near 0 and 1)."""
    if not of:
        return 0.0, 1.0
    share, square = right / of, z * z / of
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    # At the ends the bound is exact, but for rounding.
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return low, 1.0 if right == of else min(1.0, middle + half)


def independent(wrong: NDArray[np.bool_], group: NDArray[np.int64]) -> float:
    """How many independent trials tell as much as these, which are alike within their groups.

    The effective sample size of survey statistics: the variance of the share is measured between
    the groups (one topic that is confused with another gives many errors at once). Few errors say
    little about that: without any, a group counts once; with errors in n groups, n + 1 times at
    most.
    """
    count, share = len(wrong), float(wrong.mean()) if len(wrong) else 0.0
    groups, place = np.unique(group, return_inverse=True)
    if share in (0.0, 1.0):
        return float(len(groups))
    surplus = np.bincount(place, weights=wrong - share)
    if len(groups) < 2:
        return 1.0
    variance = len(groups) / (len(groups) - 1) * float(np.sum(surplus**2)) / count**2
    most = min(count, len(groups) * (1 + len(np.unique(place[wrong]))))
    return min(float(most), share * (1 - share) / variance) if variance else float(most)


def needed(share: float, target: float) -> int | None:
    """How many trials with this share of successes put the lower bound at the target."""
    if share <= target or wilson(share * _MOST, _MOST)[0] < target:
        return None
    low, high = 1, _MOST
    while low < high:
        middle = (low + high) // 2
        if wilson(share * middle, middle)[0] >= target:
            high = middle
        else:
            low = middle + 1
    return low
