"""The call that langchain-redis users write today works after the import is changed."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    CountingEmbeddings,
    Parrot,
    Way,
    keys_of,
    parroted,
)
from langchain_redis_semcache import RedisSemanticCache

# As langchain-redis 0.2 orders them.
ARGUMENTS = (
    "embeddings",
    "redis_url",
    "distance_threshold",
    "ttl",
    "name",
    "prefix",
    "redis_client",
)


@pytest.mark.parametrize("by_keyword", [True, False], ids=["keyword", "positional"])
@pytest.mark.parametrize("prefix", ["{}", "{}-x", None], ids=["same", "other", "none"])
@pytest.mark.parametrize("client", [True, False], ids=["client", "url"])
async def test_all_seven_arguments(
    do: Way,
    redis_url: str,
    server: redis.Redis,
    name: str,
    by_keyword: bool,
    prefix: str | None,
    client: bool,
) -> None:
    """All seven arguments mean what they meant, by position and by keyword; URL or client."""
    prefix = None if prefix is None else prefix.format(name)
    with redis.Redis.from_url(redis_url) as own:
        url, passed = (None, own) if client else (redis_url, None)
        values = [CountingEmbeddings(), url, 0.14, 60, name, prefix, passed]
        if by_keyword:
            cache = RedisSemanticCache(**dict(zip(ARGUMENTS, values, strict=True)))
        else:
            cache = RedisSemanticCache(*values)
        model = Parrot(cache=cache)
        for question, answered in ((FRANCE, FRANCE), (FRANCE_REWORDED, FRANCE), (GERMANY, GERMANY)):
            assert (await do(model.invoke, question)).text == parroted(answered)
        keys = keys_of(server, name)
        assert len(keys) == 2
        assert all(0 < server.ttl(key) <= 60 for key in keys)
        await do(cache.clear)
        assert keys_of(server, name) == []
        await do(cache.close)
        assert own.ping()


async def test_name_and_prefix_both_separate(
    do: Way, redis_url: str, name: str, embeddings: CountingEmbeddings
) -> None:
    """Caches that differ in name or in prefix share nothing."""
    calls = []
    for arguments in ({}, {"prefix": "p"}, {"prefix": "q"}, {"prefix": f"{name}-2"}):
        with RedisSemanticCache(embeddings, redis_url, name=name, **arguments) as cache:
            model = Parrot(cache=cache)
            for _ in range(2):
                await do(model.invoke, FRANCE)
            calls.append(len(model.calls))
            await cache.aclose()
    assert calls == [1, 1, 1, 1]


@pytest.mark.parametrize("url", ["http://localhost:6379", "localhost:6379", "redis:/x", ""])
def test_a_url_that_is_none(url: str, embeddings: CountingEmbeddings, monkeypatch: Any) -> None:
    """An unknown scheme is an error at construction that says what to write."""
    monkeypatch.setenv("REDIS_URL", "ftp://nowhere")  # what an empty argument falls back to
    with pytest.raises(ValueError, match=r"redis_url must begin with .* e\.g\. redis://localhost"):
        RedisSemanticCache(embeddings, url)


def test_the_default_embeddings(monkeypatch: Any) -> None:
    """Without embeddings they are OpenAI's, and a missing key is an error that says so."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        RedisSemanticCache()
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    with RedisSemanticCache() as cache:
        assert "text-embedding-3-small" in repr(cache)


def test_prefix_that_ends_in_a_separator(redis_url: str) -> None:
    """A prefix written with its separator, as many are, names the same cache as without."""
    caches = [
        RedisSemanticCache(CountingEmbeddings(), redis_url, prefix=p) for p in ("a:b", "a:b:")
    ]
    assert {cache.name for cache in caches} == {"a:b"}
    for cache in caches:
        cache.close()
