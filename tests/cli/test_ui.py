"""Usage of `semcache ui`; the page itself is in integration_tests/test_ui.py."""

from __future__ import annotations

import socket

import pytest

from langchain_redis_semcache.cli.main import main


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that somebody has is said."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["ui", "--port", port]) == 2
    assert f"--port {port}" in capsys.readouterr().err


def test_a_file_of_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Labels go into lines of JSON."""
    assert main(["ui", "--labels", "labels.txt"]) == 2
    assert "must end in .jsonl" in capsys.readouterr().err
