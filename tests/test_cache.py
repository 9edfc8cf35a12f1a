"""The constructor refuses nonsense and does nothing else; the package is quick to import."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import redis
from langchain_core.caches import BaseCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.outputs import Generation

from langchain_redis_semcache import (
    ConfigurationError,
    DistancePolicy,
    Index,
    Limits,
    RedisSemanticCache,
)
from langchain_redis_semcache.events import Event, Failed, Warned
from langchain_redis_semcache.reporting import log
from tests.lab import MODEL, Fixed, chat

SECRET = "s3cret-of-sixteen"


class Untouchable(Fixed):
    """An embedder that must not be called."""

    def embed_query(self, text: str) -> list[float]:
        raise AssertionError("embedded")


def make(**arguments: Any) -> RedisSemanticCache:
    return RedisSemanticCache(**{"embeddings": Untouchable(), **arguments})


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"distance_threshold": -0.1}, "distance_threshold .* 0.15"),
    ({"distance_threshold": 2.1}, "distance_threshold .* 0.15"),
    ({"distance_threshold": "0.2"}, "distance_threshold .* 0.15"),
    ({"ttl": 0}, "ttl .* ttl=86400"),
    ({"ttl": -5}, "ttl .* ttl=86400"),
    ({"ttl": timedelta()}, "ttl .* ttl=86400"),
    ({"ttl": "1h"}, "ttl .* ttl=86400"),
    ({"ttl": True}, "ttl .* ttl=86400"),
    ({"ttl": float("nan")}, "ttl .* ttl=86400"),
    ({"ttl": float("inf")}, "ttl .* ttl=86400"),
    ({"parameters": ("trace",)}, r"parameters=Parameters\(irrelevant=\('trace',\)\)"),
    ({"irrelevant": ("trace",)}, r"write parameters=Parameters\(irrelevant"),
    ({"single_flight": True}, r"single_flight=SingleFlight\(wait=15\)"),
    ({"prefilter": True}, r"prefilter=LocalEmbeddings\(\)"),
    ({"prefilter": (same := Untouchable()), "embeddings": same}, "the cache's own embedder"),
    ({"limits": 0.5}, r"limits=Limits\(redis=0.5\)"),
    ({"index": "flat"}, r"index=Index\(kind='flat'\)"),
    ({"name": "a*"}, "name and prefix .* name='support-bot'"),
    ({"name": ""}, "name and prefix .* name='support-bot'"),
    ({"prefix": "a::b"}, "name and prefix .* name='support-bot'"),
    ({"redis_url": "http://host"}, "redis_url .* redis://localhost"),
    ({"redis_url": f"redis://:{SECRET}@host:x"}, "redis_url .* redis://user:password@host"),
    ({"embeddings": "text-embedding-3-small"}, "embeddings .* OpenAIEmbeddings"),
    ({"policy": 0.1}, "policy must be a policy.*write distance_threshold=0.1"),
    ({"guards": {}}, r"no argument guards=; write policy=DistancePolicy\(0.15, guards\)"),
    ({"embedding": None}, "no argument embedding=; write embeddings="),
    ({"score_threshold": 0.2}, "no argument score_threshold=; write distance_threshold="),
    ({"redis_timeout": 1}, r"write limits=Limits\(redis=0.5\)"),
    ({"verify_between": (0, 1)}, r"write policy=Verified\(.*between="),
    ({"colour": 1}, "no argument colour="),
    ({"listeners": print}, r"listeners=\[listener\]"),
    ({"listeners": [1]}, "callable with an event"),
    ({"policy": DistancePolicy(), "distance_threshold": 0.3}, "policy= .*DistancePolicy"),
    ({"namespace": None}, "namespace must be a str or a callable"),
    ({"context": "all"}, "context must be one of full, system, none"),
    ({"namespaces": "secret"}, "namespaces must be one of readable, hidden"),
    ({"signing_key": "short"}, "signing_key .*secrets.token_bytes"),
]


@pytest.mark.parametrize(("arguments", "message"), NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense(arguments: dict[str, Any], message: str) -> None:
    """An argument that makes no sense is refused by name, with what to write."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        make(**arguments)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "arguments", "threshold"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", {}, 0.15),
        ("text-embedding-3-small", {}, 0.15),
        ("wordllama-l2-supercat-256", {}, 0.10),
        ("fixed-1", {}, 0.05),
        ("fixed-1", {"index": Index(embedding_id="text-embedding-3-small")}, 0.05),
        ("fixed-1", {"distance_threshold": 0.15}, 0.15),
        ("wordllama-l2-supercat-256", {"distance_threshold": 0}, 0.0),
        ("fixed-1", {"policy": DistancePolicy()}, 0.15),
    ],
)
def test_threshold_of_the_model(
    model: str, arguments: dict[str, Any], threshold: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a number the threshold is the embedding model's; a cautious guess is said once."""
    caplog.set_level(logging.INFO)
    embeddings = Fixed()
    embeddings.model = model
    cache = RedisSemanticCache(embeddings, **arguments)
    assert cache._core.settings.policy.distance_threshold == threshold
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == (threshold == 0.05)
    assert all("semcache calibrate" in line and "model=fixed-1" in line for line in lines)


def test_patience_by_default() -> None:
    """A lookup waits for Redis for half a second, and two for an embedder that hangs."""
    drivers = make()._drivers
    assert (drivers.budget, drivers._embedders[0]._timeout) == (0.5, 2.0)


def test_no_endpoint_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A model that is named by an endpoint with credentials is not logged with them."""
    caplog.set_level(logging.INFO)
    embeddings = Fixed()
    embeddings.model = f"https://user:{SECRET}@host"
    RedisSemanticCache(embeddings)
    assert "no distance threshold is known" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("1", True), ("TRUE", True), ("yes please", True), ("0", False), ("", False), (" No ", False)],
)
def test_disabled(value: str, disabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SEMCACHE_DISABLED=1` keeps a cache from being used from the start, and it is said."""
    monkeypatch.setenv("SEMCACHE_DISABLED", value)
    events: list[Event] = []
    cache = make(redis_url="redis://localhost:1", listeners=[events.append])
    assert [isinstance(event, Warned) for event in events] == [True] * disabled
    cache.update("p", MODEL, [Generation(text="x")])
    assert (cache.stats.bypassed == {"disabled": 1}) is disabled


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without embeddings and without a key for the default ones it is said what to do."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY; set it or pass embeddings="):
        RedisSemanticCache()


