"""Cancellation, event loops, threads, forks and long runs: nothing is lost and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import (
    Application,
    WordEmbeddings,
    eventually,
    new_question,
)
from integration_tests.faults.proxy import FaultProxy
from integration_tests.support import LLM, Parrot, asked, parroted, text_of, told
from langchain_redis_semcache import Limits, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.transport.on_loop import MAX_CONNECTIONS


@pytest.fixture
def only_async(way: str) -> None:
    if way == "sync":
        pytest.skip("about event loops")


@pytest.mark.usefixtures("only_async")
def test_cancellation(app: Application, proxy: FaultProxy) -> None:
    """Calls cancelled at any moment take nobody's reply and leave the connections usable."""
    known = [app.warm_up() for _ in range(5)]

    async def cancelled_after(seconds: float) -> None:
        calls = [asyncio.ensure_future(app.model.ainvoke(question)) for question in known]
        calls += [asyncio.ensure_future(app.model.ainvoke(new_question())) for _ in range(5)]
        await asyncio.sleep(seconds)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    before = proxy.connections_total
    proxy.delay(0.03)
    for step in range(15):
        app.loop.run(cancelled_after(step * 0.01))
        for question in known:
            assert app(question)
    assert proxy.connections_total - before <= 8
    assert not app.failures()


class SoftLimitError(Exception):
    """As a task queue's signal handler raises it."""


def test_a_soft_time_limit_goes_through(
    way: str, make_app: MakeApplication, proxy: FaultProxy
) -> None:
    """A limit that strikes while Redis is silent reaches the application, and harms nothing."""
    if way == "async":
        pytest.skip("an event loop's own signal handlers raise nothing into a task")
    app = make_app(proxy.url, limits=Limits(redis=20))
    question = app.warm_up()

    def end(*_: object) -> None:
        raise SoftLimitError

    before = signal.signal(signal.SIGALRM, end)
    proxy.deaf()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(SoftLimitError):
            app.cache.lookup(asked(question), LLM)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not app.failures()
    assert app.cache.stats.breakers["redis"] == "closed"
    proxy.pass_through()
    assert app(question)


@pytest.mark.usefixtures("only_async")
def test_a_hundred_loops_one_after_another(
    make_app: MakeApplication, proxy: FaultProxy, name: str
) -> None:
    """Each `asyncio.run` works and leaves no connection, thread, descriptor or loop behind."""
    cache = RedisSemanticCache(WordEmbeddings(), proxy.url, name=name)
    model = Parrot(cache=cache)
    question = new_question()

    async def main() -> None:
        answers = await asyncio.gather(*(model.ainvoke(question) for _ in range(3)))
        assert {answer.text for answer in answers} == {parroted(question)}
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    gc.collect()
    before = resources()
    for _ in range(100):
        asyncio.run(main())
    gc.collect()
    eventually(lambda: proxy.connections_open == 0)
    eventually(lambda: resources() <= before)
    assert len(cache._links._per_loop) <= 1
    assert len(model.calls) <= 3
    assert not cache.stats.failures


@pytest.mark.usefixtures("only_async")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_loops_that_are_closed_carelessly(proxy: FaultProxy, name: str) -> None:
    """A loop that is closed without its shutdown leaves nothing once another one is in use."""
    cache = RedisSemanticCache(WordEmbeddings(), proxy.url, name=name)
    for _ in range(10):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(cache.alookup(asked("?"), LLM))
        loop.close()
        del loop
    gc.collect()
    assert len(cache._links._per_loop) == 1
    eventually(lambda: proxy.connections_open <= 1)

    async def last() -> None:
        await cache.alookup(asked("?"), LLM)
        await cache.aclose()

    asyncio.run(last())
    gc.collect()


@pytest.mark.usefixtures("only_async")
@pytest.mark.parametrize("connected", [True, False])
def test_closed_while_redis_hangs(proxy: FaultProxy, name: str, connected: bool) -> None:
    """What a cancelled call had asked is closed by `aclose`, even if the loop ends right behind."""
    cache = RedisSemanticCache(WordEmbeddings(), proxy.url, name=name, limits=Limits(redis=30))
    loop = asyncio.new_event_loop()
    if connected:
        loop.run_until_complete(cache.alookup(asked("?"), LLM))
    proxy.deaf()

    async def cancelled() -> None:
        call = asyncio.ensure_future(cache.alookup(asked("?"), LLM))
        while not (cache._links.on_running_loop()._running and proxy.connections_open):
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    loop.run_until_complete(cancelled())
    loop.run_until_complete(cache.aclose())
    loop.close()
    gc.collect()  # what is open is a ResourceWarning, and so an error
    eventually(lambda: proxy.connections_open == 0)
    cache.close()


