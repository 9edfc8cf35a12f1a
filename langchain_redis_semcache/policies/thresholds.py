"""Distance thresholds by embedding model: what holds where no number was given.

Rule of this table: every row says where its number comes from, and whether it was measured here. A
model that is not in it gets `CAUTIOUS`; a number is added with its source, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Known(NamedTuple):
    """A threshold and how much is known about it."""

    threshold: float
    measured: bool
    """Whether docs/quality.md has the hit rates and the precision of it."""
    source: str


THRESHOLDS: Mapping[str, Known] = MappingProxyType(
    {
        "all-minilm-l6-v2": Known(0.15, True, "docs/quality.md, six sets of questions"),
        "wordllama-l2-supercat-256": Known(0.10, True, "docs/quality.md, six sets of questions"),
        "text-embedding-3-small": Known(
            0.15, False, "the tutorial that this package grew out of; not measured here"
        ),
        "all-mpnet-base-v2": Known(
            0.10, False, "RedisVL's SemanticCache as shipped with this model; not measured here"
        ),
    }
)
"""By the model's name without its owner, in lower case."""

CAUTIOUS = 0.05
"""For any other model. Azure's API Management advises to start a semantic cache at it; at 0.05 the
two models that were measured keep a precision of 0.97 to 1.00 on four of six sets (0.77 to 0.88 on
the arithmetic and on the noisily labelled one). Distances of some models crowd so near to 0 (the
cards of the E5 models speak of similarities from 0.7 to 1) that even this may be too much."""


def known_threshold(embedding: str) -> Known | None:
    """Find an embedding model by what `embedding_id` says of it; the least where several fit."""
    values = (part.partition("=")[2] for part in embedding.split(" "))
    names = (value.rpartition("/")[2].lower() for value in values)
    return min((THRESHOLDS[name] for name in names if name in THRESHOLDS), default=None)
