"""A threshold is judged by questions that had no part in its choice."""

from __future__ import annotations

import numpy as np
import pytest

from langchain_redis_semcache.calibrate.labels import arrange
from langchain_redis_semcache.calibrate.replay import Row
from langchain_redis_semcache.calibrate.split import PARTS, choose, dealt
from tests.calibrate.material import pairs_of, run, topic


def test_topics_are_dealt_to_even_parts() -> None:
    """No topic is torn apart, the parts are even, and a seed repeats."""
    stream = [(f"q {topic} {i}", f"t{topic}") for topic in range(60) for i in range(topic % 7 + 1)]
    labels = arrange(stream)
    part = dealt(labels, 0)
    assert len(set(zip(labels.group, part, strict=True))) == 60
    assert all(abs(part.count(n) / len(part) - 1 / PARTS) < 0.02 for n in range(PARTS))
    assert dealt(labels, 0) == part != dealt(labels, 1)


def test_choose_wants_what_will_probably_be_sure() -> None:
    """The smallest threshold with nearly all the hits, of those that promise the target."""
    some = [Row(0.1, 700, 70, 0, 70), Row(0.2, 700, 200, 0, 200), Row(0.3, 700, 600, 20, 600)]
    table = [Row(0.1, 1000, 100, 0, 100), Row(0.2, 1000, 300, 0, 300), Row(0.3, 1000, 900, 9, 900)]
    assert choose(some, table, 0.98) == 1
    assert choose(some, table, 0.999) is None
    more = Row(0.5, 700, 201, 0, 201), Row(0.5, 1000, 302, 0, 302)
    assert choose([*some, more[0]], [*table, more[1]], 0.98) == 1
    assert choose([], [], 0.5) is None


def test_no_question_judges_what_it_chose() -> None:
    """A threshold that two parts choose and the third refutes is not recommended."""
    pairs = pairs_of(300, 0)
    labels = arrange(pairs)
    part = dealt(labels, 0)
    texts = {labels.texts[asked]: part[at] for at, asked in enumerate(labels.asked)}
    spoilt = [
        (q1, q2, same and not (texts[q2] == 2 and n % 3)) for n, (q1, q2, same) in enumerate(pairs)
    ]
    assert run(pairs).recommended is not None
    assert run(spoilt, target_precision=0.8).recommended is None


def test_right_hits_of_one_topic_make_no_recommendation() -> None:
    """190 of them had made 0.98 sure; ten topics do not either."""
    for topics in (1, 10):
        stream = [(topic(i % topics, 0.0001 * (i // topics)), f"t{i % topics}") for i in range(400)]
        result = run(stream)
        assert result.shown.hits > 190
        assert result.shown.false_hits == 0
        assert result.recommended is None
        assert "more questions like these" in (result.refusal or "")
        assert f"hits are of few topics and count as {topics}:" in (result.refusal or "")


@pytest.mark.parametrize("topics", [20, 60])
def test_topics_that_are_wrong_altogether_are_not_called_sure(topics: int) -> None:
    """Simulated: 5 % of the topics wrong, so 0.98 is not reached; 36 of 100 data sets said so."""
    called = 0
    for seed in range(12):
        chance = np.random.default_rng(seed)
        wrong = chance.random(topics) < 0.05
        pairs = [
            (topic(t, 0.1), topic(t, 0.0001 * n), not wrong[t])
            for t in range(topics)
            for n in range(1, 13)
        ]
        called += run(pairs).recommended is not None
    assert called <= 1


def test_the_recommendation_says_by_what_it_was_judged() -> None:
    """Its row is beside that of the table; without a recommendation there is none."""
    result = run(pairs_of(400, 100))
    assert result.judged is not None
    assert result.judged.threshold == result.recommended
    assert (result.judged.hits, result.judged.false_hits) == (400, 0)
    assert run(pairs_of(60, 40)).judged is None
