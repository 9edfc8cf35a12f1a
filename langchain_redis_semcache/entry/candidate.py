"""A stored question near the one asked: the one shape of it, from the search to the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Candidate"]


# Not frozen: that alone would double what it costs to make one, and a search makes several.
@dataclass(slots=True)
class Candidate:
    """A stored question of the right scope, near the one asked."""

    entry: str
    question: str
    distance: float
    """Cosine distance, 0 (same direction) to 2."""
    radius: float | None = None
    """Distance of the nearest question for which the entry's answer is known to be wrong."""
    fields: Mapping[bytes, Any] = field(default_factory=dict, repr=False, compare=False)
    """What is stored, as it is stored: of use to the cache, and checked by nobody yet."""
    trusted: bool | None = field(default=None, repr=False, compare=False)
    """Whether its signature is right; None where nobody has looked yet."""
