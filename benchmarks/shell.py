"""What a search through all entries takes, and what the application's calls notice of it.

    python benchmarks/shell.py [entries]

The shell runs in a process of its own, as on call; a thread of this one looks up one question all
the time, 2 ms apart. On a machine of two cores it contends with both the server and the shell.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time

import numpy as np
import redis
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.entry.answer import encode

NAME = "bench"
PROGRAM = [sys.executable, "-m", "langchain_redis_semcache"]
SCOPES = 50
QUIET = 5.0
"""Seconds of lookups alone."""


def answer(number: int) -> list[ChatGeneration]:
    text = f"{'You take this, and then you do that with it. ' * 12}{number}"
    return [ChatGeneration(message=AIMessage(text, response_metadata={"model_name": "m"}))]


def fill(server: redis.Redis, prefix: str, count: int) -> None:
    pipeline = server.pipeline(transaction=False)
    for number in range(count):
        scope = f"{number % SCOPES:032x}"
        fields = {
            "prompt": f"How do I do thing number {number} with the frobnicator?",
            "response": encode(answer(number)),
            "created_at": f"{time.time():.3f}",
            "model": "m",
            "scope": scope,
            "vector": np.random.rand(256).astype("f4").tobytes(),
        }
        key = f"{prefix}{scope}:{secrets.token_hex(16)}"
        pipeline.hset(key, mapping=fields)  # type: ignore[arg-type]
        pipeline.pexpire(key, 3_600_000)
        if number % 1000 == 999:
            pipeline.execute()
    pipeline.execute()


class Application(threading.Thread):
    """Looks up one question all the time."""

    def __init__(self, cache: RedisSemanticCache) -> None:
        super().__init__(daemon=True)
        self._cache = cache
        self._taken: list[float] = []
        self.over = False

    def run(self) -> None:
        while not self.over:
            began = time.perf_counter()
            assert self._cache.lookup("What is it?", "m")
            self._taken.append(time.perf_counter() - began)
            time.sleep(0.002)

    def forget(self) -> None:
        self._taken = []

    def told(self) -> str:
        taken, self._taken = 1000 * np.array(self._taken), []
        half, most = np.percentile(taken, [50, 99])
        return f"{len(taken):,} lookups, p50 {half:.2f} ms, p99 {most:.2f} ms"


def semcache(*arguments: str) -> tuple[float, int]:
    """Run the shell; return the seconds and the lines that it printed."""
    began = time.perf_counter()
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, len(ended.stdout.splitlines())


def walk(words: str) -> None:
    """Go the way of whoever is on call, alone on the machine."""
    on = ["--name", NAME, "--json"]
    listing = subprocess.run(
        [*PROGRAM, "ls", *on, "--text", words], capture_output=True, check=True
    )
    key = json.loads(listing.stdout)["key"]
    began = time.perf_counter()
    for command in (
        ["ls", *on, "--text", words],
        ["show", *on, key],
        ["rm", *on, key],
        ["rm", *on, key, "--yes"],
        ["off", *on],
        ["on", *on],
        ["stats", *on],
    ):
        seconds, _ = semcache(*command)
        print(f"semcache {command[0]}: {seconds:.2f} s")
    print(f"the walk: {time.perf_counter() - began:.1f} s")


def main(count: int) -> None:
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        cache = RedisSemanticCache(LocalEmbeddings(), server.url, name=NAME)
        cache.setup()
        cache.update("What is it?", "m", answer(0))
        fill(client, cache._core.settings.schema.prefix, count)
        os.environ["REDIS_URL"] = server.url
        application = Application(cache)
        application.start()
        time.sleep(1)
        application.forget()  # the first ones connect
        time.sleep(QUIET)
        print(f"alone: {application.told()}")
        words = f"number {count // 2} frobnicator"
        for command in (
            ["--help"],
            ["ls", "--name", NAME, "--json", "--text", words],
            ["rm", "--name", NAME, "--json", "--text", words],
            ["doctor", "--name", NAME, "--json"],
        ):
            application.forget()
            seconds, lines = semcache(*command)
            print(f"semcache {command[0]}: {seconds:.2f} s, {lines} lines; {application.told()}")
        application.over = True
        application.join()
        walk(f"number {count // 3} frobnicator")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
