"""One process of an application: answers each line on stdin by what the cache has for it.

python -m integration_tests.cache_process REDIS_URL NAME
"""

from __future__ import annotations

import sys

from integration_tests.support import LLM, CountingEmbeddings, asked, text_of
from langchain_redis_semcache import (
    AwaitedEmbeddings,
    DistancePolicy,
    Limits,
    RedisSemanticCache,
    Verified,
)


def agree(asked: str, cached: str, answer: str) -> bool:
    """Let everything pass that is near: a verifier that makes mistakes."""
    return True


def main(redis_url: str, name: str) -> None:
    limits = Limits(redis=20, embedding=20)
    embeddings = AwaitedEmbeddings(CountingEmbeddings())
    policy = Verified(DistancePolicy(0.001), agree, between=(0.0, 0.4))
    cache = RedisSemanticCache(embeddings, redis_url, name=name, limits=limits, policy=policy)
    for line in sys.stdin:
        print(text_of(cache.lookup(asked(line.rstrip("\n")), LLM)) or "", flush=True)
    cache.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
