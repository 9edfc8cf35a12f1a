"""Sign masks: distances inside of a scope stay, scopes move apart."""

from __future__ import annotations

import math
import random

import pytest

from langchain_redis_semcache.entry.scope_signs import masked
from langchain_redis_semcache.entry.vector import VectorType, pack, unpack
from langchain_redis_semcache.question.digest import digest

TYPES: tuple[VectorType, ...] = ("float32", "float16", "bfloat16")


def distance(a: bytes, b: bytes, kind: VectorType) -> float:
    x, y = unpack(a, kind), unpack(b, kind)
    product = sum(p * q for p, q in zip(x, y, strict=True))
    return 1 - product / math.sqrt(sum(p * p for p in x) * sum(q * q for q in y))


def vector(seed: int, dimensions: int) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(0, 1) for _ in range(dimensions)]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dimensions", [1, 3, 39, 256, 1536])
def test_distances_within_a_scope_stay(kind: VectorType, dimensions: int) -> None:
    """Two vectors under one mask are exactly as far apart as without it."""
    a, b = (pack(vector(seed, dimensions), kind) for seed in (1, 2))
    scope = digest("a scope")
    before, after = (
        distance(a, b, kind),
        distance(masked(a, scope, kind), masked(b, scope, kind), kind),
    )
    assert after == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_masking_twice_gives_the_vector_back(kind: VectorType) -> None:
    """A mask is its own inverse and touches nothing but signs."""
    packed = pack(vector(3, 256), kind)
    once = masked(packed, digest("x"), kind)
    assert once != packed
    assert [abs(x) for x in unpack(once, kind)] == [abs(x) for x in unpack(packed, kind)]
    assert masked(once, digest("x"), kind) == packed


@pytest.mark.parametrize("dimensions", [256, 1536])
def test_one_question_in_many_scopes_is_far_apart(dimensions: int) -> None:
    """Of a thousand scopes that hold the same vector next to none is within a usual threshold."""
    packed = pack(vector(4, dimensions))
    mine = masked(packed, digest("mine"), "float32")
    near = [
        distance(mine, masked(packed, digest("other", str(i)), "float32"), "float32") < 0.15
        for i in range(1000)
    ]
    assert sum(near) <= 2
