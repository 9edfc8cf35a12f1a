"""Usage and refusals of the shell; what it finds is in integration_tests/test_shell.py."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

import pytest

from langchain_redis_semcache import __version__
from langchain_redis_semcache.cli.main import main

DEAD = ["--redis-url", "redis://localhost:1"]


@pytest.mark.parametrize("command", ["doctor", "ls", "show", "rm"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "--redis-url" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"semcache {__version__}\n"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_light(option: str) -> None:
    """Help and version come at once: nothing of LangChain is imported for them."""
    script = (
        "import sys\nfrom langchain_redis_semcache.cli.main import main\n"
        f"try: main([{option!r}])\nfinally: print('langchain_core' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "False"


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


@pytest.mark.parametrize("arguments", [["show"], ["ls", "--older", "soon"], ["nothing"], []])
def test_bad_arguments(arguments: list[str]) -> None:
    """What cannot be read is exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("command", [["rm", "--tag", "faq"], ["doctor"]])
def test_without_the_extra(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without rich the shell says what to install."""
    original = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == "rich":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert main([*command, *DEAD]) == 2
    assert 'pip install "langchain-redis-semcache[cli]"' in capsys.readouterr().err
