"""A process of its own for tests of single flight: asks one question in several threads.

Its model counts its calls in Redis and takes a while; without a time it never answers.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import redis

from integration_tests.support import FRANCE, Parrot, in_threads
from langchain_redis_semcache import Limits, RedisSemanticCache, SingleFlight
from langchain_redis_semcache.embedded import LocalEmbeddings


class Counted(Parrot):
    """Counts its calls where all processes see them."""

    server: Any = None
    counter: str = ""
    seconds: float = 0.0

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        self.server.incr(self.counter)
        time.sleep(self.seconds)
        return super()._generate(*args, **kwargs)


def main(url: str, name: str, threads: str, seconds: str, lease: str) -> None:
    cache = RedisSemanticCache(
        LocalEmbeddings(),
        url,
        name=name,
        limits=Limits(redis=20, embedding=20),
        single_flight=SingleFlight(wait=20, lease=float(lease)),
    )
    with redis.Redis.from_url(url) as server, cache:
        counter = f"{name}-calls"
        model = Counted(cache=cache, server=server, counter=counter, seconds=float(seconds))
        server.incr(f"{name}-ready")
        while not server.exists(f"{name}-go"):
            time.sleep(0.01)
        answers = in_threads([(model.invoke, FRANCE)] * int(threads))
        assert len({answer.text for answer in answers}) == 1
        print(cache.stats.waited)


if __name__ == "__main__":
    main(*sys.argv[1:])
