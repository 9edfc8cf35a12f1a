"""What served answers would have cost."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache.observe import Price
from langchain_redis_semcache.observe.prices import checked_prices


def test_price() -> None:
    """A price is that of a million tokens."""
    assert Price(input=2, output=8).of(1_000_000, 500_000) == 6.0


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "0.1", True, None])
def test_no_price(wrong: Any) -> None:
    """What is no price is refused with what to write."""
    with pytest.raises(ConfigurationError, match=r"Price\(input=0\.15"):
        Price(input=wrong, output=1)


@pytest.mark.parametrize("wrong", [[], {"m": 1.0}, {1: Price(input=1, output=1)}])
def test_no_prices(wrong: Any) -> None:
    """Prices are by model."""
    with pytest.raises(ConfigurationError, match="prices"):
        checked_prices(wrong)
    assert checked_prices(None) == {}
