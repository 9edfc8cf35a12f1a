"""What went wrong can be read, and no credential with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache._causes import LONGEST, cleaned, told

SECRETS = [
    "Connection to redis://user:hunter2@host:6379 failed",
    "rediss://:hunter2@host",
    "https://api.example.com?api_key=hunter2&x=1",
    "Incorrect API key provided: hunter2. You can find your API key at https://platform",
    "{'Authorization': 'Bearer hunter2'}",
    'headers: {"api-key": "hunter2", "x": 1}',
    "Authorization: Basic hunter2",
    "password=hunter2 host=x",
    "passwd: hunter2",
    "token='hunter2'",
    "client_secret=hunter2",
    "the key sk-hunter2hunter2 is not valid",
    "hf_hunter2abcdef",
    "ghp_hunter2abcdef",
    "unknown command 'AUTH', with args beginning with: 'user' 'hunter2'",
    "WRONGPASS for hunter2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_credentials(text: str) -> None:
    """Neither what looks like a credential nor one that is known is shown."""
    assert "hunter2" not in cleaned(text, ["hunter2"])
    if not text.startswith("WRONGPASS"):
        assert "hunter2" not in cleaned(text)


@pytest.mark.parametrize(
    "text",
    [
        "Error 111 connecting to cache.internal:6379. Connection refused.",
        "User app has no permissions to run the 'ping' command",
        "Timeout reading from 127.0.0.1:6379",
        "invalid username-password pair or user is disabled.",
        "the tenant is not set: LookupError",
    ],
)
def test_plain(text: str) -> None:
    """What tells host, port and reason is shown as it is."""
    assert cleaned(text) == text


def test_one_short_line() -> None:
    """A message of many lines, or a page of HTML, is one short line."""
    assert cleaned("a\n  b\t c") == "a b c"
    assert len(cleaned("x " * 10_000)) <= LONGEST + 3


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever a message says can be cleaned, in no more than it takes to read it."""
    assert "hunter2" not in cleaned(text + "hunter2", ["hunter2", ""])


def hook() -> Any:
    raise LookupError("the tenant is not set")


def caught(function: Any) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError


def test_where() -> None:
    """What an application's code raised names its line; what a server did, the server."""
    error = caught(hook)
    assert told(error).startswith("LookupError: the tenant is not set [tests/test_causes.py:")
    assert told(error, "host:6379") == "LookupError: the tenant is not set [host:6379]"
    assert told(ValueError()) == "ValueError"


def test_what_it_comes_from() -> None:
    """A library's own error shows what it was made from, unless it says that itself."""

    def wrapped(text: str) -> Any:
        try:
            hook()
        except LookupError as error:
            raise RuntimeError(text) from error

    first = told(caught(lambda: wrapped("no luck")))
    assert first.startswith("RuntimeError: no luck, from LookupError: the tenant is not set [")
    second = told(caught(lambda: wrapped("no luck: the tenant is not set")))
    assert second.startswith("RuntimeError: no luck: the tenant is not set [")
