"""`semcache calibrate`: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from langchain_redis_semcache.cli.main import main

pytest.importorskip("click", reason="extra not installed")


# Words instead of digits, about which the guards have their say.
LETTERS = str.maketrans("0123456789", "abcdefghij")
DIGITS = str.maketrans("abcdefghij", "0123456789")


def subject(number: int) -> str:
    return f"{number:03d}".translate(LETTERS)


class Clock(Embeddings):
    """Puts each subject (first word) on a plane of its own, 25 degrees apart when said again."""

    def embed_query(self, text: str) -> list[float]:
        topic = int(text.split()[0].translate(DIGITS))
        angle = math.radians(25 * text.endswith("again"))
        vector = [0.0] * 1300
        vector[2 * topic : 2 * topic + 2] = math.cos(angle), math.sin(angle)
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Failing(Clock):
    def embed_query(self, text: str) -> list[float]:
        raise RuntimeError("no\nmore credit")


class Interrupted(Clock):
    def embed_query(self, text: str) -> list[float]:
        raise KeyboardInterrupt


class Holder:
    clock = Clock()


def broken() -> Embeddings:
    raise RuntimeError("no model here")


HERE = "tests.test_cli"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedders of this file can be named on the command line."""
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def write(path: Path, right: int, wrong: int, words: str = "") -> str:
    lines = [
        {
            "q1": f"{subject(i)} as it was",
            "q2": f"{subject(i)} as it was {'' if i < right else words} again",
            "label": i < right,
        }
        for i in range(right + wrong)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def call(*arguments: str, embeddings: str = f"{HERE}:Clock") -> int:
    return main(["calibrate", *arguments, "--embeddings", embeddings])


def test_a_recommendation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, one line to paste and a report; exit code 0."""
    file = write(tmp_path / "pairs.jsonl", 300, 0)
    report = tmp_path / "report.html"
    assert call(file, "--out", str(report)) == 0
    out = capsys.readouterr().out
    assert "95 % interval" in out
    assert "\nRedisSemanticCache(embeddings=..., distance_threshold=0.095)\n" in out
    assert f"Report: {report}" in out
    assert report.read_text().startswith("<!doctype html>")


def test_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No threshold, and why; exit code 1, with the report."""
    report = tmp_path / "report.html"
    assert call(write(tmp_path / "p.jsonl", 30, 0), "--out", str(report)) == 1
    out = capsys.readouterr().out
    assert "No recommendation. Too few pairs" in out
    assert "distance_threshold" not in out
    assert report.exists()


def test_the_target(tmp_path: Path) -> None:
    """A lower target can be reached with fewer pairs."""
    assert call(write(tmp_path / "p.jsonl", 40, 0), "--target-precision", "0.9") == 0


def test_false_hits_without_a_label_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who reads the precision learns how much of the error is missing labels."""
    file = tmp_path / "p.csv"
    file.write_text("q1,q2,label\naab was,aac was,1\naad was,aab was again,1\n")
    assert call(str(file)) == 1
    assert "nobody compared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ("nonsense", "is none of"),
        ("openai:", "is none of"),
        ("no.such.module:thing", "No module named"),
        (f"{HERE}:missing", "AttributeError"),
        (f"{HERE}:broken", "RuntimeError: no model here"),
        (f"{HERE}:HERE", "is a str, no langchain_core Embeddings"),
        (f"{HERE}:write", "TypeError"),
        (f"{HERE}:Failing", "embedding failed: RuntimeError (no more credit)"),
    ],
)
def test_embeddings_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], embeddings: str, message: str
) -> None:
    """One line on stderr and exit code 2, never a traceback."""
    assert call(write(tmp_path / "p.jsonl", 3, 0), embeddings=embeddings) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_openai_without_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenAI's client misses is passed on in one line."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    file = write(tmp_path / "p.jsonl", 3, 0)
    assert call(file, embeddings="openai:text-embedding-3-small") == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Clock", "Holder.clock"])
def test_classes_and_objects(tmp_path: Path, name: str) -> None:
    """An embedder may be named as an object or as something that makes one."""
    assert call(write(tmp_path / "p.jsonl", 300, 0), embeddings=f"{HERE}:{name}") == 0


def test_modules_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beside the data can hold the embedder."""
    (tmp_path / "mine_for_semcache.py").write_text(f"from {HERE} import Clock\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = write(tmp_path / "p.jsonl", 300, 0)
    assert call(file, embeddings="mine_for_semcache:Clock") == 0


def test_local_embeddings(tmp_path: Path) -> None:
    """`local` is the model of the `embedded` extra."""
    pytest.importorskip("wordllama")
    file = tmp_path / "p.jsonl"
    file.write_text('{"q1": "how do I pay", "q2": "how do I pay?", "label": 1}')
    assert call(str(file), embeddings="local") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target-precision", "98"], "target_precision must be between 0 and 1"),
        (["--batch-size", "0"], "batch_size"),
        (["--seed", "-1"], "--seed"),
        (["--out", "no/such/folder/r.html"], "no folder"),
    ],
)
def test_arguments_that_make_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """They are refused by name, with exit code 2."""
    assert call(write(tmp_path / "p.jsonl", 3, 0), *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_report_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder instead of a file is exit code 2."""
    assert call(write(tmp_path / "p.jsonl", 3, 0), "--out", str(tmp_path)) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_bad_files_and_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a missing argument are exit code 2."""
    assert call(str(tmp_path / "none.jsonl")) == 2
    assert "No such file" in capsys.readouterr().err
    for neither_or_both in ([], ["--embeddings", "local", "--judge", "a:b"]):
        assert main(["calibrate", "pairs.jsonl", *neither_or_both]) == 2
        assert "calibrate needs --embeddings MODEL, or --judge" in capsys.readouterr().err


class Verifier:
    """Lets pass what has the same last word."""

    def verify(self, asked: str, cached: str, answer: str) -> bool:
        return asked.split()[-1] == cached.split()[-1]


def verifier(asked: str, cached: str, answer: str) -> bool:
    return Verifier().verify(asked, cached, answer)


@pytest.mark.parametrize("spec", ["Verifier", "verifier", "Verifier.verify"])
def test_a_judge_is_measured(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a verifier lets pass of right and wrong answers, before one trusts it."""
    rows = [f"what is a{n},tell me about {'a' if n % 2 else 'b'}{n},{n % 2}" for n in range(40)]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(["q1,q2,label", *rows]))
    code = main(["calibrate", str(path), "--judge", f"{__name__}:{spec}"])
    said = capsys.readouterr()
    if spec == "Verifier.verify":  # lacks its object: it fails at every pair
        assert "It failed 40 times" in said.out
        return
    assert code == 0
    assert "Of 20 right answers it lets 100.0%" in said.out
    assert "of 20 wrong ones 0.0%" in said.out


def test_a_reader_that_has_gone(tmp_path: Path) -> None:
    """`semcache calibrate ... | head` ends without a traceback."""
    file = write(tmp_path / "p.jsonl", 3, 0)
    (tmp_path / "clock.py").write_text(
        "from langchain_core.embeddings import DeterministicFakeEmbedding\n"
        "model = DeterministicFakeEmbedding(size=4)\n"
    )
    command = [sys.executable, "-m", "langchain_redis_semcache", "calibrate", file]
    read, wrote = os.pipe()
    os.close(read)
    with os.fdopen(wrote, "wb") as pipe:
        ended = subprocess.run(
            [*command, "--embeddings", "clock:model"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert "Error" not in ended.stderr


def test_interruption(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends it without a traceback."""
    file = write(tmp_path / "p.jsonl", 3, 0)
    assert call(file, embeddings=f"{HERE}:Interrupted") == 130
    assert capsys.readouterr().err.strip().endswith("interrupted")


def test_python_dash_m(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The package can be run as a module."""
    monkeypatch.setattr(sys, "argv", ["semcache", "calibrate", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("langchain_redis_semcache", run_name="__main__")
    assert caught.value.code == 0
    assert "--target-precision" in capsys.readouterr().out
