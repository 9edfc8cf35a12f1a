"""Intervals are those of the literature, and errors that come together count less."""

from __future__ import annotations

import numpy as np
import pytest

from langchain_redis_semcache.calibrate.bounds import independent, needed, wilson


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        # Newcombe 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(right: int, of: int, low: float, high: float) -> None:
    """The interval is the one of the literature."""
    assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("share", [1.0, 0.999, 0.99, 0.981])
def test_needed(share: float) -> None:
    """So many trials are enough, and one less is not."""
    number = needed(share, 0.98)
    assert number is not None
    assert wilson(share * number, number)[0] >= 0.98 > wilson(share * (number - 1), number - 1)[0]
    assert needed(0.98, 0.98) is None


def test_errors_that_come_together_count_less() -> None:
    """Ten errors of one topic tell less than ten errors of ten topics."""
    wrong = np.arange(100) < 10
    alone, together = np.arange(100), np.arange(100) // 10
    assert independent(wrong, alone) == pytest.approx(99)
    assert independent(wrong, together) == pytest.approx(9)
    assert independent(wrong, np.zeros(100, dtype=int)) == 1.0
    assert independent(np.arange(100) < 1, together) == 20
    assert independent(np.arange(100) % 10 == 0, together) == 100
    assert independent(np.zeros(0, dtype=bool), np.zeros(0, dtype=int)) == 0


def test_without_an_error_a_topic_counts_once() -> None:
    """Right hits of one topic are one piece of evidence, and so are wrong ones."""
    none, every = np.zeros(100, dtype=bool), np.ones(100, dtype=bool)
    assert independent(none, np.arange(100)) == 100
    assert independent(none, np.arange(100) // 10) == 10
    assert independent(every, np.arange(100) // 50) == 2
