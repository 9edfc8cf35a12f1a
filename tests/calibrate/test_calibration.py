"""Labelled questions in, a threshold or a reasoned refusal out."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from langchain_redis_semcache.calibrate import (
    EmbeddingError,
    Pair,
    calibrate,
)
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.guards import numbers
from tests.calibrate.material import Angles, pairs_of, run, topic


def test_nothing_to_ask() -> None:
    """Pairs whose second questions are all stored ask nothing, which is said."""
    with pytest.raises(ConfigurationError, match="nothing to ask"):
        run([("t0 @0", "t1 @0", True), ("t1 @0", "t0 @0", True)])


def test_hits_and_false_hits_by_threshold() -> None:
    """Each threshold gets the hits within it, judged by the labels."""
    result = run(pairs_of(300, 100), target_precision=0.9)
    found = {row.threshold: (row.hits, row.false_hits) for row in result.table}
    assert found[0.095] == (0, 0)
    assert found[0.105] == found[0.295] == (300, 0)
    assert found[0.305] == (400, 100)
    assert result.table[0].precision is None
    assert (result.table[-1].asked, result.table[-1].hit_rate) == (400, 1.0)
    assert result.table[-1].false_per_1000 == 250.0


def test_guards_are_on() -> None:
    """A candidate that a guard vetoes is passed over, as in the cache, for the next one."""
    angles = {"in 5 days": 0, "within 7 days": 10, "in 7 days": 1}

    class Embedder(Angles):
        def embed_query(self, text: str) -> list[float]:
            return super().embed_query(f"t1 @{angles[text]}")

    pairs = [("in 5 days", "in 7 days", False), ("within 7 days", "in 7 days", True)]
    guarded = calibrate(pairs, Embedder(), guards={"numbers": numbers})
    assert (guarded.table[5].hits, guarded.table[5].false_hits) == (1, 0)
    plain = calibrate(pairs, Embedder(), guards={})
    assert (plain.table[5].hits, plain.table[5].false_hits) == (1, 1)
    assert guarded.unguarded.false_hits == 1


def test_a_stream_can_be_calibrated() -> None:
    """Clusters judge the hits of a stream, and its report names them."""
    stream = [(topic(i % 250, 0.08 * (i // 250)), f"c{i % 250}") for i in range(500)]
    stream += [(topic(i, 0.4), "other") for i in range(20)]
    result = run(stream)
    assert result.recommended == pytest.approx(0.08, abs=0.006)
    assert (result.kind, result.stored) == ("stream", 270)
    assert len(result.same) == 250 + 19
    strict = run(stream, target_precision=0.999)
    assert strict.recommended is None
    assert "more questions like these" in (strict.refusal or "")
    loose = run(stream, target_precision=0.5)
    assert re.fullmatch(r"other / c\d+", loose.false_hits[0].reason)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (pairs_of(60, 40), r"60 of 60 hits were right.* begins at 0\.940.* 220 more pairs"),
        (pairs_of(90, 10, near=0.1, far=0.1), r"No threshold reaches .* 0\.900 .* not expected"),
        (pairs_of(10, 10, near=0.9, far=0.9), "a single hit"),
    ],
)
def test_refusals(pairs: list[Pair], message: str) -> None:
    """Data that cannot support the target are told so, and how many more would."""
    result = run(pairs)
    assert result.recommended is None
    assert result.line is None
    assert re.search(message, result.refusal or "")


def test_the_number_of_pairs_asked_for_is_enough() -> None:
    """With as many more pairs as the refusal asks for there is a recommendation."""
    asked = re.search(r"About ([\d,]+) more", run(pairs_of(60, 40)).refusal or "")
    assert asked is not None
    factor = 1 + int(asked[1].replace(",", "")) / 100
    assert run(pairs_of(round(60 * factor), round(40 * factor))).recommended is not None


def test_each_text_is_embedded_once_in_batches() -> None:
    """Distinct texts go to the model once, in batches, with progress."""
    model, seen = Angles(), []
    pairs = pairs_of(50, 0) + pairs_of(50, 0)
    calibrate(
        pairs, model, guards={}, batch_size=40, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(40, 100), (80, 100), (100, 100)]
    assert model.calls == 4  # the probe and three batches
    assert len(model.embedded) == 101


def test_models_that_tell_questions_from_documents() -> None:
    """The vectors are those of embed_query, which the cache uses."""

    class TwoSided(Angles):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [vector[::-1] for vector in super().embed_documents(texts)]

    model = TwoSided()
    result = calibrate(pairs_of(300, 100), model, guards={})
    assert result.recommended == pytest.approx(0.1, abs=0.006)
    assert model.calls == 1
    assert any("embed_query" in note for note in result.notes)


@pytest.mark.parametrize("vector", [[math.nan, 1.0], [], [[1.0]], None])
def test_embeddings_that_are_no_vectors(vector: Any) -> None:
    """A model that returns something else is an error of its own, without the text in it."""

    class Broken(Angles):
        def embed_query(self, text: str) -> list[float]:
            return vector  # type: ignore[no-any-return]

    with pytest.raises(EmbeddingError, match="embedding failed") as caught:
        calibrate([("secret", "words", True)], Broken())
    assert "secret" not in str(caught.value)


def test_too_few_vectors() -> None:
    """A model that loses texts is noticed."""

    class Losing(Angles):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return super().embed_documents(texts[:5])

    with pytest.raises(EmbeddingError):
        calibrate(pairs_of(20, 0), Losing())


def test_a_vector_of_zeros_is_near_to_nothing() -> None:
    """The vector that a static model has for an unknown text is no hit for any."""

    class Zeros(Embeddings):
        def embed_query(self, text: str) -> list[float]:
            return [0.0, 0.0]

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[0.0, 0.0] for _ in texts]

    assert calibrate([("a", "b", True)], Zeros()).table[-1].hits == 0


@pytest.mark.parametrize("options", [{"target_precision": 98}, {"batch_size": 0}])
def test_arguments_that_make_no_sense(options: dict[str, Any]) -> None:
    """A percentage instead of a share, or an empty batch, is refused."""
    with pytest.raises(ConfigurationError):
        run(pairs_of(3, 1), **options)