@pytest.mark.usefixtures("only_async")
def test_loops_side_by_side(proxy: FaultProxy, name: str) -> None:
    """One cache serves several event loops in threads, each with connections of its own."""
    cache = RedisSemanticCache(WordEmbeddings(), proxy.url, name=name, limits=Limits(redis=5))
    model = Parrot(cache=cache)
    questions = [new_question() for _ in range(10)]
    errors: list[BaseException] = []

    async def main() -> None:
        for _ in range(5):
            answers = await asyncio.gather(*(model.ainvoke(q) for q in questions))
            assert [answer.text for answer in answers] == [parroted(q) for q in questions]

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=thread) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not errors
    assert not cache.stats.failures
    eventually(lambda: proxy.connections_open == 0)


def test_threads(app: Application) -> None:
    """Many threads or tasks at once get each their own answers."""
    app.patience += 2.0
    known = [app.warm_up() for _ in range(10)]
    for _ in range(10):
        app.storm(known * 4)
    assert set(app.hits()) == {"exact"}
    assert not app.failures()


def test_connections_after_a_storm(app: Application, proxy: FaultProxy, way: str) -> None:
    """A storm leaves no more connections open than are of use."""
    app.patience += 3.0
    app.warm_up()
    proxy.delay(0.1)
    app.storm([new_question() for _ in range(100)])
    eventually(lambda: proxy.connections_open <= (64 if way == "sync" else 4))


def test_ten_thousand_calls(make_app: MakeApplication, redis_url: str, way: str) -> None:
    """Connections, threads, tasks and descriptors are as many after 10,000 calls as after 200.

    But for the few connections that a loop may have: it opens one more where a reply is late. And a
    thread that tells counts or stores vectors at the moment of a call has one of its own."""
    spare = MAX_CONNECTIONS - 1 if way == "async" else 2
    app = make_app(redis_url, limits=Limits(redis=5))
    prompts = [asked(new_question()) for _ in range(20)]
    for prompt in prompts:
        app.do("lookup", prompt, LLM)
        app.do("update", prompt, LLM, told(prompt))

    def sync_calls(n: int) -> None:
        for i in range(n):
            prompt = prompts[i % 20]
            if i % 50 == 0:
                app.cache.update(prompt, LLM, told(prompt))
            assert text_of(app.cache.lookup(prompt, LLM)) == prompt

    async def async_calls(n: int) -> None:
        async def one(i: int) -> None:
            prompt = prompts[i % 20]
            if i % 50 == 0:
                await app.cache.aupdate(prompt, LLM, told(prompt))
            assert text_of(await app.cache.alookup(prompt, LLM)) == prompt

        for i in range(0, n, 20):
            await asyncio.gather(*(one(k) for k in range(i, i + 20)))

    def calls(n: int) -> None:
        sync_calls(n) if way == "sync" else app.loop.run(async_calls(n))

    calls(200)
    gc.collect()
    before = resources()
    calls(10_000)
    gc.collect()
    eventually(lambda: resources() <= before + spare)
    if way == "async":
        assert len(asyncio.all_tasks(app.loop.loop)) == 0
    assert not app.failures()


def test_a_failing_server_leaks_nothing(app: Application, proxy: FaultProxy) -> None:
    """Connections that break, time out or are refused are closed, not collected."""
    app.warm_up()
    breakdowns: list[Callable[[], None]] = [
        proxy.reset,
        proxy.deaf,
        proxy.garbage,
        proxy.refuse,
        lambda: proxy.half_reply("hang"),
    ]
    before = resources()
    for breakdown in breakdowns * 4:
        breakdown()
        app.cache._drivers.breakers.reset()
        app.storm([new_question() for _ in range(5)])
    proxy.pass_through()
    app.recovers()
    gc.collect()
    eventually(lambda: resources() <= before + 3)  # the proxy's own connections count as well


