"""Changing what is shared: checked like the constructor's arguments, and gone by here at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.errors import CacheUnavailableError, ConfigurationError
from langchain_redis_semcache.flows import admin, switch
from langchain_redis_semcache.flows.shared import SharedSettings
from tests.lab import ASKED, Lab, run, script

OFF, ON = {"on": False}, {"on": True}


def test_changes_add_up() -> None:
    """Each change leaves the others as they are; what is undone is the constructor's again."""
    lab = Lab()
    steps: list[tuple[Any, SharedSettings]] = [
        (OFF, SharedSettings(False)),
        (switch.wanted(distance_threshold=0.1), SharedSettings(False, 0.1)),
        (switch.wanted(ttl=timedelta(hours=1)), SharedSettings(False, 0.1, 3600.0)),
        (switch.unwanted(["ttl"]), SharedSettings(False, 0.1)),
        (ON, SharedSettings(True, 0.1)),
        (switch.unwanted([]), SharedSettings()),
    ]
    for wanted, told in steps:
        assert run(switch.share(lab.core, wanted), lab.world) == told
        assert run(switch.settings(lab.core), lab.world) == told
        assert lab.core.shared.current == told


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, r"set\(ttl=3600\)"),
        ({"distance_threshold": 2.5}, "distance_threshold must be a cosine distance"),
        ({"distance_threshold": "0.1"}, "distance_threshold must be a cosine distance"),
        ({"ttl": 0}, "ttl must be a positive number"),
    ],
)
def test_nonsense(given: dict[str, Any], says: str) -> None:
    """What the constructor would refuse is refused, with what to write instead."""
    with pytest.raises(ConfigurationError, match=says):
        switch.wanted(**given)


def test_unset_what_there_is_not() -> None:
    """A name that cannot be unset is refused."""
    with pytest.raises(ConfigurationError, match="distance_threshold and ttl, not 'on'"):
        switch.unwanted(["on"])


@pytest.mark.parametrize("reply", [[b"x", b"1", None, None], ErrorReply("WRONGTYPE", "WRONGTYPE")])
def test_what_cannot_be_read_is_said(reply: Any) -> None:
    """Whoever asks hears that nobody goes by what is there."""
    with pytest.raises(CacheUnavailableError, match="app::settings makes no sense"):
        run(switch.settings(Lab().core), script([reply]))


def test_clear_leaves_the_switch() -> None:
    """Emptying a cache that is off does not switch it on."""
    lab = Lab()
    lab.update(ASKED)
    run(switch.share(lab.core, OFF), lab.world)
    run(admin.clear(lab.core), lambda request: _without_search(lab, request))
    assert list(lab.world.hashes) == ["app::settings"]


def _without_search(lab: Lab, request: Any) -> Any:
    (name, *keys), *_ = request.commands
    if name == "FT._LIST":
        return [[]]
    if name == "UNLINK":
        return [lab.world.hashes.pop(key.decode()) is not None for key in keys]
    return lab.world(request)
