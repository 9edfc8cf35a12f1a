"""How sure is it that errors are rarer than a limit? An answer that may be asked for at any time.

Rule of this module: counts in, a number out. It bets against "errors are as frequent as the limit,
or more": on each verdict, stakes that would be fair if they were, by several guesses of how much
rarer they are. Whoever bets fairly multiplies his stake by 20 once in 20 times at most, however
often he looks at it (Ville's inequality); a fixed-size bound that is looked at after every verdict
is crossed far more often.
"""

from __future__ import annotations

import math

ALPHA = 0.05
"""How often a bound may be wrong, over all times that it is looked at."""

# How many times rarer than the limit errors may be, and the part of the stake that bets on it.
_GUESSES = ((0.0, 0.2), (0.125, 0.1), (0.25, 0.25), (0.5, 0.35), (0.75, 0.1))
_STEPS = 40
# Of the judge's rate of errors, what is tried: none, up to what was seen.
_PARTS = tuple(step / 16 for step in range(17))


Checks = tuple[float, float]
"""On how many answers that were right for certain a judge was checked, and how many of these it
called wrong."""
NO_CHECKS: Checks = (0, 0)


def winnings(wrong: float, of: float, limit: float, doubt: float = 0.0) -> float:
    """Return the logarithm of what a stake of 1 has become.

    `doubt` is the share of right answers that are called wrong.
    """
    right = of - wrong
    called = doubt + (1 - doubt) * limit
    terms = [
        math.log(part)
        + right * (math.log1p(-guess * limit) - math.log1p(-limit))
        + (wrong * math.log((doubt + (1 - doubt) * guess * limit) / called) if wrong else 0.0)
        for guess, part in _GUESSES
        if guess or doubt or not wrong
    ]
    most = max(terms)
    return most + math.log(sum(math.exp(term - most) for term in terms))


def is_below(
    wrong: float, of: float, limit: float, alpha: float = ALPHA, checks: Checks = NO_CHECKS
) -> bool:
    """Tell whether the share of errors is sure to be below the limit.

    The judge's own errors are taken off as far as its checks speak for them: every rate of them is
    tried, and one that the checks make improbable must be refuted the less.
    """
    if limit >= 1:
        return True
    doubt, enough = doubted(checks), -math.log(alpha)
    if wrong >= of * (doubt + (1 - doubt) * limit):
        return False
    if not doubt or not wrong:
        return winnings(wrong, of, limit) >= enough
    return all(
        winnings(wrong, of, limit, doubt * part) + _improbable(doubt * part, checks) >= enough
        for part in _PARTS
    )


def doubted(checks: Checks) -> float:
    """Return the share of right answers that the judge has called wrong."""
    checked, failed = checks
    return failed / checked if checked else 0.0


def corrected(rate: float, checks: Checks) -> float:
    """Return the share of errors behind that of the judge's (Rogan and Gladen's estimate)."""
    doubt = doubted(checks)
    return max(0.0, (rate - doubt) / (1 - doubt)) if doubt < 1 else 0.0


def upper_bound(wrong: float, of: float, alpha: float = ALPHA, checks: Checks = NO_CHECKS) -> float:
    """Return the least limit that the share of errors is sure to be below."""
    if of <= 0:
        return 1.0
    low, high = corrected(wrong / of, checks), 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if is_below(wrong, of, middle, alpha, checks):
            high = middle
        else:
            low = middle
    return high


def _improbable(doubt: float, checks: Checks) -> float:
    """Return by how much the checks speak against a rate of the judge's errors."""
    checked, failed = checks
    seen = failed / checked
    if doubt <= 0:
        return math.inf
    against = failed * math.log(seen / doubt)
    if seen < 1:
        against += (checked - failed) * math.log((1 - seen) / (1 - doubt))
    return against