FORKING = """
import asyncio, os, sys, threading
from integration_tests.faults.harness import WordEmbeddings, new_question
from integration_tests.support import Parrot, parroted
from langchain_redis_semcache import Limits, RedisSemanticCache

cache = RedisSemanticCache(
    WordEmbeddings(), sys.argv[1], 0.15, name=sys.argv[2], limits=Limits(redis=10)
)
model = Parrot(cache=cache)
known = [new_question() for _ in range(5)]

def ask():
    for question in known:
        assert model.invoke(question).text == parroted(question)
    assert not cache.stats.failures, cache.stats

async def aask():
    answers = await asyncio.gather(*(model.ainvoke(q) for q in known * 4))
    assert [a.text for a in answers] == [parroted(q) for q in known * 4]
    assert not cache.stats.failures, cache.stats

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return pid

def joined(pids):
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""

PREFORK = """
def work():
    calls = len(model.calls)
    for _ in range(20):
        ask()
    asyncio.run(aask())
    assert len(model.calls) == calls, "the child did not get its hits"

async def main():
    ask()
    await aask()
    pids = [child(work) for _ in range(4)]
    for _ in range(20):
        ask()
        await aask()
    await asyncio.to_thread(joined, pids)
    cache._drivers.breakers.at("redis").lock.acquire()
    cache._reporter.lock.acquire()
    cache._core.embedding.memory.lock.acquire()
    await asyncio.to_thread(joined, [child(work)])
    cache._drivers.breakers.at("redis").lock.release()
    cache._reporter.lock.release()
    cache._core.embedding.memory.lock.release()
    await aask()

def in_a_fresh_loop():
    asyncio.run(main())

in_a_fresh_loop()
"""

TWENTY = """
ready, go = os.pipe(), os.pipe()

def work():
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    if os.getpid() % 2:
        ask()
    else:
        asyncio.run(aask())

pids = [child(work) for _ in range(20)]
for _ in pids:
    os.read(ready[0], 1)
os.write(go[1], b"x" * 20)
joined(pids)
ask()
question = known[0]
assert model.invoke("please " + question).text == parroted(question)
"""

WITHOUT_HIREDIS = """
import redis, time
ask()
asyncio.run(aask())
cache._drivers.budget = 0.5
with redis.Redis.from_url(sys.argv[1]) as other:
    opened = other.info("stats")["total_connections_received"]
    for _ in range(3):
        ask()
    # Whoever looks by waiting finds the last call's time over and the connection of no use.
    more = other.info("stats")["total_connections_received"] - opened
    assert more <= 1, "waited for something to read"
    assert sum(c["lib-name"].startswith("redis-py") for c in other.client_list()) <= 2
    time.sleep(0.6)  # past the deadline of the last call
    other.client_kill_filter(_type="normal", skipme=True)
calls = len(model.calls)
ask()
assert len(model.calls) == calls, "the closed connection was not noticed"
"""


@pytest.mark.parametrize(
    ("script", "prologue"),
    [
        (PREFORK, ""),
        (TWENTY, ""),
        (WITHOUT_HIREDIS, "import sys; sys.modules['hiredis'] = None"),
    ],
    ids=["fork after use", "twenty processes create the index", "without hiredis"],
)
def test_processes(script: str, prologue: str, scratch: EmbeddedRedis, name: str, way: str) -> None:
    """A fork after use, many processes at once, an installation without hiredis: all as usual."""
    if way == "async":
        pytest.skip("the scripts do both")
    arguments = [scratch.url, name]
    program = "\n".join((prologue, textwrap.dedent(FORKING), textwrap.dedent(script)))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            program,
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Error" not in done.stderr, done.stderr[-3000:]


def test_closed_in_the_middle(redis_url: str, name: str, only_async: None) -> None:
    """Closing while calls are under way or wait for a connection leaves none of them waiting."""
    cache = RedisSemanticCache(WordEmbeddings(), redis_url, name=name)

    async def main() -> int:
        calls = [asyncio.create_task(cache.alookup(f"q {n}", LLM)) for n in range(600)]
        await asyncio.sleep(0)
        await cache.aclose()
        _, waiting = await asyncio.wait(calls, timeout=10)
        return len(waiting)

    assert asyncio.run(main()) == 0
    cache.close()


def resources() -> int:
    """Open descriptors; a connection, a loop and a socket pair each hold some."""
    return len(os.listdir("/proc/self/fd"))
