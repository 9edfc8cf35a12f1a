"""Calibration: files in, a threshold or a reasoned refusal out, and a page to look at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from langchain_redis_semcache.calibrate import (
    Calibration,
    Clustered,
    EmbeddingError,
    Pair,
    calibrate,
    load_pairs,
    write_report,
)
from langchain_redis_semcache.calibrate.bounds import independent, logistic, needed, sigmoid, wilson
from langchain_redis_semcache.calibrate.labels import arrange
from langchain_redis_semcache.calibrate.replay import MISS, Row, by_distance, choose, play, rows
from langchain_redis_semcache.entry.query import CANDIDATES
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.guards import numbers
from langchain_redis_semcache.policies import Candidate, LearnedPolicy


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


# --- reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jsonl", '{"q1": "a", "q2": "b", "label": 1}\n\n', [Pair("a", "b", True)]),
        (
            "a.ndjson",
            '{"question1": "a", "question2": "b", "is_duplicate": false}',
            [("a", "b", 0)],
        ),
        ("a.jsonl", '{"q1": "a\u2028", "q2": "b", "same": true}', [("a\u2028", "b", True)]),
        ("a.jsonl", '{"q": "a", "cluster": 7, "id": 1}', [Clustered("a", "7")]),
        ("a.csv", "\ufeffQ1, q2 ,label\na,b,1.0\nc,d,No\n", [("a", "b", True), ("c", "d", False)]),
        ("a.csv", 'question,intent\n"a\nb, c",x\n', [("a\nb, c", "x")]),
        ("a.tsv", "q1\tq2\tlabel\nit's 5\"\tb\t0\n", [("it's 5\"", "b", False)]),
    ],
)
def test_files_that_can_be_read(
    tmp_path: Path, name: str, text: str, expected: list[tuple[Any, ...]]
) -> None:
    """Pairs and clusters are read from JSONL, CSV and TSV under the usual column names."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_pairs(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "must end in"),
        ("a.jsonl", b"", "is empty: pairs need"),
        ("a.csv", b"q1,q2,label\n", "is empty"),
        ("a.jsonl", b"\n{", "line 2 is not JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1 is not JSON"),
        ("a.jsonl", b"[1]", "line 1 is not a JSON object"),
        ("a.jsonl", b'{"q1": "a"}', "line 1 has q1: pairs need"),
        ("a.jsonl", b'{"q1": "a", "q2": 5, "label": 1}', "line 1: a question must be text, not 5"),
        ("a.jsonl", b'{"q1": "a", "q2": " ", "label": 1}', "must be text, not ' '"),
        ("a.csv", b"q1,q2,label\na,b,maybe\n", "line 2: a label is 1 (same) or 0"),
        ("a.csv", b"q1,q2,label\na,b\n", "line 2 has"),
        ("a.csv", b'q1,q2,label\n"a,b,1\n', "line 2: unexpected end of data"),
        ("a.jsonl", b"\xff\xfe", "is not UTF-8"),
        (
            "a.jsonl",
            b'{"q1": "a", "q2": "b", "label": 1}\n{"q": "a", "cluster": "c"}',
            "both pairs and clusters",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """What is wrong with a file is said with its name and the line."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        load_pairs(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is no traceback of the operating system's."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load_pairs(tmp_path / "none.jsonl")


# --- labels ------------------------------------------------------------------------------


def test_clusters_are_transitive() -> None:
    """A hit on a question that is the same as the same one is right."""
    labels = arrange([("a", "b", True), ("c", "b", True), ("a", "d", False)])
    number = {text: i for i, text in enumerate(labels.texts)}
    assert labels.right(number["a"], number["c"])
    assert not labels.right(number["a"], number["d"])
    assert [labels.texts[i] for i in labels.stored] == ["a", "c"]
    assert [labels.texts[i] for i in labels.asked] == ["b", "d"]


def test_a_pairs_own_label_counts() -> None:
    """Where labels contradict each other the pair's own one counts, and it is said."""
    labels = arrange([("a", "b", True), ("c", "b", True), ("c", "d", True), ("a", "d", False)])
    number = {text: i for i, text in enumerate(labels.texts)}
    assert not labels.right(number["d"], number["a"])
    assert "1 labels contradict" in labels.notes[0]
    served = np.full((2, 1), number["a"], dtype=np.int32)
    assert rows(labels, served, [0.1])[0].false_hits == 1
    assert not arrange([("a", "b", True), ("b", "a", False)]).right(1, 0)
    assert arrange([("a", "a", False), ("a", "b", True)]).right(1, 0)


def test_long_questions_are_left_out() -> None:
    """What the cache serves on an exact match only says nothing about thresholds."""
    labels = arrange([("a", "b" * 1001, True), ("a", "c", True)])
    assert [labels.texts[i] for i in labels.asked] == ["c"]
    assert "1 questions of more than 1000 characters" in labels.notes[0]


def test_repeated_questions_of_a_stream_are_asked_once() -> None:
    """An exact repetition is an exact hit, and counts for no threshold."""
    labels = arrange([("a", "x"), ("a", "x"), ("b", "x"), ("b", "y")])
    assert len(labels.asked) == 2
    assert "1 questions came again in another cluster" in labels.notes[0]


@pytest.mark.parametrize("data", [[], [("a",)], [("a", "b", True), ("a", "x")]])
def test_neither_pairs_nor_clusters(data: list[Any]) -> None:
    """Rows of another shape, or none, are refused."""
    with pytest.raises(ConfigurationError, match="expected pairs"):
        calibrate(data, Angles())


def test_nothing_to_ask() -> None:
    """Pairs whose second questions are all stored ask nothing, which is said."""
    with pytest.raises(ConfigurationError, match="nothing to ask"):
        run([("t0 @0", "t1 @0", True), ("t1 @0", "t0 @0", True)])


# --- playing -----------------------------------------------------------------------------


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


def test_the_recommendation_does_not_go_beyond_the_evidence() -> None:
    """Of thresholds with about the same hits the smallest is recommended."""
    result = run(pairs_of(300, 100))
    assert result.recommended == pytest.approx(0.1, abs=0.006)
    assert result.line == (
        f"RedisSemanticCache(embeddings=..., distance_threshold={result.recommended})"
    )
    assert result.chosen in result.summary()
    assert result.refusal is None


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


def test_examples_say_why() -> None:
    """The worst false hits and the nearest misses carry label, guard or distance."""
    pairs = [
        *pairs_of(300, 0, near=0.01),
        Pair("t301 @0", "t301 @1", False),
        Pair("t302 in 5 days @0", "t302 in 7 days @2", True),
        Pair("t303 @0", "t303 @80", True),
        Pair("t304 @0", "t304 @0.001", True),
        Pair("t304 @0.002", "t305 @0", True),
    ]

    class Embedder(Angles):
        def embed_query(self, text: str) -> list[float]:
            return super().embed_query(text.split()[0] + " @" + text.split("@")[1])

    result = calibrate(pairs, Embedder(), guards={"numbers": lambda a, b: 9.0 * ("in 7" in a)})
    reasons = {example.asked: example.reason for example in result.misses}
    assert reasons["t302 in 7 days @2"] == "guard: numbers"
    assert reasons["t303 @80"] == "distance"
    assert [example.reason for example in result.false_hits] == ["labelled different"]


def test_few_look_alikes_are_noted() -> None:
    """Data without pairs that look alike and differ promise more than they know."""
    assert any("look alike" in note for note in run(pairs_of(300, 5)).notes)
    assert run(pairs_of(300, 100, far=0.15)).notes == ()


# --- embedding ---------------------------------------------------------------------------


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


# --- statistics --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        # Newcombe 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(right: int, of: int, low: float, high: float) -> None:
    """The interval is the one of the literature."""
    assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("share", [1.0, 0.999, 0.99, 0.981])
def test_needed(share: float) -> None:
    """So many trials are enough, and one less is not."""
    number = needed(share, 0.98)
    assert number is not None
    assert wilson(share * number, number)[0] >= 0.98 > wilson(share * (number - 1), number - 1)[0]
    assert needed(0.98, 0.98) is None


def test_errors_that_come_together_count_less() -> None:
    """Ten errors of one topic tell less than ten errors of ten topics."""
    wrong = np.arange(100) < 10
    alone, together = np.arange(100), np.arange(100) // 10
    assert independent(wrong, alone) == pytest.approx(99)
    assert independent(wrong, together) == pytest.approx(9)
    assert independent(wrong, np.zeros(100, dtype=int)) == 1.0
    assert independent(np.zeros(100, dtype=bool), together) == 100
    assert independent(np.arange(100) % 10 == 0, together) == 100
    assert independent(np.zeros(0, dtype=bool), np.zeros(0, dtype=int)) == 0


def test_choose_wants_certainty() -> None:
    """A row whose interval begins below the target is not chosen, however many hits it has."""
    table = [Row(0.1, 1000, 100, 0, 100), Row(0.2, 1000, 300, 0, 300), Row(0.3, 1000, 900, 20, 900)]
    assert choose(table, 0.98) is table[1]
    assert choose(table, 0.999) is None
    assert choose([*table, Row(0.5, 1000, 302, 0, 302)], 0.98) is table[1]
    assert choose([], 0.5) is None


def test_logistic_finds_the_coefficients() -> None:
    """The fit recovers what the outcomes were drawn from, and survives separable data."""
    random = np.random.default_rng(0)
    x = np.column_stack([random.normal(size=(20_000, 2)), np.ones(20_000)])
    right = (random.random(20_000) < sigmoid(0.5 + 2 * x[:, 0] - x[:, 1])).astype(float)
    intercept, weights = logistic(x, right)
    assert (intercept, *weights) == pytest.approx((0.5, 2.0, -1.0, 0.0), abs=0.1)
    intercept, weights = logistic(x[:, :1] * 1000, (x[:, 0] > 0).astype(float))
    assert math.isfinite(intercept)
    assert weights[0] > 0


# --- verifier ----------------------------------------------------------------------------


def lookalikes(count: int) -> list[Pair]:
    """Pairs whose distance says nothing and whose words say all."""
    pairs = []
    for i in range(count):
        same = i % 2 == 0
        other = f"how is t{i} done {'' if same else 'alpha beta gamma delta '}@{5 + i % 7}"
        pairs.append(Pair(f"how is t{i} done @0", other, same))
    return pairs


def test_a_verifier_that_beats_the_threshold_is_kept(tmp_path: Path) -> None:
    """Where words tell what distance does not, a policy is learned that can be saved and loaded."""
    trial = run(lookalikes(800), target_precision=0.9, verifier=True).verifier
    assert trial is not None
    assert trial.policy is not None, trial.message
    assert "worth having" in trial.message
    trial.policy.save(tmp_path / "verifier.json")
    loaded = LearnedPolicy.load(tmp_path / "verifier.json", guards={})
    asked, stored = "how is t5 done @5", "how is t5 done @0"
    for policy in (trial.policy, loaded):
        threshold = policy.distance_threshold
        good = policy.decide(asked, Candidate("k", stored, 0.004), threshold)
        bad = policy.decide(asked, Candidate("k", "alpha beta gamma delta @0", 0.004), threshold)
        far = policy.decide(asked, Candidate("k", stored, 1.9), threshold)
        assert (good.accepted, good.reason) == (True, "accepted")
        assert (bad.accepted, bad.reason) == (False, "verifier")
        assert (far.accepted, far.reason) == (False, "distance")


def test_the_same_seed_gives_the_same_verifier() -> None:
    """Calibration is deterministic."""
    one, two = (run(lookalikes(600), target_precision=0.8, verifier=True, seed=3) for _ in range(2))
    assert one.verifier is not None
    assert two.verifier is not None
    assert one.verifier.message == two.verifier.message
    assert one.table == two.table


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (pairs_of(600, 200), "does not beat"),
        (pairs_of(60, 20), "learning needs 50"),
        (pairs_of(600, 600, near=0.1, far=0.1), "no cutoff"),
        ([Pair("t1 @0", f"t1 @{i}", i % 2 == 0) for i in range(1, 40)], "hang together"),
    ],
)
def test_a_verifier_that_does_not_pay_is_not_kept(pairs: list[Pair], message: str) -> None:
    """It is said why there is none."""
    trial = run(pairs, target_precision=0.9, verifier=True).verifier
    assert trial is not None
    assert trial.policy is None
    assert message in trial.message


