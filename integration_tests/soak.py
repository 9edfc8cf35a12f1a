"""`make soak`: mixed traffic from several processes while Redis has one fault after another.

    python -m integration_tests.soak --minutes 10 --processes 3

Each process asks for several tenants, under several system prompts, through sync threads and
through several event loops at once, and checks question, scope and tenant of every answer. Between
it and a server of its own stands the fault proxy. At the end: calls, wrong answers, exceptions
(both must be 0), the worst delay that a lookup or an update added, and the connections left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from integration_tests.faults.harness import BUDGET, TimedCache, WordEmbeddings
from integration_tests.faults.proxy import FaultProxy
from integration_tests.support import Parrot, eventually, parroted
from langchain_redis_semcache.embedded import EmbeddedRedis

NAME = "soak"
TENANTS = ("", "one", "two")
SYSTEMS = ("Be brief.", "Be kind.", "Be both.")
LOOPS = 2
"""Event loops at once in each process."""
ALLOWED = BUDGET + 1.5
"""Seconds per lookup or update: the budget and what busy cores add."""


def question(dice: random.Random) -> str:
    # Of few words, so that many questions come again; any two differ in all of the four.
    n = int(dice.paretovariate(0.5)) % 2000
    words = " ".join(f"{'abcdefghij'[int(d)]}{chr(97 + i)}{n}q" for i, d in enumerate(f"{n:04}"))
    return f"{dice.choice(('', 'please '))}tell me about {words}"


class TenantParrot(Parrot):
    """A parrot that names whom it speaks for, which no part of its parameters does."""

    tenant: str = Field(default="", exclude=True)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(*args, **kwargs)
        for generation in result.generations:
            generation.message.content = f"{self.tenant}: {generation.message.text}"
        return ChatResult(generations=[ChatGeneration(message=result.generations[0].message)])


class Call:
    """One call of a tenant under a system prompt."""

    def __init__(self, dice: random.Random, models: dict[str, TenantParrot]) -> None:
        self.tenant = dice.choice(list(models))
        self.system = dice.choice(SYSTEMS)
        self.asked = question(dice)
        self.messages = [SystemMessage(self.system), HumanMessage(self.asked)]

    def is_right(self, answer: str) -> bool:
        plain = self.asked.removeprefix("please ")
        return answer in {
            f"{self.tenant}: {parroted(text, self.system)}" for text in (plain, f"please {plain}")
        }


def worker(url: str, seconds: float, seed: int) -> dict[str, Any]:
    """Ask until the time is over; what became of it."""
    logging.getLogger("langchain_redis_semcache").setLevel(logging.CRITICAL)
    caches = [TimedCache(WordEmbeddings(), url, name=NAME, ttl=120, namespace=t) for t in TENANTS]
    models = {
        tenant: TenantParrot(tenant=tenant, cache=cache)
        for tenant, cache in zip(TENANTS, caches, strict=True)
    }
    end = time.monotonic() + seconds
    results: Counter[str] = Counter()
    problems: list[str] = []

    def record(call: Call, answer: Any) -> None:
        results["calls"] += 1
        if isinstance(answer, BaseException):
            results["exceptions"] += 1
            problems.append(repr(answer))
        elif not call.is_right(answer.text):
            results["wrong"] += 1
            problems.append(f"{call.tenant}, {call.system!r}, {call.asked!r}: {answer.text!r}")

    def in_thread(number: int) -> None:
        dice = random.Random(f"{seed} thread {number}")
        while time.monotonic() < end:
            call = Call(dice, models)
            try:
                record(call, models[call.tenant].invoke(call.messages))
            except Exception as error:
                record(call, error)
            time.sleep(dice.random() * 0.02)

    async def in_loop(number: int) -> None:
        dice = random.Random(f"{seed} loop {number}")
        while time.monotonic() < end:
            made = [Call(dice, models) for _ in range(dice.randrange(1, 8))]
            calls = [asyncio.ensure_future(models[c.tenant].ainvoke(c.messages)) for c in made]
            if dice.random() < 0.05:  # a client that goes away
                await asyncio.sleep(dice.random() * 0.01)
                calls[0].cancel()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            for one, answer in zip(made, answers, strict=True):
                if not isinstance(answer, asyncio.CancelledError):
                    record(one, answer)
            await asyncio.sleep(dice.random() * 0.02)

    def loops(number: int) -> None:
        while time.monotonic() < end - 1:  # a new loop now and then
            asyncio.run(
                asyncio.wait_for(in_loop(number), max(1.0, min(30.0, end - time.monotonic())))
            )

    def patient_loops(number: int) -> None:
        try:
            loops(number)
        except asyncio.TimeoutError:
            if time.monotonic() < end - 1:
                patient_loops(number)

    threads = [threading.Thread(target=in_thread, args=(n,)) for n in range(2)]
    threads += [threading.Thread(target=patient_loops, args=(n,)) for n in range(LOOPS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = [cache.stats for cache in caches]
    for cache in caches:
        cache.close()
    delays = sorted(delay for cache in caches for delay in cache.delays)
    return {
        **results,
        "hits": sum(one.hits for one in stats),
        "failures": sum(sum(one.failures.values()) for one in stats),
        "worst": delays[-1],
        "p99": delays[len(delays) * 99 // 100],
        "problems": problems[:5],
    }


def faults(server: EmbeddedRedis, proxy: FaultProxy) -> dict[str, Callable[[], None]]:
    client = redis.Redis.from_url(server.url)
    return {
        "deaf": proxy.deaf,
        "refuse": proxy.refuse,
        "delay": lambda: proxy.delay(0.3),
        "drip": lambda: proxy.drip(0.02),
        "reset": proxy.reset,
        "half": lambda: proxy.half_reply("hang"),
        "garbage": proxy.garbage,
        "writes hang": proxy.block_writes,
        "idle closed": proxy.close_idle,
        "cut": lambda: proxy.cut_after(200),
        "doubled": lambda: proxy.disorder("double", 0.1),
        "dropped": lambda: proxy.disorder("drop", 0.02),
        "swapped": lambda: proxy.disorder("swap", 0.1),
        "flows forgotten": proxy.forget_flows,
        "flushall": lambda: client.flushall(),
        "index dropped": lambda: _drop_indexes(client),
        "stopped": lambda: os.kill(server.pid, signal.SIGSTOP),
        "kill clients": lambda: client.client_kill_filter(_type="normal", skipme=True),
        "out of memory": lambda: client.config_set("maxmemory", 1),
        "read only": lambda: client.execute_command("REPLICAOF", "127.0.0.1", "1"),
        "corrupted": lambda: _corrupt(client),
    }


def _drop_indexes(client: redis.Redis) -> None:
    for index in client.execute_command("FT._LIST"):
        client.execute_command("FT.DROPINDEX", index)


def _corrupt(client: redis.Redis) -> None:
    for key in list(client.scan_iter(f"{NAME}::*", count=200))[:200]:
        client.hset(key, "response", random.randbytes(20))


def heal(server: EmbeddedRedis, proxy: FaultProxy) -> None:
    os.kill(server.pid, signal.SIGCONT)
    proxy.pass_through()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 0)
        client.execute_command("REPLICAOF", "NO", "ONE")


def soak(minutes: float, processes: int) -> int:
    """Run it; the exit status."""
    seed = random.randrange(10**6)
    seconds = minutes * 60
    print(f"{minutes:g} minutes, {processes} processes, seed {seed}", flush=True)
    struck: Counter[str] = Counter()
    with EmbeddedRedis() as server, FaultProxy(server.url) as proxy:
        command = [sys.executable, "-m", "integration_tests.soak", "--worker", proxy.url]
        workers = [
            subprocess.Popen(
                [*command, "--minutes", str(minutes), "--seed", str(seed + n)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[1],
            )
            for n in range(processes)
        ]
        dice = random.Random(seed)
        begin = faults(server, proxy)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and any(w.poll() is None for w in workers):
            time.sleep(min(left, dice.uniform(0.5, 3)))
            fault = dice.choice(list(begin))
            struck[fault] += 1
            begin[fault]()
            time.sleep(min(max(0.0, end - time.monotonic()), dice.choice((0.05, 0.5, 2, 6))))
            heal(server, proxy)
        reports = [json.loads(w.communicate(timeout=60)[0]) for w in workers]
        eventually(lambda: proxy.connections_open == 0)
        leaked = proxy.connections_open
        proxy.errors.clear()  # a proxy whose server is stopped has a hard life
    print("faults:", ", ".join(f"{name} {n}" for name, n in sorted(struck.items())))
    total: Counter[str] = Counter()
    for report in reports:
        total.update({k: report.get(k, 0) for k in ("calls", "wrong", "exceptions", "hits")})
        total["failures"] += report["failures"]
    worst = max(report["worst"] for report in reports)
    print(f"calls: {total['calls']:,}, of them hits: {total['hits']:,}")
    print(f"failures that nobody noticed: {total['failures']:,}")
    print(f"wrong answers: {total['wrong']}")
    print(f"exceptions: {total['exceptions']}")
    print(f"worst added delay: {worst:.3f} s (p99 {max(r['p99'] for r in reports):.3f} s)")
    print(f"leaked connections: {leaked}")
    for report in reports:
        for problem in report["problems"]:
            print(problem)
    fine = not (total["wrong"] or total["exceptions"] or leaked) and worst < ALLOWED
    print("passed" if fine else "FAILED")
    return 0 if fine else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--worker", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(arguments.worker, arguments.minutes * 60, arguments.seed)))
        return 0
    return soak(arguments.minutes, arguments.processes)


if __name__ == "__main__":
    raise SystemExit(main())
