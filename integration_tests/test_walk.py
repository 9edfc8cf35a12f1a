"""The walk of whoever is on call: from "a wrong answer is being served" to "gone everywhere".

WALK_ENTRIES says among how many entries; benchmarks/shell.py walks among 100,000.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache, Worker
from integration_tests.support import FRANCE, FRANCE_REWORDED, LLM, asked, eventually, told
from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")

ENTRIES = int(os.environ.get("WALK_ENTRIES", "500"))


def test_the_walk(
    workers: list[Worker],
    make_cache: MakeCache,
    redis_url: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
    server: redis.Redis,
) -> None:
    """Known by three of its words, it is found, explained, removed under every wording; off, on."""
    cache = make_cache()
    cache.update(asked(FRANCE), LLM, told("The capital is Lyon, of course."))
    (entry,) = cache.entries()
    prefix = entry.key[:-1]
    with server.pipeline(transaction=False) as pipeline:
        for number in range(ENTRIES):
            fields: Any = {"prompt": f"question {number}", "response": b"{}", "created_at": "1"}
            pipeline.hset(f"{prefix[:-31]}{number:032x}", mapping=fields)
        pipeline.execute()
    for question in (FRANCE, FRANCE_REWORDED):
        assert {one.ask(question) for one in workers} == {"The capital is Lyon, of course."}
    assert eventually(lambda: cache.aliases(entry.key))

    def semcache(command: str, *arguments: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        where = ["--redis-url", redis_url, "--name", name, "--json"]
        assert main([command, *where, *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (found,) = semcache("ls", "--text", "course lyon capital")
    (shown,) = semcache("show", found["key"])
    assert shown["question"] == FRANCE
    assert shown["aliases"] == [FRANCE_REWORDED]
    why = cache.explain(asked(FRANCE), LLM)
    assert (why.decision, why.entry) == ("hit", found["key"])
    would = semcache("rm", found["key"])
    assert {one["question"] for one in would} == {FRANCE, FRANCE_REWORDED}
    assert len(semcache("rm", found["key"], "--yes")) == len(would)
    for question in (FRANCE, FRANCE_REWORDED):
        assert {one.ask(question) for one in workers} == {""}
    cache.update(asked(FRANCE), LLM, told("Paris."))
    assert {one.ask(FRANCE) for one in workers} == {"Paris."}
    semcache("off")
    assert eventually(lambda: {one.ask(FRANCE) for one in workers} == {""})
    semcache("on")
    assert eventually(lambda: {one.ask(FRANCE) for one in workers} == {"Paris."})
