"""`semcache tail` says what all processes do while somebody watches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    asked,
    denied,
    eventually,
    told,
)
from langchain_redis_semcache import Recording, RedisSemanticCache
from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")

REPOSITORY = Path(__file__).parents[1]


def watched(options: list[str], work: Callable[[], Any]) -> None:
    """Work, again and again, until a line has been told of it."""
    given = (["tail", "--every", "0.1", *options],)
    watching = threading.Thread(target=main, args=given, daemon=True)
    watching.start()

    def ends() -> bool:
        work()
        return not watching.is_alive()

    assert eventually(ends, 60)
    watching.join()


def test_counts(
    cache: RedisSemanticCache, redis_url: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what was added since it looked, and nothing where nothing was."""
    cache.lookup(asked(FRANCE), LLM)
    cache.totals()

    def miss() -> None:
        cache.lookup(asked(FRANCE), LLM)
        cache.totals()

    for more in ([], ["--json"]):
        watched(["--redis-url", redis_url, "--name", name, "--lines", "1", *more], miss)
    people, programs = capsys.readouterr().out.splitlines()
    assert "identical 0, reworded 0; misses" in people
    assert json.loads(programs)["misses"].keys() == {"no_candidate"}


def test_hits(
    make_cache: MakeCache, redis_url: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recorded hits come in their order: kind, distance, what was asked and what was stored."""
    cache = make_cache(recording=Recording(share=1))
    cache.update(asked(FRANCE), LLM, told("Paris."))
    cache.lookup(asked(FRANCE), LLM)
    assert eventually(lambda: next(cache.recorded(limit=1), None))
    before = {hit.id for hit in cache.recorded()}

    def hits() -> None:
        for question in (FRANCE_REWORDED, FRANCE):
            cache.lookup(asked(question), LLM)

    for more in ([], ["--json"]):
        watched(["--redis-url", redis_url, "--name", name, "--lines", "8", *more], hits)
    lines = [line for line in capsys.readouterr().out.splitlines() if "lookups" not in line]
    people = [line[10:] for line in lines if not line.startswith("{")]
    assert {line for line in people if line.startswith("identical")} == {f"identical  {FRANCE}"}
    (reworded,) = {line for line in people if line.startswith("reworded")}
    _, distance, rest = reworded.split(maxsplit=2)
    assert 0 < float(distance) < 0.15
    assert rest == f"{FRANCE_REWORDED}  <-  {FRANCE}"
    programs = [json.loads(line)["hit"] for line in lines if line.startswith("{")]
    assert {(hit["kind"], hit["asked"], hit["stored"]) for hit in programs} == {
        ("semantic", FRANCE_REWORDED, FRANCE),
        ("exact", FRANCE, FRANCE),
    }
    seen = [hit["id"] for hit in programs]
    assert seen == sorted(set(seen), key=lambda one: [int(part) for part in one.split("-")])
    assert not before & set(seen)


def test_who_may_not_read_hits(
    cache: RedisSemanticCache, redis_url: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may not read what was recorded is told so once, and reads the counts."""

    def miss() -> None:
        cache.lookup(asked(FRANCE), LLM)
        cache.totals()

    where = ["--redis-url", denied(redis_url, "xrevrange"), "--name", name]
    watched([*where, "--lines", "2"], miss)
    printed = capsys.readouterr()
    assert printed.out.count("lookups") == 2
    assert printed.err.count("without recorded hits") == 1


@contextmanager
def running(redis_url: str, name: str, cache: RedisSemanticCache) -> Iterator[Any]:
    """A process of its own, which has told its first line."""
    program = "import sys; from langchain_redis_semcache.cli.main import main; sys.exit(main())"
    where = ["--redis-url", redis_url, "--name", name, "--every", "0.1"]
    with subprocess.Popen(
        [sys.executable, "-c", program, "tail", *where],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs these tests in the background has it ignored, and so would this process.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        first: list[str] = []
        reading = threading.Thread(target=lambda: first.append(process.stdout.readline()))  # type: ignore[union-attr]
        reading.start()

        def said() -> bool:
            cache.lookup(asked(FRANCE), LLM)
            cache.totals()
            return bool(first)

        try:
            assert eventually(said, 60)
            yield process
        finally:
            process.kill()


def test_interrupted(cache: RedisSemanticCache, redis_url: str, name: str) -> None:
    """Ctrl-C is how it ends: no traceback, no word, exit code 0."""
    with running(redis_url, name, cache) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_nobody_reads(cache: RedisSemanticCache, redis_url: str, name: str) -> None:
    """Where its reader has gone it goes too, though there is nothing to tell."""
    with running(redis_url, name, cache) as process:
        process.stdout.close()
        process.wait(timeout=60)
        assert process.stderr.read() == ""
