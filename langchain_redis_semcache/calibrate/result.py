"""What a calibration found: the table of thresholds, the recommendation, examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .replay import Row


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the stored one that was served or should have been, and why."""

    asked: str
    cached: str
    distance: float
    reason: str


@dataclass(frozen=True)
class Calibration:
    """What the labelled questions say about thresholds."""

    table: tuple[Row, ...]
    target_precision: float
    chosen: Row | None
    """The recommended row, or None where the data cannot support the target."""
    refusal: str | None
    """Why none is recommended, and what would help."""
    unguarded: Row
    """What the threshold of the examples would have done without guards."""
    false_hits: tuple[Example, ...]
    """At the recommended threshold, else at the one nearest to the target; nearest first."""
    misses: tuple[Example, ...]
    """Questions that a stored answer was right for, at the same threshold; nearest first."""
    same: tuple[float, ...]
    """Distances of questions that share an answer."""
    different: tuple[float, ...]
    """Distances of questions that do not."""
    kind: Literal["pairs", "stream"]
    stored: int
    model: str
    notes: tuple[str, ...]
    judged: Row | None = None
    """The recommended threshold, each question judging what others chose: by this it is sure."""

    @property
    def recommended(self) -> float | None:
        """The threshold to use, or None where the data cannot support the target."""
        return self.chosen.threshold if self.chosen else None

    @property
    def line(self) -> str | None:
        """The line to paste."""
        if self.chosen is None:
            return None
        return f"RedisSemanticCache(embeddings=..., distance_threshold={self.chosen.threshold:g})"

    @property
    def shown(self) -> Row:
        """The row that the examples belong to."""
        threshold = self.unguarded.threshold
        return next(row for row in self.table if row.threshold == threshold)

    def summary(self) -> tuple[Row, ...]:
        """A dozen rows of the table that a reader needs, the recommended one among them."""
        last = self.last_of_interest()
        place = self.table.index(last) + 1
        step = next((step for step in (1, 2, 4, 5) if place / step <= 13), 10)
        return tuple(
            row
            for number, row in enumerate(self.table, 1)
            if row == self.chosen or (number % step == 0 and row.threshold <= last.threshold)
        )

    def last_of_interest(self) -> Row:
        """Where most hits have become wrong, or no more come, but beyond what is recommended."""
        least = max(0.1, 1.6 * self.shown.threshold)
        for row, following in zip(self.table, self.table[8:], strict=False):
            poor = row.precision is not None and row.precision < 0.6
            if row.threshold >= least and (poor or (row.hits and row.hits == following.hits)):
                return row
        return self.table[-1]
