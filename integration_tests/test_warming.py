"""A cache is warm before anybody asks: from pairs, or from a model's answers."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    Parrot,
    Way,
    astored,
    parroted,
    stored,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.cli.main import main
from langchain_redis_semcache.embedded import LocalEmbeddings

pytest.importorskip("click", reason="extra not installed")
MODEL = Parrot()


async def test_served(do: Way, cache: RedisSemanticCache, model: Parrot) -> None:
    """The application's own call is served what was warmed, reworded too; warming goes on."""
    rows = [(FRANCE, "Paris."), GERMANY]
    assert await do(cache.warm, rows, model, system="Be brief.") == Counter(stored=2)
    assert model.calls == [GERMANY]
    seen: list[str] = []
    again = [*rows, "What is 1+1?"]
    counts = await do(cache.warm, again, model, system="Be brief.", progress=seen.append)
    assert (counts, seen) == (Counter(present=2, stored=1), ["present", "present", "stored"])
    stored(cache)  # vectors come behind the stores
    await astored(cache)
    app = model.model_copy(update={"cache": cache})
    before = len(model.calls)

    async def ask(question: str) -> str:
        given = [SystemMessage("Be brief."), HumanMessage(question)]
        return str((await do(app.invoke, given)).text)

    assert await ask(FRANCE_REWORDED) == "Paris."
    assert await ask(GERMANY) == parroted(GERMANY, "Be brief.")
    assert len(model.calls) == before


def test_shell(
    redis_url: str,
    name: str,
    make_cache: MakeCache,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of questions and pairs is put to a model that the command line names."""
    monkeypatch.setitem(sys.modules, "app", sys.modules[__name__])
    file = tmp_path / "faq.jsonl"
    file.write_text(f'{{"question": "{FRANCE}", "answer": "Paris."}}\n{GERMANY}\n')
    where = [str(file), "--redis-url", redis_url, "--name", name]
    command = ["warm", *where, "--model", "app:MODEL", "--embeddings", "local", "--ttl", "1h"]
    assert main(command) == 0
    assert main([*command, "--json"]) == 0
    assert capsys.readouterr().out == '2 stored\n{"present": 2}\n'
    cache = make_cache(embeddings=LocalEmbeddings())
    before = len(MODEL.calls)
    app = MODEL.model_copy(update={"cache": cache})
    assert app.invoke(FRANCE_REWORDED).text == "Paris."
    assert app.invoke(GERMANY).text == parroted(GERMANY)
    assert len(MODEL.calls) == before
    assert all(one.ttl for one in cache.entries())
    file.write_text("{no json\n")
    assert main(command) == 2
