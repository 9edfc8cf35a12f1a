"""Usage, refusals and exit codes; what it finds is in integration_tests/test_shell.py."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

import pytest

from langchain_redis_semcache import __version__
from langchain_redis_semcache.cli.main import main

HEAVY = {"langchain_core", "numpy", "pydantic", "redis", "rich"}
DEAD = ["--redis-url", "redis://localhost:1"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"semcache {__version__}\n"


@pytest.mark.parametrize("option", [[], ["--help"], ["--version"]])
def test_light(option: list[str]) -> None:
    """Help and version come at once: nothing of LangChain is imported for them."""
    script = (
        "import sys\nfrom langchain_redis_semcache.cli.main import main\n"
        f"main({option!r})\nprint({HEAVY!r} & sys.modules.keys())"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rm"], "rm takes either a KEY or filters"),
        (["rm", "key", "--tag", "faq"], "rm takes either a KEY or filters"),
        (["ls", "--limit", "0"], "limit must be"),
        (["ls", "--text", " "], "text must hold a word"),
        (["ls", "--name", "a::b"], "name and prefix must"),
        (["doctor", "--redis-url", "http://user:secret@x"], "redis_url must begin with"),
    ],
)
def test_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is exit code 2 and a sentence."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert "secret" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show"], "Missing argument 'KEY'"),
        (["ls", "--older", "soon"], "write e.g. 15m, 12h, 7d or 2w"),
        (["nothing"], "No such command 'nothing'"),
        (["--nothing"], "No such option"),
    ],
)
def test_bad_arguments(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is exit code 2, and what could be written is said."""
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_the_extra(
    package: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without click or rich the shell says what to install."""
    original = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(name=name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert main(["rm", "--tag", "faq", *DEAD]) == 2
    assert 'pip install "langchain-redis-semcache[cli]"' in capsys.readouterr().err