def test_guards_without_evidence_keep_their_veto() -> None:
    """A guard that the labels said nothing about is obeyed by the learned policy."""
    policy = LearnedPolicy({"distance": -1.0}, 5.0, 0.5, 0.3)
    asked, near = "remind me in 5 days", Candidate("k", "remind me in 7 days", 0.01)
    decision = policy.decide(asked, near, 0.3)
    assert (decision.accepted, decision.guard) == (False, "numbers")
    weighing = LearnedPolicy({"distance": -1.0, "guard:numbers": -0.1}, 5.0, 0.5, 0.3)
    assert weighing.weighed == ("numbers",)
    assert weighing.decide(asked, near, 0.3).accepted


@pytest.mark.parametrize(
    "arguments",
    [
        ({"guard:none": -1.0}, 0.0, 0.5, 0.3),
        ({"guard:numbers": 1.0}, 0.0, 0.5, 0.3),
        ({"margin": -1.0}, 0.0, 0.5, 0.3),
        ({"distance": math.nan}, 0.0, 0.5, 0.3),
        ({"distance": -1.0}, math.inf, 0.5, 0.3),
        ({"distance": -1.0}, 0.0, 1.5, 0.3),
        ({"distance": -1.0}, 0.0, 0.5, 3.0),
    ],
)
def test_coefficients_that_make_no_sense(arguments: tuple[Any, ...]) -> None:
    """A guard never speaks for a hit, and every number must be one."""
    with pytest.raises(ConfigurationError):
        LearnedPolicy(*arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a file of"),
        ("[]", "is not a file of"),
        ('{"version": 1}', "is not a file of"),
        ('{"version": 2}', "is of version 2"),
        ('{"version": 1, "weights": [], "intercept": 0}', "is not a file of"),
    ],
)
def test_files_that_hold_no_policy(tmp_path: Path, text: str, message: str) -> None:
    """A file of something else is refused by name."""
    path = tmp_path / "verifier.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        LearnedPolicy.load(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        LearnedPolicy.load(tmp_path / "none.json")


