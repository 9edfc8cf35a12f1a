"""The shell finds, shows and removes what applications stored, without their embedding model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    Way,
    asked,
    denied,
    keys_of,
    soon,
    text_of,
    told,
)
from langchain_redis_semcache import DistancePolicy, RedisSemanticCache, Verified
from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")

MODEL = "[('model', 'gpt-x')]"


class Shell:
    """Runs commands against the test's server and name."""

    def __init__(self, url: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self.name = name
        self._capsys = capsys
        self.code = 0

    def __call__(self, command: str, *arguments: str, url: str | None = None) -> str:
        self._capsys.readouterr()
        where = ["--redis-url", url or self.url, "--name", self.name]
        self.code = main([command, *where, *arguments])
        printed = self._capsys.readouterr()
        return printed.out + printed.err

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, "--json").splitlines()]


@pytest.fixture
def shell(
    redis_url: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    monkeypatch.setenv("COLUMNS", "120")
    return Shell(redis_url, name, capsys)


@pytest.fixture
def filled(make_cache: MakeCache) -> RedisSemanticCache:
    """A cache with two entries, one of them of a tenant, with tags and a ttl."""
    acme = make_cache(namespace="acme", ttl=3600)
    with acme.tags("faq"):
        acme.update(asked(FRANCE), MODEL, told("Lyon\nis it."))
    plain = make_cache()
    plain.update(asked(GERMANY), "another", told("Berlin \x1b[31m[bold]"))
    return acme


def test_ls(shell: Shell, filled: RedisSemanticCache) -> None:
    """Entries are listed with what is known of them, and nothing steers the terminal."""
    listed = shell("ls")
    assert shell.code == 0
    assert f"Q {FRANCE}" in listed
    assert "A Lyon is it." in listed
    assert "gpt-x · namespace acme · tags faq" in listed
    assert "A Berlin [31m[bold]" in listed
    for filters in (["--text", "LYON france"], ["--tag", "faq"], ["--model", "gpt-x"]):
        (one,) = shell.json("ls", *filters)
        assert (one["question"], one["namespace"]) == (FRANCE, "acme")
        assert one["key"] in listed.splitlines()
    assert len(shell.json("ls", "--limit", "1")) == 1
    assert len(shell.json("ls", "--namespace", "acme")) == 1


def test_where_the_environment_says(
    shell: Shell, filled: RedisSemanticCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --redis-url the server is that of $REDIS_URL, as for the application."""
    monkeypatch.setenv("REDIS_URL", shell.url)
    assert main(["ls", "--name", shell.name]) == 0
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert main(["ls", "--name", shell.name]) == 1


def test_nothing_found(shell: Shell, filled: RedisSemanticCache) -> None:
    """Where nothing is found the exit code is 1."""
    for arguments in (["ls", "--older", "7d"], ["show", "x"], ["rm", "--text", "nothing"]):
        assert "no such entry" in shell(*arguments)
        assert shell.code == 1
    assert shell.json("ls", "--tag", "none") == []
    assert shell.code == 1


async def test_a_wrong_answer_is_being_served(
    shell: Shell, make_cache: MakeCache, server: redis.Redis, name: str
) -> None:
    """The walk of whoever is on call: found by its words, shown, removed under every wording."""
    way = Way("async")

    def agree(*_: str) -> bool:
        return True

    cache = make_cache(policy=Verified(DistancePolicy(0.001), agree, between=(0.0, 0.5)))
    await cache.aupdate(asked(FRANCE), MODEL, told("It is Lyon."))
    await cache.aupdate(asked("Why is the sky blue?"), MODEL, told("Because."))
    assert text_of(await cache.alookup(asked(FRANCE_REWORDED), MODEL)) == "It is Lyon."

    async def remembered() -> bool:
        return len(await way(cache.aliases, wrong)) == 1

    (found,) = shell.json("ls", "--text", "lyon")
    wrong = found["key"]
    assert await soon(remembered)
    shown = shell("show", wrong)
    assert shell.code == 0
    assert f"as well as: {FRANCE_REWORDED}" in shown
    assert "It is Lyon." in shown
    (whole,) = shell.json("show", wrong)
    assert whole["aliases"] == [FRANCE_REWORDED]
    before = keys_of(server, name)
    assert "Would remove 2 entries; --yes does." in shell("rm", wrong)
    assert keys_of(server, name) == before
    assert "Removed 2 entries." in shell("rm", "--text", "lyon", "--yes")
    for question in (FRANCE, FRANCE_REWORDED):
        assert await cache.alookup(asked(question), MODEL) is None
    assert text_of(await cache.alookup(asked("Why is the sky blue?"), MODEL)) == "Because."


@pytest.mark.parametrize("namespaces", ["readable", "hidden"])
def test_one_tenant_is_erased(
    shell: Shell, make_cache: MakeCache, server: redis.Redis, namespaces: str
) -> None:
    """One command leaves nothing of a tenant, hidden or not, and all of the others."""
    for tenant in ("acme", "other"):
        cache = make_cache(namespace=tenant, namespaces=namespaces)
        cache.update(asked(FRANCE), MODEL, told(f"Secret of {tenant}."))
    (one,) = shell.json("ls", "--namespace", "acme")
    assert (one["namespace"] == "acme") is (namespaces == "readable")
    assert "Removed 1 entry." in shell("rm", "--namespace", "acme", "--yes")
    left = [server.hgetall(key) for key in keys_of(server, shell.name)]
    assert not [fields for fields in left if b"acme" in b" ".join([*fields.values()])]
    assert [one["answer"] for one in shell.json("ls")] == ["Secret of other."]


def test_show_alias(shell: Shell, filled: RedisSemanticCache, server: redis.Redis) -> None:
    """An alias says which entry answers it."""
    (one,) = shell.json("ls", "--tag", "faq")
    alias = one["key"][:-32] + "0" * 32
    server.hset(alias, mapping={"prompt": "?", "of": one["key"], "created_at": "1"})
    assert f"answered by {one['key']}" in shell("show", alias)
    assert f"= {one['key']}" in shell("ls", "--text", "?")


def test_many_are_counted(shell: Shell, cache: RedisSemanticCache) -> None:
    """Of many entries the first are listed and the others counted."""
    for number in range(25):
        cache.update(asked(f"number {number}"), MODEL, told("one"))
    assert "... and 5 more\nWould remove 25 entries; --yes does." in shell("rm", "--text", "one")
    assert len(shell.json("rm", "--model", "gpt-x", "--yes")) == 25
    assert shell("ls") == "semcache: no such entry\n"


def test_the_name_is_not_known(shell: Shell, filled: RedisSemanticCache, name: str) -> None:
    """Whoever gives no name, or a wrong one, is told which there are."""
    shell.name = f"{name}-mistyped"
    for command in (["doctor"], ["ls"], ["show", "x"], ["rm", "--text", "x"]):
        said = "".join(shell(*command).split())
        assert "thisRedishassomeof:" in said
        assert name in said.partition("someof:")[2]
    assert shell.code == 1
    assert shell.json("ls") == []


async def test_names_in_python(do: Way, filled: RedisSemanticCache) -> None:
    """A cache lists the names in its Redis."""
    assert filled.name in await do(filled.names)


def test_doctor(shell: Shell, filled: RedisSemanticCache, name: str) -> None:
    """The server, the indexes and the entries are examined."""
    told = {one["subject"]: one for one in shell.json("doctor")}
    assert shell.code == 0
    assert told["entries"]["says"] == "2 of one embedding model, 50% with a ttl"
    assert told["index"]["says"].startswith(f"{name}::")
    assert (told["search"]["health"], told["engine"]["health"]) == ("ok", "ok")
    assert told["search"]["says"] == "there is a search module"
    assert "reachable" in shell("doctor")


async def test_doctor_in_python(do: Way, filled: RedisSemanticCache) -> None:
    """An application's own cache knows which index is its embedder's."""
    findings = await do(filled.doctor)
    assert [one for one in findings if "this embedder's: 256 dimensions" in one.says]
    assert not [one for one in findings if one.health == "problem"]


def test_doctor_of_a_restricted_user(
    shell: Shell, filled: RedisSemanticCache, redis_url: str
) -> None:
    """What a user may not ask is a note, and the rest is examined."""
    url = denied(redis_url, "info", "time", "ft._list", "acl", "ping")
    told = shell("doctor", url=url)
    assert shell.code == 0
    assert told.count("NOPERM") >= 4
    assert "answers searches" in told
    assert "2 of one embedding model" in told


@pytest.mark.parametrize("command", [["ls"], ["rm", "--tag", "x"], ["show", "{key}"], ["doctor"]])
def test_dead_redis(shell: Shell, command: list[str]) -> None:
    """A Redis that is not there is exit code 1 and one sentence."""
    key = f"{shell.name}::{'a' * 8}:{'b' * 32}:{'c' * 32}"
    told = shell(*(part.format(key=key) for part in command), url="redis://localhost:1")
    assert shell.code == 1
    assert "Redis did not answer: ConnectionError" in told
    assert "Traceback" not in told


def test_as_a_program(shell: Shell, filled: RedisSemanticCache) -> None:
    """It runs as a program, finds the server by REDIS_URL, and speaks JSON to others."""
    ended = subprocess.run(
        [sys.executable, "-m", "langchain_redis_semcache", "ls", "--name", shell.name, "--json"],
        env={"REDIS_URL": shell.url, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len([json.loads(line) for line in ended.stdout.splitlines()]) == 2


def test_a_terminal_that_knows_little(shell: Shell, cache: RedisSemanticCache) -> None:
    """What a terminal cannot show is a question mark, not a traceback."""
    cache.update(asked("Größe?"), MODEL, told("東京 \U0001f5fc"))
    ended = subprocess.run(
        [sys.executable, "-m", "langchain_redis_semcache", "ls", "--name", shell.name],
        env={
            "REDIS_URL": shell.url,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "PYTHONIOENCODING": "ascii",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Q Gr??e?" in ended.stdout
