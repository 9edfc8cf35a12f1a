"""Questions are played as the cache would take them, at all thresholds at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from langchain_redis_semcache.calibrate.labels import arrange
from langchain_redis_semcache.calibrate.replay import MISS, by_distance, play, rows
from langchain_redis_semcache.entry.query import CANDIDATES
from tests.calibrate.material import Angles, run, topic


@pytest.mark.parametrize("stream", [False, True])
def test_as_many_candidates_as_the_cache_looks_at(stream: bool) -> None:
    """A right candidate behind more vetoed ones than the cache fetches is a miss."""
    near = [f"t1 @{90 + i}" for i in range(CANDIDATES + 1)]
    last = f"t1 @{89 - CANDIDATES}"  # so that it is nearest to the first
    rows: list[Any] = [(text, last, text == near[-1]) for text in near]
    if stream:
        rows = [(text, text) for text in near[:-1]] + [(near[-1], "x"), (last, "x")]

    def veto(asked: str, cached: str, /) -> float:
        return 0.0 if {asked, cached} == {last, near[-1]} else math.inf

    assert run(rows, guards={"veto": veto}).table[-1].hits == 0
    assert run(rows[1:], guards={"veto": veto}).table[-1].hits == 1


def test_a_stream_stores_what_it_missed() -> None:
    """The same question later is a hit on the first one, and a hit is not stored."""
    stream = [(topic(1), "x"), (topic(1, 0.1), "x"), (topic(1, 0.3), "x"), (topic(2), "y")]
    labels = arrange(stream)
    model = Angles(3)
    vectors = np.array([model.embed_query(text) for text in labels.texts], dtype=np.float32)
    served = play(labels, vectors, by_distance(labels, {}), [0.05, 0.15, 0.4])
    assert served.T.tolist() == [
        [MISS, MISS, MISS, MISS],
        # The third is 0.06 from the second, but that one was a hit and was not stored.
        [MISS, 0, MISS, MISS],
        [MISS, 0, 0, MISS],
    ]
    assert [row.hits for row in rows(labels, served, [0.05, 0.15, 0.4])] == [0, 1, 2]
