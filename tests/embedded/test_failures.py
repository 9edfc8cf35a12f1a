"""What the log of a server that ended means: another one's chance, or an error for the user."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.embedded.failures import (
    EmbeddedRedisError,
    NoSearchError,
    PortTakenError,
    failure,
)

STARTING = "7:C 21 Nov 2026 11:44:25.708 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "/x/redis-server: error while loading shared libraries: libssl.so.1.1: cannot open "
            "shared object file: No such file or directory\n",
            "libssl.so.1.1",
        ),
        ("sh: 15: exec: /x/redis-server: not found\n", "not found"),
        (
            STARTING + "7:M 21 Nov 2026 11:44:25.691 # <search> Redis version is too old, please "
            "upgrade to redis 7.1.0 and above.\n"
            "7:M 21 Nov 2026 11:44:25.691 # Module /x.so initialization failed. Module not loaded\n"
            "7:M 21 Nov 2026 11:44:25.691 # Can't load module from /x.so: server aborting\n",
            "<search> Redis version is too old, please upgrade to redis 7.1.0 and above.",
        ),
        (
            STARTING + "7:M 21 Nov 2026 11:44:26.740 # The RDB file contains AUX module data I "
            "can't load: no matching module 'scdtype00'\n",
            "no matching module",
        ),
        ("", "ended with status 127"),
    ],
)
def test_server_without_search_leaves_the_next_its_chance(log: str, reason: str) -> None:
    """A server that cannot load or search is passed over, with the line of its log about it."""
    error = failure(log, 127)
    assert isinstance(error, NoSearchError)
    assert reason in str(error)
    assert "2026" not in str(error)


@pytest.mark.parametrize(
    "log",
    [
        "*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\n>>> 'maxmemory \"abc\"'\n",
        STARTING + "7:M 21 Nov 2026 11:44:26.740 # Can't handle RDB format version 12\n",
    ],
)
def test_trouble_that_every_server_would_have_is_told_at_once(log: str) -> None:
    """Bad options and unreadable data are reported with the log, not as a lack of servers."""
    error = failure(log, 1)
    assert isinstance(error, EmbeddedRedisError)
    assert log.splitlines()[-1] in str(error)


def test_taken_port_is_recognised() -> None:
    """A failed bind is neither a broken server nor one without search."""
    log = STARTING + "7:M # Warning: Could not create server TCP listening socket 127.0.0.1:1: bind"
    assert isinstance(failure(log + ": Address already in use\n", 1), PortTakenError)
