"""What a served answer would have cost, by the application's own prices; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ConfigurationError

_EXAMPLE = "e.g. prices={'gpt-4o-mini': Price(input=0.15, output=0.60)}"


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens of a model cost, in whatever currency."""

    input: float
    output: float

    def __post_init__(self) -> None:
        for name, value in (("input", self.input), ("output", self.output)):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < math.inf:
                raise ConfigurationError(f"{name} must be a number from 0 on, {_EXAMPLE}")

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Return what so many tokens cost."""
        return (self.input * input_tokens + self.output * output_tokens) / 1_000_000


def checked_prices(prices: Mapping[str, Price] | None) -> dict[str, Price]:
    """Refuse what names no models, or prices that are none."""
    if prices is None:
        return {}
    if not isinstance(prices, Mapping):
        raise ConfigurationError(f"prices must map names of models to prices, {_EXAMPLE}")
    for model, price in prices.items():
        if not isinstance(model, str) or not isinstance(price, Price):
            raise ConfigurationError(f"prices[{model!r}] must be a Price, {_EXAMPLE}")
    return dict(prices)
