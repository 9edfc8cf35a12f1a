"""What docs/migration.md and docs/tutorial.md say of other caches, both sides of each.

The peers are heavy and stay out of the test group: `pip install --group peers` brings them.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from integration_tests.support import FRANCE, GERMANY, Parrot, keys_of, parroted, stored
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings

DOCS = Path(__file__).parent.parent / "docs"
REASON = "the other cache is not installed: pip install --group peers"
# Near enough for all of these caches, and not the same text.
REWORDED = "What's the capital of France?"


@pytest.fixture
def url(scratch: EmbeddedRedis) -> str:
    return scratch.url


def sides(url: str, page: str, section: str) -> list[str]:
    """The Python blocks of a section: before, after, and what else it shows."""
    text = (DOCS / page).read_text(encoding="utf-8")
    part = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert part is not None
    found = re.findall(r"^```python\n(.*?)^```$", part[1], re.M | re.S)
    return [code.replace("redis://localhost:6379", url) for code in found]


def names(**more: Any) -> dict[str, Any]:
    return {"embeddings": LocalEmbeddings(), "model": Parrot(), "np": np, **more}


def run(code: str, **more: Any) -> dict[str, Any]:
    """Run a block of the page and return what it defines."""
    found = names(**more)
    exec(code, found)
    return found


def answers(cache: Any, *questions: str) -> tuple[list[str], int]:
    """What a model with this cache says, and how often it was asked."""
    model = Parrot(cache=cache)
    said = []
    for question in questions:
        said.append(model.invoke(question).text)
        settle(cache)
    return said, len(model.calls)


def settle(cache: Any) -> None:
    """Wait for the vector of what our cache stores, which comes behind the call."""
    if isinstance(cache, RedisSemanticCache):
        stored(cache)


@pytest.mark.filterwarnings("ignore")
def test_langchain_redis(url: str, switched_on: Any) -> None:
    """Its index takes in what lies under its name, and only the same name is at risk."""
    pytest.importorskip("langchain_redis", reason=REASON)
    before, after, import_them = sides(url, "migration.md", "langchain-redis")
    theirs, ours = run(before)["cache"], run(after)["cache"]
    answers(theirs, FRANCE)
    said, asked = answers(ours, FRANCE, REWORDED, GERMANY)
    assert (said, asked) == ([parroted(FRANCE)] * 2 + [parroted(GERMANY)], 2)
    same_name = run(after.replace('name="answers"', 'name="llmcache"'))["cache"]
    answers(same_name, GERMANY)
    with redis.Redis.from_url(url, protocol=2) as server:
        assert len(keys_of(server, "llmcache")) == 2  # one of theirs, one of ours
        theirs.clear()
        assert keys_of(server, "llmcache") == []  # the warning of the page
        assert len(keys_of(server, "answers")) == 2
        answers(theirs, FRANCE)
        ours.clear()
        run(import_them, cache=ours)
        assert answers(ours, FRANCE) == ([parroted(FRANCE)], 0)
        server.execute_command("FT.DROPINDEX", "llmcache", "DD")
        assert answers(ours, FRANCE) == ([parroted(FRANCE)], 0)
    ours.close()
    same_name.close()


@pytest.mark.filterwarnings("ignore")
def test_langchain_community(url: str, switched_on: Any, monkeypatch: Any) -> None:
    """The old names of arguments are answered with the new ones, and both caches live together."""
    pytest.importorskip("langchain_community", reason=REASON)
    renamed = importlib.import_module("redis.commands.search.index_definition")
    monkeypatch.setitem(sys.modules, "redis.commands.search.indexDefinition", renamed)
    before, after = sides(url, "migration.md", "langchain-community")
    theirs = run(before.replace(url, f"{url}?protocol=2"))["cache"]
    assert answers(theirs, FRANCE, FRANCE)[1] == 1
    ours = run(after)["cache"]
    assert answers(ours, FRANCE, REWORDED, GERMANY)[1] == 2
    for old, new in (("embedding", "embeddings"), ("score_threshold", "distance_threshold")):
        with pytest.raises((TypeError, ValueError), match=new):
            RedisSemanticCache(LocalEmbeddings(), url, **{old: 0.2})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="llm_string"):
        ours.clear(llm_string="x")
    with redis.Redis.from_url(url, protocol=2) as server:
        indexes = [index.decode() for index in server.execute_command("FT._LIST")]
    assert any(re.fullmatch("cache:[0-9a-f]{32}", index) for index in indexes)
    ours.close()


@pytest.mark.filterwarnings("ignore")
def test_gptcache(url: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A hand-made ask() answers as before, the model asked once for each new question."""
    pytest.importorskip("gptcache", reason=REASON)
    pytest.importorskip("faiss", reason=REASON)
    monkeypatch.chdir(tmp_path)  # its files lie where one stands
    both_sides_ask(*sides(url, "migration.md", "GPTCache"))


@pytest.mark.filterwarnings("ignore")
def test_redisvl(url: str) -> None:
    """The same threshold serves the same paraphrase on both sides."""
    pytest.importorskip("redisvl", reason=REASON)
    both_sides_ask(*sides(url, "migration.md", "redisvl's SemanticCache by hand"))


def both_sides_ask(before: str, after: str) -> None:
    for code in (before, after):
        model = Parrot()
        ask = run(code, model=model)["ask"]
        said = []
        for question in (FRANCE, FRANCE, REWORDED, GERMANY):
            said.append(ask(question))
            settle(model.cache)
        assert said == [parroted(FRANCE)] * 3 + [parroted(GERMANY)]
        assert len(model.calls) == 2
        if isinstance(model.cache, RedisSemanticCache):
            model.cache.close()


def test_the_tutorial(url: str) -> None:
    """ask() -> (answer, from_cache), for each user apart, on both sides; ours tells roles apart."""
    before, after = sides(url, "tutorial.md", "The whole of it, before and after")
    for code in (before, after):
        model = Parrot()
        asking = run(code, model=model)["ask"]

        def ask(question: str, user: str, asking: Any = asking, model: Any = model) -> Any:
            answer = asking(question, user)
            settle(model.cache)
            return answer

        assert ask(FRANCE, "ann") == (parroted(FRANCE), False)
        assert ask(REWORDED, "ann") == (parroted(FRANCE), True)
        assert ask(FRANCE, "bob") == (parroted(FRANCE), False)
        there, back = "How do I get from Paris to London?", "How do I get from London to Paris?"
        ask(there, "ann")
        wrong = ask(back, "ann") == (parroted(there), True)
        assert wrong is (code is before)
        if isinstance(model.cache, RedisSemanticCache):
            model.cache.close()
