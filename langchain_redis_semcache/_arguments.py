"""Arguments of the constructor: each is checked once, and an error says what to write instead."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta

from langchain_core.embeddings import Embeddings

from .entry.schema import check_name
from .errors import ConfigurationError
from .guards import DEFAULT_GUARDS, Guard
from .policies.distance import DistancePolicy, Policy
from .policies.thresholds import CAUTIOUS, known_threshold

_LOGGER = logging.getLogger("langchain_redis_semcache")

DEFAULT_NAME = "semcache"
DEFAULT_EMBEDDING = "text-embedding-3-small"


def checked_embeddings(embeddings: Embeddings | None) -> Embeddings:
    if embeddings is None:
        return default_embeddings()
    if not isinstance(embeddings, Embeddings):
        raise ConfigurationError(
            "embeddings must be a langchain_core.embeddings.Embeddings object, e.g. "
            f"OpenAIEmbeddings(model='{DEFAULT_EMBEDDING}'), not a {type(embeddings).__name__}"
        )
    return embeddings


def chosen_policy(
    policy: Policy | None,
    distance_threshold: float | None,
    guards: Mapping[str, Guard] | None,
    embedding: str,
) -> Policy:
    if policy is None:
        chosen = DEFAULT_GUARDS if guards is None else guards
        if distance_threshold is None:
            distance_threshold = default_threshold(embedding)
        return DistancePolicy(distance_threshold, chosen)
    if guards is not None or distance_threshold is not None:
        raise ConfigurationError(
            "policy= decides by itself: give distance_threshold and guards to the policy, e.g. "
            "policy=DistancePolicy(0.2, guards)"
        )
    return policy


def default_threshold(embedding: str) -> float:
    """Return the threshold for an embedding model, and say so where it is a cautious guess."""
    known = known_threshold(embedding)
    if known is not None:
        return known.threshold
    model = without_urls(embedding)
    _LOGGER.info(
        "semcache: no distance threshold is known for the embeddings %s, so few reworded questions "
        "will hit: %g is used; find yours by `semcache calibrate` (docs/quality.md) and pass it as "
        "distance_threshold=",
        model,
        CAUTIOUS,
        extra={
            "semcache_event": "UnknownEmbeddings",
            "semcache_embeddings": model,
            "semcache_threshold": CAUTIOUS,
        },
    )
    return CAUTIOUS


def without_urls(embedding: str) -> str:
    """Name an embedding model without endpoints, which may hold credentials."""
    return " ".join(part for part in embedding.split(" ") if "://" not in part)


def joined_name(name: str | None, prefix: str | None) -> str:
    """Return the one name that a name and a prefix, which may end in ":", make."""
    if isinstance(prefix, str):
        prefix = prefix.removesuffix(":")
    parts = [check_name(part) for part in (name, prefix) if part is not None]
    return ":".join(dict.fromkeys(parts)) or DEFAULT_NAME


def default_embeddings() -> Embeddings:
    from langchain_openai import OpenAIEmbeddings

    if not os.environ.get("OPENAI_API_KEY"):
        raise ConfigurationError(
            f"embeddings defaults to OpenAIEmbeddings(model='{DEFAULT_EMBEDDING}'), which needs "
            "OPENAI_API_KEY; set it or pass embeddings=, e.g. LocalEmbeddings() from "
            "langchain_redis_semcache.embedded"
        )
    return OpenAIEmbeddings(model=DEFAULT_EMBEDDING)


def seconds(argument: str, value: float | timedelta, example: str) -> float:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number < 1e10:
        raise ConfigurationError(
            f"{argument} must be a positive number of seconds or a timedelta, {example}, "
            f"not {value!r}"
        )
    return float(number)


def temperature(value: float | None) -> float | None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    if value is not None and not usable:
        raise ConfigurationError(
            f"max_temperature must be a number from 0, e.g. max_temperature=0, not {value!r}"
        )
    return value


def amount(argument: str, value: int, example: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{argument} must be a whole number of at least 1, {example}, not {value!r}"
        )
    return value


def one_of(argument: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{argument} must be one of {', '.join(allowed)}, not {value!r}")
