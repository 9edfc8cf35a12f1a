"""Vectors survive storage as they were, and what is no usable vector is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.vector import (
    BYTES_PER_NUMBER,
    VectorError,
    VectorType,
    is_packed,
    pack,
    unpack,
)

EPSILON: dict[VectorType, float] = {"float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}


components = st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-3)


@pytest.mark.parametrize("kind", EPSILON)
@given(vector=st.lists(components, min_size=1, max_size=12).filter(any))
def test_vector_round_trip(kind: VectorType, vector: list[float]) -> None:
    """A packed vector points where the embedder's did, whatever it came in."""
    packed = pack(vector, kind)
    assert len(packed) == len(vector) * BYTES_PER_NUMBER[kind]
    assert pack(tuple(vector), kind) == pack(np.array(vector), kind) == packed
    back = np.array(unpack(packed, kind))
    cosine = back @ np.array(vector) / np.linalg.norm(back) / np.linalg.norm(vector)
    assert cosine == pytest.approx(1, abs=EPSILON[kind])


@pytest.mark.parametrize("kind", EPSILON)
@pytest.mark.parametrize(
    "vector",
    [
        [],
        (),
        None,
        "0.1",
        b"0.1",
        0.5,
        np.float64(0.5),
        {0.1: 1},
        [0.0, -0.0],
        [math.nan, 1.0],
        [math.inf, 1.0],
        [math.inf, -math.inf],
        [math.nan] * 9,
        [math.inf, -math.inf] * 5,
        [0.0] * 9,
        ["0.1"],
        [None],
        [[0.1]],
        [1j],
        [10**400],
        np.zeros(3),
        np.ones((2, 2)),
        np.array(["a"]),
    ],
    ids=str,
)
def test_unusable_vectors(kind: VectorType, vector: object) -> None:
    """What is no finite vector with a direction is refused, whatever the type asked for."""
    with pytest.raises(VectorError):
        pack(vector, kind)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("size", [1e-300, 1e-20, 1e20, 1e300])
def test_half_vectors_of_any_length(kind: VectorType, size: float) -> None:
    """Sixteen bits hold the direction of a vector, however long it is."""
    assert unpack(pack([3 * size, 4 * size], kind), kind) == pytest.approx([0.6, 0.8], abs=1e-2)


@pytest.mark.parametrize("vector", [[1e39, 1.0], [1e-300, -1e-300]])
def test_beyond_float32(vector: list[float]) -> None:
    """A vector that float32 would make infinite or zero is refused."""
    with pytest.raises(VectorError):
        pack(vector)


@pytest.mark.parametrize("kind", EPSILON)
def test_of_somebody_else(kind: VectorType) -> None:
    """Bytes from a file are a vector only if they might have been packed here."""
    packed = pack([1.0, 2.0], kind)
    assert is_packed(packed, kind)
    for other in (b"", packed[:-1], bytes(len(packed)), b"\xff" * len(packed), packed * 20_000):
        assert not is_packed(other, kind)
