"""Single flight under faults: whatever becomes of Redis or the process, everybody is answered."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from integration_tests.conftest import MakeCache
from integration_tests.support import FRANCE, LLM, Way, asked, soon
from integration_tests.test_single_flight import Gated, When, _is, followers, together, when
from langchain_redis_semcache import SingleFlight
from langchain_redis_semcache.embedded import EmbeddedRedis

__all__ = ["when"]

FORKED = """
import os, sys, threading
from integration_tests.support import FRANCE, Parrot, eventually
from langchain_redis_semcache import Limits, RedisSemanticCache, SingleFlight
from langchain_redis_semcache.embedded import LocalEmbeddings

gate = threading.Event()

class Gated(Parrot):
    def _generate(self, *args, **kwargs):
        answer = super()._generate(*args, **kwargs)
        assert gate.wait(60)
        return answer

cache = RedisSemanticCache(
    LocalEmbeddings(), sys.argv[1], name="forked", limits=Limits(redis=20, embedding=20),
    single_flight=SingleFlight(wait=60),
)
model = Gated(cache=cache)
threads = [threading.Thread(target=model.invoke, args=(FRANCE,), daemon=True) for _ in "abc"]
for thread in threads:
    thread.start()
flights = cache._core.together.flights
assert eventually(lambda: sum(f.followers for f in list(flights._flights.values())) == 2)
assert eventually(lambda: len(model.calls) == 1)
pid = os.fork()
if pid == 0:
    gate.set()
    model.invoke(FRANCE)
    os._exit(0 if cache.stats.waited == 0 and len(model.calls) == 2 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
gate.set()
for thread in threads:
    thread.join()
assert cache.stats.waited == 2
assert len(model.calls) == 1
"""


async def test_redis_dies_while_the_model_answers(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, when: When
) -> None:
    """An answer that cannot be stored releases all others at once."""
    cache = make_cache(redis_url=scratch.url, single_flight=SingleFlight(wait=60))
    model = Gated(cache=cache)

    def kill() -> None:
        os.kill(scratch.pid, signal.SIGKILL)
        model.open()

    when(lambda: followers(cache) == 7, kill)
    answers = await together(do, model, 8)
    assert [answer.text for answer in answers] == ["Paris"] * 8
    assert len(model.calls) == 8
    assert cache.stats.failures["store"] >= 1


async def test_redis_dies_while_another_process_leads(
    do: Way, make_cache: MakeCache, scratch: EmbeddedRedis, when: When
) -> None:
    """Who can no longer hear of another process asks for itself."""
    url, flights = scratch.url, SingleFlight(wait=60, lease=30)
    first = make_cache(redis_url=url, single_flight=flights)
    second = make_cache(redis_url=url, single_flight=flights)
    await first.alookup(asked(FRANCE), LLM)
    leading = asyncio.create_task(Gated(cache=first).ainvoke(FRANCE))
    assert await soon(lambda: _is(first.stats.lookups == 2))
    model = Gated(cache=second)
    model.open()
    when(  # the fourth has seen whose the lease is, and looks again and again
        lambda: followers(second) == 3 and second.stats.round_trips >= 8,
        lambda: os.kill(scratch.pid, signal.SIGKILL),
    )
    answers = await together(do, model, 4)
    assert [answer.text for answer in answers] == ["Paris"] * 4
    assert second.stats.waited == 4
    leading.cancel()


def test_a_fork(scratch: EmbeddedRedis) -> None:
    """A child waits for nobody in its parent, and its answer ends no flight there."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, scratch.url],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
