"""Checks of single values that several arguments share; an error says what to write instead."""

from __future__ import annotations

from datetime import timedelta

from .errors import ConfigurationError


def seconds(argument: str, value: float | timedelta, example: str) -> float:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number < 1e10:
        raise ConfigurationError(
            f"{argument} must be a positive number of seconds or a timedelta, {example}, "
            f"not {value!r}"
        )
    return float(number)


def amount(argument: str, value: int, example: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{argument} must be a whole number of at least 1, {example}, not {value!r}"
        )
    return value


def one_of(argument: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{argument} must be one of {', '.join(allowed)}, not {value!r}")


def check_threshold(value: float, argument: str = "distance_threshold") -> float:
    """Refuse what is not a cosine distance."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 2:
        raise ConfigurationError(
            f"{argument} must be a cosine distance from 0 (identical) to 2, not {value!r}; "
            "a usual value is 0.15 (a similarity s is the distance 1 - s)"
        )
    return float(value)
