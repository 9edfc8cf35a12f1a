"""Values that several arguments share are checked once, with the argument's own name."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from langchain_redis_semcache._checks import amount, one_of, seconds
from langchain_redis_semcache.errors import ConfigurationError


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1", None, timedelta(), 1e11])
def test_no_seconds(value: Any) -> None:
    """Nothing, for ever and what is no number are no times."""
    with pytest.raises(ConfigurationError, match=r"wait must be a positive number .* wait=1"):
        seconds("wait", value, "e.g. wait=1")


@pytest.mark.parametrize("value", [0.5, 1, timedelta(milliseconds=500)])
def test_seconds(value: Any) -> None:
    """A number of seconds or a timedelta is a time."""
    assert seconds("wait", value, "") in (0.5, 1.0)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", None])
def test_no_amount(value: Any) -> None:
    """An amount is a whole number of at least one."""
    assert amount("n", 1, "") == 1
    with pytest.raises(ConfigurationError, match=r"n must be a whole number .* n=5"):
        amount("n", value, "e.g. n=5")


def test_one_of() -> None:
    """What is not among the words is refused with all of them."""
    one_of("mode", "a", ("a", "b"))
    with pytest.raises(ConfigurationError, match="mode must be one of a, b, not 'c'"):
        one_of("mode", "c", ("a", "b"))
