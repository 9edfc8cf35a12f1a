"""The examples run without a key, and what they repeat comes from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def output_of(name: str) -> list[str]:
    """Run an example as a user does; return the lines that it prints."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ran.stdout.splitlines()


def test_rag() -> None:
    """A reworded question is served until its document changes; another one is not."""
    lines = output_of("rag.py")
    came_from = [line.split("]")[0].lstrip("[") for line in lines if line.startswith("[")]
    assert came_from == ["LLM", "CACHE", "LLM", "LLM"]
    assert "help desk" in lines[-1]


def test_agent() -> None:
    """A run is served again and reworded; one that needed an undeclared tool never is."""
    lines = output_of("agent.py")
    costs = [line.split("]")[0].lstrip("[") for line in lines if line.startswith("[")]
    live, served = "2 model calls, 1 tool calls", "0 model calls, 0 tool calls"
    assert costs == [live, served, served, live, live]
    assert "on its way" in lines[-1]


def test_fastapi_app() -> None:
    """Streams are served reworded, to their own tenant, and the service says how it is."""
    lines = output_of("fastapi_app.py")
    assert [line.split("]")[0].lstrip("[") for line in lines[:-1]] == ["LLM", "CACHE", "LLM"]
    assert all("It is Paris." in line for line in lines[:-1])
    assert "'cache_at_start': True" in lines[-1]