def test_default_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key the default embedding model is OpenAI's small one."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with RedisSemanticCache() as cache:
        assert "text-embedding-3-small" in repr(cache)
        assert SECRET not in repr(cache)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "semcache"),
        ({"name": "app"}, "app"),
        ({"prefix": "app"}, "app"),
        ({"name": "app", "prefix": "app"}, "app"),
        ({"name": "app", "prefix": "dev"}, "app:dev"),
    ],
)
def test_names(arguments: dict[str, str], name: str) -> None:
    """`name` and `prefix` name the cache together, as langchain-redis users write them."""
    assert make(**arguments).name == name


def test_drop_in() -> None:
    """The call written for langchain-redis works unchanged, by position and by name."""
    arguments: dict[str, Any] = {
        "embeddings": Untouchable(),
        "redis_url": "redis://localhost:6379",
        "distance_threshold": 0.2,
        "ttl": 60,
        "name": "llmcache",
        "prefix": "llmcache",
        "redis_client": None,
    }
    assert isinstance(RedisSemanticCache(**arguments), BaseCache)
    assert isinstance(RedisSemanticCache(*arguments.values()), BaseCache)
    client = redis.Redis(host="nowhere.invalid")
    arguments |= {"redis_url": None, "redis_client": client}
    assert isinstance(RedisSemanticCache(*arguments.values()), BaseCache)


def test_nothing_in_repr() -> None:
    """The repr names the cache and the embedding model, and no credential."""
    url = f"redis://{SECRET}:{SECRET}@host"
    cache = make(redis_url=url, namespace=SECRET, signing_key=SECRET, name="app")
    assert repr(cache).startswith("RedisSemanticCache(name='app', embedding='tests.")
    assert SECRET not in repr(cache)


@pytest.mark.parametrize("tags", [(), ("",), (5,), ("a", None)])
def test_bad_tags(tags: tuple[Any, ...]) -> None:
    """Tags that are none are refused when the block is made."""
    with pytest.raises(ConfigurationError, match=r"tags must be non-empty strings, e\.g\."):
        make().tags(*tags)