# --- the report --------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects tags, and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(path: Path, result: Calibration) -> Page:
    write_report(result, path)
    found = Page()
    found.feed(path.read_text(encoding="utf-8"))
    assert not found.open
    return found


def test_the_report_stands_alone(tmp_path: Path) -> None:
    """One page with curves, table and examples; no script, nothing loaded from elsewhere."""
    result = run(pairs_of(300, 100), verifier=True)
    found = page(tmp_path / "report.html", result)
    assert {"svg", "polyline", "polygon", "table"} <= found.tags
    assert found.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert not [name for name, _ in found.attributes if name in ("src", "href") or name[:2] == "on"]
    text = (tmp_path / "report.html").read_text()
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert result.line is not None
    assert result.line in found.words


def test_the_report_escapes_questions(tmp_path: Path) -> None:
    """A question is text, whatever it looks like, and however broken its characters are."""
    evil = "<script>alert(1)</script>\"'& \ud800"
    found = page(tmp_path / "r.html", run([Pair(f"{evil} t1 @0", f"{evil} t1 @1", False)]))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.words


@pytest.mark.parametrize(
    "pairs",
    [
        pairs_of(60, 40),
        pairs_of(10, 10, near=0.9, far=0.9),
        [Pair(topic(1), topic(1, 0.2), True)],
        [Pair(topic(1), topic(1, 0.2) + "0" * 600, False) for _ in range(3)],
        [Clustered(topic(i % 40, 0.05 * (i // 40)), str(i % 40)) for i in range(200)],
        [Clustered(topic(1), "a")],
        pairs_of(0, 60, far=0.05),
    ],
)
def test_every_outcome_has_a_report(tmp_path: Path, pairs: list[Any]) -> None:
    """Refusals, empty tables and streams can be looked at as well."""
    result = run(pairs)
    found = page(tmp_path / "r.html", result)
    assert (result.refusal or result.line or "-") in found.words
    assert 0 < len(result.summary()) <= 16
    assert "nan" not in found.words
    assert json.dumps(result.same).find("NaN") == -1
