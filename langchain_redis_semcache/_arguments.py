"""Arguments of the constructor: each is checked once, and an error says what to write instead."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import TypeVar

from langchain_core.embeddings import Embeddings

from .entry.schema import check_name
from .errors import ConfigurationError
from .events import Listener, Warned
from .policies.decision import Policy, is_policy
from .reporting.reporter import Reporter

_LOGGER = logging.getLogger("langchain_redis_semcache")

T = TypeVar("T")

DISABLED = "SEMCACHE_DISABLED"
DEFAULT_NAME = "semcache"
DEFAULT_EMBEDDING = "text-embedding-3-small"
NEARLY_EVERYTHING = 0.5
"""Questions that have nothing to do with each other are 0.6 to 1.0 apart with the models of
docs/quality.md: at half of the way many of them are hits."""


def checked_embeddings(embeddings: Embeddings | None) -> Embeddings:
    if embeddings is None:
        return default_embeddings()
    if not isinstance(embeddings, Embeddings):
        raise ConfigurationError(
            "embeddings must be a langchain_core.embeddings.Embeddings object, e.g. "
            f"OpenAIEmbeddings(model='{DEFAULT_EMBEDDING}'), not a {type(embeddings).__name__}"
        )
    return embeddings


def checked(kind: type[T], argument: str, value: T | None, example: str) -> T:
    """Return an object of one subject; by default the one of all defaults."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigurationError(
            f"{argument} must be a {kind.__name__}, e.g. {argument}={example}, not a "
            f"{type(value).__name__}"
        )
    return value


def checked_listeners(listeners: Iterable[Listener]) -> list[Listener]:
    if callable(listeners) or not isinstance(listeners, Iterable):
        raise ConfigurationError("listeners must be a list, e.g. listeners=[listener]")
    chosen = list(listeners)
    if not all(map(callable, chosen)):
        raise ConfigurationError("each of listeners must be callable with an event")
    return chosen


def chosen_policy(
    policy: Policy | None, distance_threshold: float | None, embedding: str, reporter: Reporter
) -> Policy:
    # With the guards: not before a cache is made.
    from .policies.distance import DistancePolicy
    from .policies.verified import Verified

    if policy is None:
        if distance_threshold is None:
            distance_threshold = default_threshold(embedding)
        policy = DistancePolicy(distance_threshold)
    elif not is_policy(policy):
        threshold = policy if isinstance(policy, (int, float)) else 0.2
        raise ConfigurationError(
            "policy must be a policy, e.g. policy=DistancePolicy(0.2, guards), not a "
            f"{type(policy).__name__}; for a threshold alone write distance_threshold={threshold}"
        )
    elif distance_threshold is not None:
        raise ConfigurationError(
            "policy= decides by itself: give distance_threshold to the policy, e.g. "
            f"policy=DistancePolicy({distance_threshold!r})"
        )
    if type(policy) in (DistancePolicy, Verified):
        threshold = policy.distance_threshold
        if threshold >= NEARLY_EVERYTHING:
            reporter.emit(Warned("distance_threshold", f"{threshold:g} accepts nearly everything"))
    return policy


def disabled(reporter: Reporter) -> bool:
    """Tell whether the environment keeps the cache from being used, and say so."""
    told = os.environ.get(DISABLED, "").strip().casefold()
    if told in ("", "0", "false", "no", "off"):
        return False
    reporter.emit(Warned(DISABLED, "nothing is served or stored until the process ends"))
    return True


def default_threshold(embedding: str) -> float:
    """Return the threshold for an embedding model, and say so where it is a cautious guess."""
    from .policies.thresholds import CAUTIOUS, known_threshold

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


def unknown_argument(name: str) -> ConfigurationError:
    """Say what to write instead of an argument that there is not."""
    known = _ELSEWHERE.get(name)
    return ConfigurationError(
        f"there is no argument {name}=" + (f"; write {known}" if known else "; see the docs")
    )


_ELSEWHERE = {
    # Of langchain_community's class of this name.
    "embedding": "embeddings=",
    "score_threshold": "distance_threshold= (a cosine distance: 0.2 is stricter there, too)",
    # Of one subject, and one object here.
    "create_index": "index=Index(create=False)",
    "embedding_id": "index=Index(embedding_id=...)",
    "embedding_timeout": "limits=Limits(embedding=2)",
    "guards": "policy=DistancePolicy(0.15, guards)",
    "index_type": "index=Index(kind='flat')",
    "irrelevant": "parameters=Parameters(irrelevant=('trace',))",
    "max_answer_bytes": "limits=Limits(answer_bytes=1_000_000)",
    "max_question_chars": "limits=Limits(question_chars=1000)",
    "max_temperature": "admission=CompleteAnswers(max_temperature=0)",
    "redis_timeout": "limits=Limits(redis=0.5)",
    "refresh_ttl": "ttl=Sliding(3600)",
    "skip_time_sensitive": "admission=CompleteAnswers(skip_time_sensitive=True)",
    "vector_type": "index=Index(vector='float16')",
    "verifier": "policy=Verified(DistancePolicy(0.15), verifier)",
    "verify": "policy=Verified(DistancePolicy(0.15), verifier, background=True)",
    "verify_between": "policy=Verified(DistancePolicy(0.15), verifier, between=(0.05, 0.25))",
    "verify_timeout": "policy=Verified(DistancePolicy(0.15), verifier, timeout=5)",
}
