"""How good is a judge? Asked about labelled pairs before one trusts it with live traffic.

Rule of this module: it asks about equally many pairs of both kinds, drawn at random, and counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..bounded.callables import ways
from ..errors import ConfigurationError
from ..policies.second_opinions import usable
from .bounds import wilson
from .labels import Pair, Rows

__all__ = ["Opinion", "measure_judge"]

CALLS = 400
"""The 95 % interval of a share of half as many is 3 to 7 points wide on either side."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge said of pairs whose labels are known."""

    same: int
    """Pairs whose answer is right for both questions."""
    yes_to_same: int
    others: int
    yes_to_others: int
    failed: int
    """Times that it raised: in a cache that is a no."""

    @property
    def sensitivity(self) -> tuple[float, float, float]:
        """The share of the right answers that it lets pass, and its 95 % interval."""
        return _share(self.yes_to_same, self.same)

    @property
    def false_yes(self) -> tuple[float, float, float]:
        """The share of the wrong answers that it lets pass, and its 95 % interval."""
        return _share(self.yes_to_others, self.others)

    def __str__(self) -> str:
        def said(share: tuple[float, float, float]) -> str:
            return f"{share[0]:.1%} (95 % interval {share[1]:.1%} to {share[2]:.1%})"

        failed = f"\nIt failed {self.failed:,} times, which counts as a no." if self.failed else ""
        return (
            f"Of {self.same:,} right answers it lets {said(self.sensitivity)} pass,\n"
            f"of {self.others:,} wrong ones {said(self.false_yes)}.{failed}"
        )


def measure_judge(
    rows: Rows,
    judge: Any,
    *,
    calls: int = CALLS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Opinion:
    """Ask a verifier about labelled pairs: does the answer to `q1` answer `q2`?

    Args:
        rows: Pairs, with the answers to `q1` where the verifier reads them.
        judge: An object with `verify(asked, cached, answer)`, or a callable like it.
        calls: How often it is asked at most, half of them about pairs that are the same.
        seed: Which pairs are drawn.
        progress: Called with the number of calls done and to be done.
    """
    if not usable(judge, "verify"):
        raise ConfigurationError(
            "judge must have a method verify(asked, cached, answer) or be a callable like it, not "
            f"a {type(judge).__name__}"
        )
    pairs = [row for row in rows if isinstance(row, Pair)]
    drawn = [
        _drawn([p for p in pairs if p.same is kind], calls // 2, seed) for kind in (True, False)
    ]
    if not all(drawn):
        raise ConfigurationError(
            "a judge is measured on pairs (q1, q2, label), some of them the same and some not"
        )
    said = {True: 0, False: 0}
    failed, total = 0, sum(map(len, drawn))
    for done, pair in enumerate((pair for kind in drawn for pair in kind), 1):
        call, _ = ways(judge, "verify", pair.q2, pair.q1, getattr(pair, "answer", ""))
        try:
            said[pair.same] += bool(call())
        except Exception:
            failed += 1
        if progress is not None:
            progress(done, total)
    same, others = map(len, drawn)
    return Opinion(same, said[True], others, said[False], failed)


def _drawn(pairs: list[Pair], count: int, seed: int) -> list[Pair]:
    return random.Random(seed).sample(pairs, min(count, len(pairs)))


def _share(part: int, of: int) -> tuple[float, float, float]:
    return (part / of, *wilson(part, of))
