"""Vectors <-> bytes: what an embedder returned, checked once, little endian as Redis stores it."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

VectorType = Literal["float32", "float16", "bfloat16"]

BYTES_PER_NUMBER: dict[VectorType, int] = {"float32": 4, "float16": 2, "bfloat16": 2}

_LONGEST = 32_768
"""Numbers of a vector that search engines take."""
_TYPES: dict[VectorType, str] = {"float32": "f", "float16": "e"}


class VectorError(ValueError):
    """An embedder returned something that is not a usable vector."""


def pack(vector: object, kind: VectorType = "float32") -> bytes:
    """Check an embedding and write it for Redis (little endian), or raise `VectorError`.

    Accepts any sequence of numbers, numpy arrays among them.
    """
    if hasattr(vector, "tolist"):
        vector = vector.tolist()
    if not isinstance(vector, (list, tuple)) or not vector:
        raise VectorError(f"a {type(vector).__name__} is not a vector")
    try:
        if kind == "float32":
            data = _floats(len(vector)).pack(*vector)
            if _is_sound(data):
                return data
        total = math.fsum(vector) if len(vector) < 8 else sum(vector)
        # What is not sound as float32 is not finite, or as good as zero.
        usable = kind != "float32" and math.isfinite(total) and any(vector)
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise VectorError(type(error).__name__) from None
    if not usable:
        raise VectorError(
            "the vector is all zero" if math.isfinite(total) else "the vector is not finite"
        )
    return _pack_half(vector, kind)


@lru_cache(maxsize=16)
def _floats(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}f")


def _is_sound(data: bytes) -> bool:
    """Tell whether packed numbers are finite, and not all zero or too small for a float32."""
    import numpy as np

    return bool(data.strip(b"\0\x80")) and bool(np.isfinite(np.frombuffer(data, "<f4")).all())


def _pack_half(vector: Sequence[float], kind: VectorType) -> bytes:
    """Sixteen-bit numbers have little range: normalise first (the cosine does not change)."""
    import numpy as np

    array = np.asarray(vector, dtype=np.float64)
    array /= np.abs(array).max()  # else the norm of huge or tiny numbers is no number
    array = (array / np.linalg.norm(array)).astype(np.float32)
    if kind == "float16":
        return bytes(array.astype("<f2").tobytes())
    # bfloat16 is the upper half of a float32, rounded to nearest even.
    bits = array.view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return bytes((rounded >> 16).astype("<u2").tobytes())


def unpack(data: bytes, kind: VectorType) -> list[float]:
    """Read a packed vector back."""
    if kind == "bfloat16":
        widened = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
        return list(struct.unpack(f"<{len(data) // 2}f", widened))
    code = _TYPES[kind]
    return list(struct.unpack(f"<{len(data) // BYTES_PER_NUMBER[kind]}{code}", data))


def is_packed(data: bytes, kind: VectorType) -> bool:
    """Tell whether bytes that somebody else wrote are a usable vector."""
    count, rest = divmod(len(data), BYTES_PER_NUMBER[kind])
    if rest or not 0 < count <= _LONGEST:
        return False
    numbers = unpack(data, kind)
    return any(numbers) and all(map(math.isfinite, numbers))
