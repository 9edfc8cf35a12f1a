"""The other caches, as shipped, behind one face, with a bulk fill of their own layout.

Their fills write what one call of their own `update` wrote, field by field; `check` looks stored
entries up through their own API.

langchain-community's import is broken on redis-py >= 6, which renamed a module: the old name is
registered again before it is used. Nothing else of it is changed.
"""

from __future__ import annotations

import importlib
import json
import sys
import uuid
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from _bench import LLM, Instant, Raw, Space, answer, bulk, prompt, text
from langchain_core.load import dumps

Entries = Iterator[tuple[str, bytes]]


@dataclass
class Peer:
    """One cache: its calls take the question."""

    name: str
    url: str
    lookup: Callable[[str], Any]
    update: Callable[[str], Any]
    alookup: Callable[[str], Awaitable[Any]]
    aupdate: Callable[[str], Awaitable[Any]]
    entry: Callable[[str, bytes], tuple[str, dict[str, Any]]]
    cache: Any

    def fill(self, space: Space, size: int) -> float:
        """Write the same questions, vectors and answers as ours holds."""
        return bulk(self.url, self._commands(space, size))

    def _commands(self, space: Space, size: int) -> Iterator[tuple[Any, ...]]:
        for vectors, clusters, wordings in space.entries(0, size):
            for vector, cluster, wording in zip(vectors, clusters, wordings, strict=True):
                key, fields = self.entry(text(int(cluster), int(wording)), vector.tobytes())
                yield ("HSET", key, *[part for pair in fields.items() for part in pair])

    def check(self, space: Space, embedder: Instant, size: int) -> None:
        texts, vectors, _ = space.paraphrases(size, 5, seed=1234)
        embedder.learn(texts, vectors)
        for question in texts:
            assert self.lookup(question), f"{self.name}: no hit after the fill"
        self._check_fields(space, embedder)

    def _check_fields(self, space: Space, embedder: Instant) -> None:
        """One entry written by the peer itself has the same fields as the filled ones."""
        [question], [vector] = space.strangers(1, seed=998)
        embedder.learn([question], [vector])
        raw = Raw(self.url)
        before = _keys(raw)
        self.update(question)
        [key] = _keys(raw) - before
        fields = {name.decode() for name in raw("HKEYS", key)}
        mine = self.entry(question, vector.tobytes())[1]
        assert fields == set(mine), (self.name, fields, set(mine))
        raw("DEL", key)


def _keys(raw: Raw) -> set[bytes]:
    return set(raw("KEYS", "*"))


def langchain_redis(url: str, embedder: Instant) -> Peer:
    """Return langchain-redis' RedisSemanticCache: FLAT, TEXT fields, the prompt dump embedded."""
    from langchain_redis import RedisSemanticCache

    cache = RedisSemanticCache(embedder, redis_url=url, name="lcredis", ttl=86400)

    def entry(question: str, vector: bytes) -> tuple[str, dict[str, Any]]:
        dump = prompt(question)
        name = cache.cache._make_entry_id(dump, None)
        fields = {
            **{"entry_id": name, "prompt": dump, "prompt_vector": vector},
            "response": json.dumps([dumps(generation) for generation in answer(question)]),
            **{"inserted_at": 1790000000.5, "updated_at": 1790000000.5},
            "metadata": json.dumps({"llm_string": LLM}),
        }
        return f"lcredis:{name}", fields

    return Peer(
        "langchain-redis",
        url,
        lambda question: cache.lookup(prompt(question), LLM),
        lambda question: cache.update(prompt(question), LLM, answer(question)),
        lambda question: cache.alookup(prompt(question), LLM),
        lambda question: cache.aupdate(prompt(question), LLM, answer(question)),
        entry,
        cache,
    )


def redisvl(url: str, embedder: Instant) -> Peer:
    """Return redisvl's SemanticCache: it knows no LangChain, so it gets question and answer."""
    from redisvl.extensions.cache.llm import SemanticCache
    from redisvl.utils.vectorize import CustomTextVectorizer

    vectorizer = CustomTextVectorizer(embed=embedder.embed_query, aembed=embedder.aembed_query)
    cache = SemanticCache(name="redisvl", redis_url=url, ttl=86400, vectorizer=vectorizer)
    threshold = 0.15

    def entry(question: str, vector: bytes) -> tuple[str, dict[str, Any]]:
        name = cache._make_entry_id(question, None)
        fields = {
            **{"entry_id": name, "prompt": question, "prompt_vector": vector},
            "response": answer(question)[0].text,
            **{"inserted_at": 1790000000.5, "updated_at": 1790000000.5},
        }
        return f"redisvl:{name}", fields

    return Peer(
        "redisvl",
        url,
        lambda question: cache.check(prompt=question, distance_threshold=threshold),
        lambda question: cache.store(question, answer(question)[0].text),
        lambda question: cache.acheck(prompt=question, distance_threshold=threshold),
        lambda question: cache.astore(question, answer(question)[0].text),
        entry,
        cache,
    )


def langchain_community(url: str, embedder: Instant) -> Peer:
    """Return langchain-community's RedisSemanticCache, its import repaired."""
    renamed = importlib.import_module("redis.commands.search.index_definition")
    sys.modules.setdefault("redis.commands.search.indexDefinition", renamed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.cache import RedisSemanticCache

        # RESP2: its parser predates the other protocol.
        cache = RedisSemanticCache(f"{url}?protocol=2", embedder)
        cache._get_llm_cache(LLM)
    index = cache._index_name(LLM)

    def entry(question: str, vector: bytes) -> tuple[str, dict[str, Any]]:
        fields = {
            **{"prompt": prompt(question), "content_vector": vector, "llm_string": LLM},
            "return_val": dumps(answer(question)),
        }
        return f"doc:{index}:{uuid.uuid4().hex}", fields

    def lookup(question: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cache.lookup(prompt(question), LLM)

    return Peer(
        "langchain-community",
        url,
        lookup,
        lambda question: cache.update(prompt(question), LLM, answer(question)),
        lambda question: cache.alookup(prompt(question), LLM),
        lambda question: cache.aupdate(prompt(question), LLM, answer(question)),
        entry,
        cache,
    )


PEERS = (langchain_redis, redisvl, langchain_community)
