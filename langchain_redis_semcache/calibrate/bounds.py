"""The little statistics that calibration needs: an interval for a share, and a logistic fit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

Z = 1.959964
"""Two-sided 95 %."""
_MOST = 10_000_000
_STEPS = 50


def wilson(right: float, of: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's, which stays sensible near 0 and 1)."""
    if not of:
        return 0.0, 1.0
    share, square = right / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    # At the ends the bound is exact, but for rounding.
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return low, 1.0 if right == of else min(1.0, middle + half)


def independent(wrong: NDArray[np.bool_], group: NDArray[np.int64]) -> float:
    """How many independent trials tell as much as these, which are alike within their groups.

    The effective sample size of survey statistics: the variance of the share is measured between
    the groups (one topic that is confused with another gives many errors at once).
    """
    count, share = len(wrong), float(wrong.mean()) if len(wrong) else 0.0
    if share in (0.0, 1.0):
        return float(count)
    groups, place = np.unique(group, return_inverse=True)
    surplus = np.bincount(place, weights=wrong - share)
    if len(groups) < 2:
        return 1.0
    variance = len(groups) / (len(groups) - 1) * float(np.sum(surplus**2)) / count**2
    return min(float(count), share * (1 - share) / variance) if variance else float(count)


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


def sigmoid(x: Numbers) -> Numbers:
    """The logistic function, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def logistic(features: Numbers, right: Numbers, ridge: float = 1.0) -> tuple[float, Numbers]:
    """Fit intercept and weights by Newton's method with a penalty on the standardised weights."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread < 1e-12] = 1.0  # a constant column gets no weight from the penalty
    x = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6  # the intercept is free, but finite where all outcomes are equal
    weights = np.zeros(x.shape[1])

    def loss(w: Numbers) -> float:
        z = x @ w
        return float(np.sum(np.logaddexp(0, z) - right * z) + 0.5 * np.sum(penalty * w * w))

    current = loss(weights)
    for _ in range(_STEPS):
        p = sigmoid(x @ weights)
        gradient = x.T @ (p - right) + penalty * weights
        hessian = (x.T * (p * (1 - p))) @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        # Newton can overshoot where the data are separable: halve until it gets better.
        while (following := loss(weights - size * step)) > current and size > 1e-6:
            size /= 2
        weights = weights - size * step
        if current - following < 1e-9:
            break
        current = following
    slopes = weights[1:] / spread
    return float(weights[0] - slopes @ mean), slopes
