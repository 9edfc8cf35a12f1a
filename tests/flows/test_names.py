"""Names are found whatever this cache's own is, at the least cost that finds them."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.flows import names
from tests.lab import Lab, run, script

OURS, THEIRS = Lab().core.settings.schema, "team:bot"
KEY = OURS.key("0" * 32, "x").encode()
NOPERM = ErrorReply("NOPERM", "NOPERM User x has no permissions to run the 'x' command")
NO_MODULE = ErrorReply("ERR", "ERR unknown command 'FT._LIST'")


def listed(*replies: Any) -> list[str]:
    result: list[str] = run(names.names(Lab().core), script(*([reply] for reply in replies)))
    return result


def test_from_indexes() -> None:
    """Indexes tell the names in one round trip; what is none of ours is passed over."""
    theirs = f"{THEIRS}::0a1b2c3d:256:hnsw"
    indexes = [theirs, OURS.index(2), OURS.index(3), "llmcache", "idx::users:2"]
    assert listed([index.encode() for index in indexes]) == ["app", THEIRS]


@pytest.mark.parametrize("nothing", [[], NO_MODULE, NOPERM, [b"llmcache"]])
def test_from_keys(nothing: Any) -> None:
    """Where no index of ours is listed the keys tell."""
    assert listed(nothing, [b"7", [b"rails::users:1"]], [b"0", [KEY, KEY]]) == ["app"]


def test_not_allowed() -> None:
    """A user who may ask for neither is told of no name; a server that fails is an exception."""
    assert listed(NOPERM, NOPERM) == []
    with pytest.raises(CacheUnavailableError):
        listed(ErrorReply("LOADING", "LOADING Redis is loading the dataset in memory"))


def test_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk through the keys of a large database ends in time with what it has found."""
    monkeypatch.setattr(names, "SECONDS", -1.0)
    assert listed([], [b"7", [KEY]]) == ["app"]
