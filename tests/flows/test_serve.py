"""What is served: fresh objects, marked where that is wished, of an age."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.flows.serve import _age
from tests.lab import (
    AGAIN,
    ASKED,
    stocked,
)


def test_fresh_objects() -> None:
    """Two hits share no object."""
    lab = stocked()
    assert lab.lookup(ASKED)[0] is not lab.lookup(ASKED)[0]


def test_mark_hits() -> None:
    """With `mark_hits` a served answer says where it came from."""
    lab = stocked(mark_hits=True)
    mark = lab.lookup(AGAIN)[0].generation_info["semcache"]
    assert set(mark) == {"kind", "distance", "entry", "age"}
    assert mark["kind"] == "semantic"
    assert mark["entry"] in lab.world.hashes


@pytest.mark.parametrize(
    "created",
    [None, b"", b"x", b"nan", b"inf", b"-inf", b"99999999999999", b"1" * 400, [1], 10**400],
)
def test_age(created: object) -> None:
    """Whatever is stored as the time of storing gives an age."""
    assert 0 <= _age(created) < 3e9
