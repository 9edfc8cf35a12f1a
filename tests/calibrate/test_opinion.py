"""A judge is asked about both kinds of pairs, and its yes and no are counted."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache.calibrate import Clustered, Pair, load_pairs, measure_judge
from langchain_redis_semcache.errors import ConfigurationError

PAIRS = [Pair(f"a{n}", f"b{n}", n % 3 > 0) for n in range(90)]


def test_counted() -> None:
    """What it lets pass of the right and of the wrong answers, and where it failed."""
    asked: list[tuple[str, str, str]] = []

    def judge(asked_text: str, cached: str, answer: str) -> bool:
        asked.append((asked_text, cached, answer))
        number = int(cached[1:])
        if number == 0:
            raise RuntimeError
        return number % 3 > 0 or number < 10

    steps: list[tuple[int, int]] = []
    said = measure_judge(PAIRS, judge, progress=lambda done, of: steps.append((done, of)))
    assert (said.same, said.yes_to_same, said.others, said.yes_to_others) == (60, 60, 30, 3)
    assert said.failed == 1
    assert said.sensitivity[0] == 1.0
    assert 0 < said.false_yes[1] < said.false_yes[0] == 0.1 < said.false_yes[2]
    assert ("b1", "a1", "") in asked
    assert steps[-1] == (90, 90)
    assert "100.0%" in str(said)
    assert "10.0%" in str(said)
    assert "failed 1 times" in str(said)


def test_bounded() -> None:
    """It costs so many calls, half of them about each kind; the seed says which."""
    asked: list[str] = []

    class Verifier:
        def verify(self, asked_text: str, cached: str, answer: str) -> bool:
            asked.append(cached)
            return True

    said = measure_judge(PAIRS, Verifier(), calls=20)
    assert (said.same, said.others, len(asked)) == (10, 10, 20)
    again = list(asked)
    asked.clear()
    measure_judge(PAIRS, Verifier(), calls=20)
    assert asked == again


@pytest.mark.parametrize(
    ("rows", "judge", "message"),
    [
        (PAIRS, "gpt", "verify"),
        ([pair for pair in PAIRS if pair.same], print, "some of them the same and some not"),
        ([Clustered("q", "c")], print, "pairs"),
    ],
)
def test_nonsense(rows: Any, judge: Any, message: str) -> None:
    """What cannot be measured is refused, with what is wanted."""
    with pytest.raises(ConfigurationError, match=message):
        measure_judge(rows, judge)


def test_answers_of_a_file(tmp_path: Any) -> None:
    """A file may have the answers to the first questions."""
    path = tmp_path / "pairs.csv"
    path.write_text("q1,q2,label,answer\nA?,B?,1,yes\nA?,C?,0,\n")
    said: list[tuple[str, str, str]] = []
    measure_judge(load_pairs(path), lambda *texts: said.append(texts))
    assert said == [("B?", "A?", "yes"), ("C?", "A?", "")]
