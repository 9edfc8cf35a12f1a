"""Has the error rate of what is served risen above the limit? Noticed within few verdicts.

Rule of this module: verdicts in their order in, an alarm out. Two cumulative sums (CUSUM) weigh "so
many times the limit" against "the limit": the smaller multiple notices a slow change, the larger
one within a handful of verdicts that all has become wrong.
"""

from __future__ import annotations

import math

_MULTIPLES = (2.0, 8.0)
_ALARM = math.log(1000)
"""An error rate at the limit raises an alarm in 1,000 verdicts or more; half of it, simulated, in
more than 500,000."""


class Drift:
    """Watches the verdicts about what is served."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.settle()

    def settle(self) -> None:
        """Begin anew."""
        self._sums = [0.0] * len(_MULTIPLES)

    def hear(self, right: int, wrong: int, doubt: float = 0.0) -> bool:
        """Take verdicts in; tell whether the rate has risen.

        `doubt` is the share of right answers that the judge calls wrong.
        """
        alarm = False
        usual = doubt + (1 - doubt) * self._limit
        for at, multiple in enumerate(_MULTIPLES):
            risen = doubt + (1 - doubt) * min(multiple * self._limit, (1 + self._limit) / 2)
            if risen >= 1:
                continue
            total = max(0.0, self._sums[at] + right * math.log((1 - risen) / (1 - usual)))
            self._sums[at] = total + wrong * math.log(risen / usual)
            alarm = alarm or self._sums[at] >= _ALARM
        return alarm
