"""Texts that say where they lie, and pairs of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from langchain_redis_semcache.calibrate import (
    Calibration,
    Pair,
    calibrate,
)


class Angles(Embeddings):
    """Places a text where it says: "topic @ degrees" on the plane of its topic."""

    def __init__(self, topics: int = 1250) -> None:
        self.topics = topics
        self.embedded: list[str] = []
        self.calls = 0

    def embed_query(self, text: str) -> list[float]:
        topic, _, degrees = text.rpartition("@")
        place = int(re.sub(r"\D", "", topic) or 0)
        vector = [0.0] * (2 * self.topics)
        angle = math.radians(float(degrees))
        vector[2 * place], vector[2 * place + 1] = math.cos(angle), math.sin(angle)
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        self.embedded += texts
        return [self.embed_query(text) for text in texts]


def at(distance: float) -> float:
    """The angle that has this cosine distance from 0."""
    return math.degrees(math.acos(1 - distance))


def topic(number: int, distance: float = 0.0) -> str:
    return f"t{number:04d} @{at(distance):.6f}"


def pairs_of(right: int, wrong: int, near: float = 0.1, far: float = 0.3) -> list[Pair]:
    """So many true pairs at one distance, so many false ones at another."""
    true = [Pair(topic(i), topic(i, near), True) for i in range(right)]
    false = [Pair(topic(i), topic(i, far), False) for i in range(right, right + wrong)]
    return true + false


def run(pairs: Sequence[Any], **options: Any) -> Calibration:
    options.setdefault("guards", {})
    return calibrate(pairs, Angles(), **options)
