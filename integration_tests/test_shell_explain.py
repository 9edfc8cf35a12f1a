"""`semcache explain QUESTION --like KEY`: what a lookup would do, asked from a shell."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import SystemMessage

from integration_tests.conftest import MakeCache
from integration_tests.support import FRANCE, FRANCE_REWORDED, GERMANY, asked, told
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")

MODEL = "[('model', 'gpt-x')]"
EMBEDDINGS = "integration_tests.support:CountingEmbeddings"


class Explain:
    """Runs the command against the test's server and name."""

    def __init__(self, url: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._where = ["--redis-url", url, "--name", name]
        self._capsys = capsys
        self.code = 0

    def __call__(self, question: str, key: str, *more: str) -> str:
        self._capsys.readouterr()
        self.code = main(["explain", *self._where, question, "--like", key, *more])
        printed = self._capsys.readouterr()
        return printed.out + printed.err


@pytest.fixture
def explain(redis_url: str, name: str, capsys: pytest.CaptureFixture[str]) -> Explain:
    return Explain(redis_url, name, capsys)


@pytest.fixture
def cache(make_cache: MakeCache) -> RedisSemanticCache:
    return make_cache(namespace="acme", ttl=3600)


@pytest.fixture
def key(cache: RedisSemanticCache) -> str:
    cache.update(asked(SystemMessage("Be brief."), FRANCE), MODEL, told("Lyon \x1b[31m"))
    (one,) = cache.entries()
    return one.key


@pytest.mark.parametrize(
    ("question", "code", "said"),
    [
        (FRANCE, 0, "hit: exact"),
        (FRANCE_REWORDED, 0, "hit: semantic, distance 0.1"),
        (GERMANY, 1, "miss: distance"),
        ("What isn't the capital of France?", 1, "guard (negation)"),
    ],
)
def test_with_the_embedder(explain: Explain, key: str, question: str, code: int, said: str) -> None:
    """With the embedding model it says what a lookup of that tenant, model and prompt would do."""
    shown = explain(question, key, "--embeddings", EMBEDDINGS, "--threshold", "0.15")
    assert said in shown
    assert explain.code == code
    if code == 0:
        assert f"entry      {key}" in shown
        assert "answer     'Lyon" in shown
        assert "namespace acme" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("question", "code", "said"),
    [
        (FRANCE, 0, "hit: exact"),
        (FRANCE_REWORDED, 1, "guards: none objects"),
        ("What isn't the capital of France?", 1, "guards: negation objects"),
    ],
)
def test_without_it(explain: Explain, key: str, question: str, code: int, said: str) -> None:
    """Without it identical questions and guards are told, and that this is all."""
    shown = explain(question, key)
    assert said in shown
    assert "without --embeddings only identical questions" in shown
    assert ("compared by meaning: no" in shown) == (code == 1)
    assert explain.code == code


def test_json(explain: Explain, key: str) -> None:
    """Programs get one object on one line."""
    (line,) = explain(
        FRANCE_REWORDED, key, "--embeddings", EMBEDDINGS, *("--threshold", "0.15", "--json")
    ).splitlines()
    said = json.loads(line)
    assert (said["decision"], said["entry"]) == ("hit", key)
    assert said["served"]["question"] == FRANCE
    assert said["candidates"][0]["distance"] == said["distance"]


def test_no_such_entry(explain: Explain, key: str) -> None:
    """A key of nothing is a mistake of the call."""
    assert "the key of an entry that is stored" in explain(FRANCE, f"{key}0")
    assert explain.code == 2
