"""Every command is listed, explains itself, and is imported only when it is called."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from langchain_redis_semcache.cli.commands import COMMANDS, semcache
from langchain_redis_semcache.cli.main import main


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_list(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`semcache` alone and its help list all commands."""
    assert main(arguments) == 0
    listed = capsys.readouterr().out
    for name, (_, says) in COMMANDS.items():
        assert f"  {name} " in listed
        assert " ".join(says.split()[:2]) in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself, and those of a cache say which."""
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: semcache {name} ")
    if name != "calibrate":
        assert {"--redis-url", "--name", "--json"} <= set(told.split())


def test_names() -> None:
    """A command has the name by which the table lists it."""
    context = click.Context(semcache)
    for name in COMMANDS:
        found = semcache.get_command(context, name)
        assert found is not None
        assert found.name == name


def test_lazily() -> None:
    """A command's module is not imported for another command."""
    script = (
        "import sys\nfrom langchain_redis_semcache.cli.main import main\n"
        "main(['show', '--help'])\n"
        "print([m for m in sys.modules if m.endswith(('cli.looking', 'cli.removing'))])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "['langchain_redis_semcache.cli.looking']"
