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
_GUESSES = ((0.0, 0.3), (0.125, 0.1), (0.25, 0.25), (0.5, 0.25), (0.75, 0.1))
_STEPS = 40


def winnings(wrong: float, of: float, limit: float) -> float:
    """Return the logarithm of what a stake of 1 has become."""
    right = of - wrong
    terms = [
        math.log(part)
        + right * (math.log1p(-guess * limit) - math.log1p(-limit))
        + (wrong * math.log(guess) if wrong else 0.0)
        for guess, part in _GUESSES
        if guess or not wrong
    ]
    most = max(terms)
    return most + math.log(sum(math.exp(term - most) for term in terms))


def is_below(wrong: float, of: float, limit: float, alpha: float = ALPHA) -> bool:
    """Tell whether the share of errors is sure to be below the limit."""
    if limit >= 1:
        return True
    return wrong < of * limit and winnings(wrong, of, limit) >= -math.log(alpha)


def upper_bound(wrong: float, of: float, alpha: float = ALPHA) -> float:
    """Return the least limit that the share of errors is sure to be below."""
    if of <= 0:
        return 1.0
    low, high = wrong / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if is_below(wrong, of, middle, alpha):
            high = middle
        else:
            low = middle
    return high
