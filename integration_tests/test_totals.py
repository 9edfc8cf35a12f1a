"""What all processes count is added up in Redis, behind the calls and within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    LLM,
    Way,
    asked,
    denied,
    only,
    soon,
    told,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.cli.main import main
from langchain_redis_semcache.entry.scripts import script
from langchain_redis_semcache.events import Event, Failed
from langchain_redis_semcache.flows import totals as module

pytest.importorskip("click", reason="extra not installed")


async def test_of_all(do: Way, make_cache: MakeCache) -> None:
    """Two caches' counts are added up, and asking for them counts nothing."""
    caches = [make_cache(), make_cache()]
    for cache in caches:
        await do(cache.lookup, asked(FRANCE), LLM)
        await do(cache.update, asked(FRANCE), LLM, told("Paris."))
        await do(cache.lookup, asked(FRANCE), LLM)
    await do(caches[0].totals)
    totals = await do(caches[1].totals)
    assert (totals.lookups, totals.exact_hits, totals.stored) == (4, 3, 2)
    assert totals.misses == {"no_candidate": 1}
    assert totals.since is not None
    assert await do(caches[0].totals) == totals


async def test_behind_the_calls(
    do: Way, make_cache: MakeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to ask for it, nor to close anything: it is told a moment later."""
    monkeypatch.setattr(module, "PAUSE", 0.05)
    cache, other = make_cache(), make_cache()
    await do(cache.lookup, asked(FRANCE), LLM)

    async def has_told() -> bool:
        return bool((await do(other.totals)).lookups == 1)

    assert await soon(has_told)


async def test_closing_tells(do: Way, make_cache: MakeCache) -> None:
    """What a process counted is not lost when it closes its cache."""
    cache = make_cache()
    await do(cache.lookup, asked(FRANCE), LLM)
    await do(cache.close)
    assert (await do(make_cache().totals)).lookups == 1


async def test_how_often_served(do: Way, cache: RedisSemanticCache) -> None:
    """An entry says how often it was served, at least."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris."))
    for _ in range(3):
        await do(cache.lookup, asked(FRANCE), LLM)
    await do(cache.totals)
    (one,) = cache.entries()
    assert (await do(cache.get, one.key)).served == 3


def test_bounded(server: redis.Redis, name: str) -> None:
    """There is room for so many fields, and for so many entries; who is served often stays."""
    key = f"{name}::stats"
    for start in range(0, 40, 20):
        pairs: list[Any] = []
        for number in range(start, start + 20):
            pairs += [f"misses:{number}", 1]
        server.eval(script("sum"), 1, key, "1.5", 30, *pairs)
    server.eval(script("sum"), 1, key, "2.5", 30, "misses:0", 4, "misses:35", 1, "s", 0.25)
    assert server.hlen(key) == 30 + 2
    assert server.hmget(key, "misses:0", "misses:35", "since") == [b"5", None, b"1.5"]
    served = f"{name}::served"
    for entry, count, then in (
        ("aa", 5, b"aa 5"),
        ("bb", 2, b"aa 3"),
        ("aa", 1, b"aa 4"),
        ("bb", 9, b"bb 9"),
    ):
        server.eval(script("served"), 1, served, "0", entry, count)
        assert server.hgetall(served) == {b"0": then}


def test_a_user_who_may_not(make_cache: MakeCache, redis_url: str, events: list[Event]) -> None:
    """Who may run no scripts goes on as before, and it is said once."""
    cache = make_cache(redis_url=denied(redis_url, "eval"))
    for _ in range(2):
        cache.lookup(asked(FRANCE), LLM)
        assert cache.totals().lookups == 0
    assert [(e.stage, e.error) for e in only(events, Failed)] == [("totals", "NOPERM")]


def test_shell(
    cache: RedisSemanticCache, redis_url: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stats` adds up, for people and for programs."""
    where = ["--redis-url", redis_url, "--name", name]
    assert main(["stats", *where]) == 1
    assert "Nothing was counted yet" in capsys.readouterr().out
    cache.lookup(asked(FRANCE), LLM)
    cache.update(asked(FRANCE), LLM, told("Paris."))
    cache.lookup(asked(FRANCE), LLM)
    cache.totals()
    assert main(["stats", *where]) == 0
    assert "50.0%: 1 identical, 0 reworded" in capsys.readouterr().out
    assert main(["stats", *where, "--json"]) == 0
    told_ = json.loads(capsys.readouterr().out)
    assert (told_["lookups"], told_["misses"], told_["stored"]) == (2, {"no_candidate": 1}, 1)
    (one,) = cache.entries()
    assert main(["show", *where, one.key]) == 0
    assert "served at least 1 x" in capsys.readouterr().out