@pytest.mark.parametrize("options", [{"ttl": 0}, {"distance_threshold": 3}])
def test_bad_options(options: dict[str, Any]) -> None:
    """Options of a block are checked like the constructor's."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        make().options(**options)


def test_blocks() -> None:
    """Each block sets what it says, inside of it only."""
    cache = make()
    current = cache._options.current
    with cache.tags("a", "b"), cache.options(ttl=timedelta(minutes=1), distance_threshold=0.2):
        assert current().tags == ("a", "b")
        assert (current().ttl, current().distance_threshold) == (60.0, 0.2)
    with cache.options():
        assert current() == make()._options.current()
    with cache.bypass():
        assert (current().lookup, current().update, current().reason) == (False, False, "bypass")
    with cache.refresh():
        assert (current().lookup, current().update, current().reason) == (False, True, "refresh")
    with cache.read_only():
        assert (current().lookup, current().update, current().reason) == (True, False, "read_only")


class Broken(DistancePolicy):
    @property
    def distance_threshold(self) -> float:
        raise RuntimeError(SECRET)


def test_nearly_everything(caplog: pytest.LogCaptureFixture) -> None:
    """A threshold that accepts nearly everything is used, and warned about once."""
    events: list[Event] = []
    make(distance_threshold=0.9, listeners=[events.append])
    make(policy=DistancePolicy(0.5), listeners=[events.append])
    make(distance_threshold=0.49, listeners=[events.append])
    assert [type(event) for event in events] == [Warned, Warned]
    assert "0.9 accepts nearly everything" in caplog.text


def test_clear_of_less() -> None:
    """`clear` never removes more than it was asked to: what it cannot do it refuses."""
    with pytest.raises(ConfigurationError, match=r"takes no llm_string; .*delete_tagged"):
        make().clear(llm_string="x")


def test_copies() -> None:
    """Copies of a model share its cache, and pickling one says what to do instead."""
    cache = make()
    assert copy.deepcopy(cache) is copy.copy(cache) is cache
    model = FakeListChatModel(responses=["a"], cache=cache)
    assert copy.deepcopy(model).cache is cache
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(cache)


async def test_nothing_is_kept() -> None:
    """After `close` no question is left in memory."""
    for close in (RedisSemanticCache.close, RedisSemanticCache.aclose):
        cache = make(limits=Limits(redis=0.01))
        cache.lookup(chat("a question of mine"), MODEL)
        assert len(cache._core.calls._readings._kept) == 1
        closed = close(cache)
        if closed is not None:
            await closed
        assert not cache._core.calls._readings._kept


def refuse(question: str, generations: object, /) -> str | None:
    raise RuntimeError(SECRET)


async def test_bugs_stay_inside(caplog: pytest.LogCaptureFixture) -> None:
    """A policy or a rule with a bug costs the saving, not the chat call, and is an event."""
    events: list[Event] = []
    cache = make(admission=refuse, listeners=[events.append], limits=Limits(redis=0.01))
    prompt, answer = chat("q"), [Generation(text="a")]
    cache.update(prompt, MODEL, answer)
    await cache.aupdate(prompt, MODEL, answer)
    assert events == [Failed("update", "internal", "RuntimeError")] * 2
    assert SECRET not in caplog.text
    foreign: Any = [object()]
    make().update(prompt, MODEL, foreign)


def test_a_bug_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A rule that raised and works again is one warning with an end."""
    monkeypatch.setattr(log, "QUIET_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    broken = [True]

    def admission(question: str, generations: object, /) -> str | None:
        if broken:
            raise RuntimeError(SECRET)
        return "no"

    cache = make(admission=admission, distance_threshold=0.15)
    cache.update(chat("q"), MODEL, [Generation(text="a")])
    broken.clear()
    cache.update(chat("q"), MODEL, [Generation(text="a")])
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_life_cycle() -> None:
    """It closes what it opened, as often as one likes, sync and async."""
    with make() as cache:
        cache.close()
    async with make() as cache:
        await cache.aclose()


def test_after_fork() -> None:
    """A child process starts afresh, with locks that nobody holds."""
    cache = make()
    cache._reporter.lock.acquire()
    cache._core.embedding.memory.lock.acquire()
    cache._start_afresh()
    assert cache.stats.lookups == 0
    assert cache._core.embedding.memory.get("x") is None


@pytest.mark.parametrize(
    "statement",
    [
        "import langchain_redis_semcache",
        "from langchain_redis_semcache import *",
        "from langchain_redis_semcache.events import Hit",
    ],
)
def test_nothing_heavy(statement: str) -> None:
    """Importing the package imports neither numpy nor openai nor redis."""
    heavy = ["numpy", "openai", "redis", "langchain_core.language_models.chat_models"]
    code = f"{statement}\nimport sys\nprint(*({set(heavy)} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []


def test_the_face_is_small() -> None:
    """Importing the class imports no more of the house than its signature names."""
    code = (
        "import sys; from langchain_redis_semcache import RedisSemanticCache;"
        "print(*(name for name in sys.modules if name.startswith('langchain_redis_semcache.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert not rooms & {"bounded", "driver", "flows", "guards", "policies", "transport"}
