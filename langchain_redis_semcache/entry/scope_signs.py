"""Sign masks that keep the scopes apart in the vector index, so that a search needs no filter.

Flipping the signs of some coordinates is a rotation: applied to all vectors of a scope it leaves
every distance inside of the scope as it was, while the same question in two scopes ends up far
apart. An entry of another scope can therefore hardly be among the nearest; whether one is, is still
checked on every candidate.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .vector import BYTES_PER_NUMBER, VectorType

# Coordinate i belongs to block i mod 40. A scope decides the signs of 24 blocks; 16 are common to
# all, so that the graph stays one that can be walked: measured in docs/benchmarks.md.
BLOCKS = 40
FLIPPED_BLOCKS = 24

_UNSIGNED: dict[VectorType, str] = {"float32": "<u4", "float16": "<u2", "bfloat16": "<u2"}


def masked(vector: bytes, scope: str, kind: VectorType) -> bytes:
    """Return a packed vector with the signs of its scope; a second time gives it back."""
    bits = np.frombuffer(vector, dtype=_UNSIGNED[kind])
    return bytes((bits ^ _mask(scope, len(bits), kind)).tobytes())


# Few scopes are busy at a time; 6 kB each at 1536 dimensions.
@lru_cache(maxsize=256)
def _mask(scope: str, dimensions: int, kind: VectorType) -> Any:
    bits = int(scope[: FLIPPED_BLOCKS // 4], 16)
    sign = 1 << (8 * BYTES_PER_NUMBER[kind] - 1)
    blocks = [sign if bits >> block & 1 else 0 for block in range(FLIPPED_BLOCKS)]
    blocks += [0] * (BLOCKS - FLIPPED_BLOCKS)
    return np.resize(np.array(blocks, dtype=_UNSIGNED[kind]), dimensions)
