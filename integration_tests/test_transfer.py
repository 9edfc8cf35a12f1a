"""Entries go from one cache to another by a file, and the shell does it without a model."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    LLM,
    CountingEmbeddings,
    Way,
    asked,
    eventually,
    keys_of,
    text_of,
    told,
)
from langchain_redis_semcache import Index, RedisSemanticCache
from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")


async def dumped(do: Way, cache: RedisSemanticCache, **options: Any) -> list[str]:
    if do.is_async:
        return [line async for line in cache.adump(**options)]
    return list(cache.dump(**options))


async def fill(do: Way, make_cache: MakeCache) -> RedisSemanticCache:
    cache = make_cache(namespace="acme", ttl=3600)
    with cache.tags("faq"):
        await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    call = told("", tool_calls=[{"name": "pay", "args": {}, "id": "1"}])
    await do(cache.update, asked(GERMANY), LLM, call)
    return cache


@pytest.mark.parametrize("vectors", [True, False])
async def test_and_back(
    do: Way, make_cache: MakeCache, embeddings: CountingEmbeddings, vectors: bool
) -> None:
    """What was exported, removed and imported is served as before; twice does no harm."""
    cache = await fill(do, make_cache)
    lines = await dumped(do, cache, vectors=vectors)
    assert len(lines) == 2
    await do(cache.clear)
    before = len(embeddings.texts)
    seen: list[str] = []
    assert await do(cache.load, lines, progress=seen.append) == Counter(stored=2)
    assert seen == ["stored", "stored"]
    assert len(embeddings.texts) - before == (0 if vectors else 1)
    assert await do(cache.load, lines) == Counter(present=2)
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris."
    assert text_of(await do(cache.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris."
    assert await do(cache.lookup, asked(GERMANY), LLM)
    assert await do(cache.lookup, asked(f"please: {GERMANY}"), LLM) is None
    (one,) = cache.entries(tag="faq", namespace="acme")
    assert one.ttl is not None
    assert 3000 < one.ttl <= 3600
    assert await do(make_cache().lookup, asked(FRANCE), LLM) is None  # another tenant


async def test_another_model(do: Way, make_cache: MakeCache) -> None:
    """Where the embedding model differs it is embedded again, and served by meaning there."""
    cache = await fill(do, make_cache)
    other = make_cache(namespace="acme", index=Index(vector="float16", embedding_id="new"))
    assert await do(other.lookup, asked(FRANCE), LLM) is None
    assert await do(other.load, await dumped(do, cache, vectors=True)) == Counter(stored=2)
    assert text_of(await do(other.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris."


async def test_signed(do: Way, make_cache: MakeCache) -> None:
    """An application that has the key signs what it imports."""
    cache = await fill(do, make_cache)
    lines = await dumped(do, cache, vectors=True)
    await do(cache.clear)
    signing = make_cache(namespace="acme", signing_key="s" * 16)
    assert await do(signing.load, lines) == Counter(stored=2)
    assert text_of(await do(signing.lookup, asked(FRANCE_REWORDED), LLM)) == "Paris."


def test_shell(
    cache: RedisSemanticCache,
    redis_url: str,
    name: str,
    server: redis.Redis,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A name is exported and imported without its model; only the owner may read the file."""
    cache.update(asked(FRANCE), LLM, told("Paris."))
    before = keys_of(server, f"{name}::")
    file = tmp_path / "entries.jsonl"
    where = [str(file), "--redis-url", redis_url, "--name", name]
    assert main(["export", *where, "--vectors", "--json"]) == 0
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["question"] == FRANCE
    cache.clear()
    assert main(["import", *where]) == 0
    assert main(["import", *where]) == 0
    assert capsys.readouterr().out == '{"exported": 1}\n1 stored\n1 there already\n'
    assert [key for key in keys_of(server, f"{name}::") if len(key) > 80] == [
        key for key in before if len(key) > 80
    ]
    cache.setup()  # the server indexes what is there behind it
    assert eventually(lambda: text_of(cache.lookup(asked(FRANCE_REWORDED), LLM)) == "Paris.")
    assert main(["export", *where]) == 0
    cache.clear()
    assert main(["import", *where]) == 1
    assert "say --embeddings" in capsys.readouterr().out
    assert main(["import", *where, "--embeddings", "local"]) == 0
    file.write_text("nonsense\n")
    assert main(["import", *where]) == 1
    assert main(["import", str(tmp_path / "none"), *where[1:]]) == 2
    assert main(["export", str(tmp_path), *where[1:]]) == 2
