"""The examples run without a key, and what they repeat comes from the cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


# What people ask next at the demo's prompt; none of it is a question of the demo in other words.
FOLLOW_UPS = """How do I reverse a list in Python?
How do I reverse a number in Python?
How do I reverse a string in Python without slicing?
How do I reverse a string in Python recursively?
How do I reverse a string in Python in place?
How do I reverse the words of a string in Python?
How do I reverse a string in JavaScript?
How do I sort a string in Python?
reverse a list
a number
without slicing
with a loop
the old capital
What was the capital
What is the old capital of France?
What is the capital of France in French?
What is the fashion capital of France?
What is the capital of Spain?
What is the largest city of France?
What isn't the capital of France?
What is the capital of East Germany?"""


def run(name: str, *arguments: str, asked: str = "", **variables: str) -> tuple[int, str, str]:
    """Run an example as a user does; return its exit code and what it prints, error included."""
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), **variables},
        input=asked,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ran.returncode, ran.stdout, ran.stderr


def output_of(name: str) -> list[str]:
    """Return the lines that an example prints, and nothing to the standard error."""
    code, out, error = run(name)
    assert (code, error) == (0, "")
    return out.splitlines()


def test_quickstart() -> None:
    """The demo serves a repeat and a paraphrase, and says of each miss why it is one."""
    lines = [line for line in output_of("quickstart.py") if line.startswith("[")]
    came_from = [line.split("]")[0].strip("[ ") for line in lines]
    assert came_from == ["LLM", "CACHE", "LLM", "LLM", "LLM", "LLM", "CACHE"]
    assert "distance 0.561, too far" in lines[2]
    assert "guard: tense" in lines[3]


def test_quickstart_serves_nothing_wrong() -> None:
    """Questions that look like the demo's own are asked of the model, all 21 of them."""
    code, out, _ = run("quickstart.py", "--ask", asked=FOLLOW_UPS)
    answered = [line.partition("]") for line in out.splitlines() if "] " in line][7:]
    assert code == 0
    assert len(answered) == 21
    assert [rest for source, _, rest in answered if "CACHE" in source] == []
    assert "Try next:" in out


def test_quickstart_spends_nothing_unasked() -> None:
    """A key alone is not used; a model that does not answer costs one sentence."""
    closed = "http://127.0.0.1:9"
    code, out, _ = run("quickstart.py", OPENAI_API_KEY="none", OPENAI_BASE_URL=closed)
    assert code == 0
    assert "OPENAI_API_KEY is set and not used" in out.splitlines()[0]
    code, _, error = run(
        "quickstart.py", MODEL="openai", OPENAI_API_KEY="none", OPENAI_BASE_URL=closed
    )
    assert code == 1
    assert len(error.splitlines()) == 1
    assert "without MODEL=openai" in error


@pytest.mark.parametrize("how", ["interrupt", "closed pipe"])
def test_quickstart_ends_quietly(how: str) -> None:
    """Ctrl-C and a reader who leaves end the demo without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-u", EXAMPLES / "quickstart.py"],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        if how == "interrupt":
            running.send_signal(signal.SIGINT)
        else:
            running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


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
    assert [line.split("]")[0].lstrip("[") for line in lines[:3]] == ["LLM", "CACHE", "LLM"]
    assert all("It is Paris." in line for line in lines[:3])
    assert any(line.endswith('result="semantic"} 1.0') for line in lines)
    assert "'cache_at_start': True" in lines[-1]


def test_streaming() -> None:
    """The example of streams ends well and serves something."""
    assert any("CACHE" in line for line in output_of("streaming.py"))


def test_calibrate_from_logs() -> None:
    """A threshold found in one part of a log serves the other part without a wrong answer."""
    lines = output_of("calibrate_from_logs.py")
    assert "distance_threshold=" in lines[1]
    assert " 0 wrong answers" in lines[-1]
    assert " 0 right" not in lines[-1]


def test_two_processes() -> None:
    """Two processes ask the model once between them, at once and one after the other."""
    lines = [line for line in output_of("two_processes.py") if line.startswith("[process")]
    calls = [int(line.split("]: ")[1].split()[0]) for line in lines]
    assert len(lines) == 4
    assert sum(calls[:2]) == 1
    assert calls[2:] == [0, 0]


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_examples_are_read_in_one_sitting(name: str) -> None:
    """An example has less than 100 lines, and says first what it shows."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    assert text.startswith('"""')
