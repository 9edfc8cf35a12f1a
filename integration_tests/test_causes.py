"""Whoever looks for a cause finds the exception and where it came from, and no credential."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import FRANCE, LLM, CountingEmbeddings, Way, asked, told, watched
from langchain_redis_semcache import CacheUnavailableError, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis

SECRET = "hunter2"
RIGHTS = "+hmget +hset +unlink +pexpire +multi +exec +eval +ft.search +ft.aggregate +ft.create"


@pytest.fixture
def nowhere() -> str:
    """Host and port at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


async def raised(do: Way, method: Any) -> str:
    with pytest.raises(CacheUnavailableError) as error:
        await do(method)
    return str(error.value)


async def test_nobody_there(do: Way, make_cache: MakeCache, nowhere: str) -> None:
    """`setup`, `doctor` and `health` say that the connection was refused, and by whom."""
    cache = make_cache(redis_url=f"redis://user:{SECRET}@{nowhere}")
    (finding,) = await do(cache.doctor)
    health = await do(cache.health)
    assert not health
    for said in (await raised(do, cache.setup), finding.says, health.says):
        assert "refused" in said.lower() or "Connect call failed" in said
        assert f"[{nowhere}]" in said
        assert SECRET not in said


async def test_wrong_password(do: Way, make_cache: MakeCache, redis_url: str) -> None:
    """A refused login is told from a server that is down."""
    cache = make_cache(redis_url=redis_url.replace("redis://", f"redis://user:{SECRET}@"))
    said = await raised(do, cache.setup)
    assert "AuthenticationError" in said
    assert "WRONGPASS" in said or "invalid username-password" in said
    assert SECRET not in said


class Broken(CountingEmbeddings):
    """An embedder with a wrong key."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError(f"Incorrect API key provided: {SECRET}")


async def test_an_embedder(do: Way, make_cache: MakeCache) -> None:
    """What the embedder says is said, but for the key."""
    said = await raised(do, make_cache(embeddings=Broken()).setup)
    assert "RuntimeError: Incorrect API key provided: ***" in said
    assert "test_causes.py:" in said
    assert SECRET not in said


def tenant() -> str:
    raise LookupError("no tenant in this request")


async def test_the_log(
    do: Way, make_cache: MakeCache, nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG each failure has its cause; above, nothing but its class."""
    caplog.set_level("DEBUG", "langchain_redis_semcache")
    await do(make_cache(namespace=tenant).lookup, asked(FRANCE), LLM)
    await do(make_cache(redis_url=f"redis://{nowhere}").lookup, asked(FRANCE), LLM)
    await do(make_cache(embeddings=Broken()).update, asked(FRANCE), LLM, told("Paris"))
    causes = {
        record.semcache_stage: record.getMessage()
        for record in caplog.records
        if getattr(record, "semcache_event", "") == "Cause"
    }
    assert (
        "LookupError: no tenant in this request [integration_tests/test_causes.py:"
        in (causes["namespace"])
    )
    assert f"[{nowhere}]" in causes["redis"]
    assert "RuntimeError: Incorrect API key provided: ***" in causes["embedding"]
    louder = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert louder
    for word in (SECRET, "tenant in", nowhere, "Incorrect", FRANCE):
        assert word not in "".join(louder)
    assert SECRET not in caplog.text


async def test_a_hook_with_a_prompt_in_its_message(
    do: Way, make_cache: MakeCache, caplog: pytest.LogCaptureFixture
) -> None:
    """It is kept at DEBUG, where prompts may be."""

    def hook(messages: Any) -> Any:
        raise ValueError(f"no question in {messages[-1].text!r}")

    caplog.set_level("DEBUG", "langchain_redis_semcache")
    await do(make_cache(question=hook).lookup, asked(FRANCE), LLM)
    told_at = {r.levelname for r in caplog.records if FRANCE in r.getMessage()}
    assert told_at == {"DEBUG"}


async def test_the_documented_user(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, embeddings: CountingEmbeddings
) -> None:
    """`setup` and `health` work for the `app` user of docs/operations.md, who may not PING."""
    user = f"app on >{SECRET} resetkeys ~app::* resetchannels -@all {RIGHTS}"
    with redis.Redis.from_url(scratch.url) as admin:
        admin.execute_command("ACL SETUSER", *user.split())
        url = scratch.url.replace("redis://", f"redis://app:{SECRET}@")
        cache = make_cache(redis_url=url, name="app")
        await do(cache.setup)
        listed: Any = admin.execute_command("FT._LIST")
        assert [name.decode()[:5] for name in listed] == ["app::"]
        assert await do(cache.health)
        admin.execute_command("ACL SETUSER", "app", "-ft.create")
        assert (
            "ft.create" in (await raised(do, make_cache(redis_url=url, name="app").setup)).lower()
        )
        admin.execute_command("ACL SETUSER", "app", "-hmget")
        health = await do(cache.health)
        assert not health
        assert "hmget" in health.says


async def test_health(
    do: Way, cache: RedisSemanticCache, embeddings: CountingEmbeddings, server: redis.Redis
) -> None:
    """One round trip, no embedding, nothing counted."""
    await do(cache.health)
    before = cache.stats
    with watched(server) as traffic:
        health = await do(cache.health)
    assert health
    assert health.seconds > 0
    assert traffic.commands == {"hmget": 1}
    assert traffic.round_trips == 1
    assert cache.stats == before
    assert embeddings.texts == []
