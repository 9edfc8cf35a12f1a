"""Names that go on."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import names


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("how heavy is the iPhone 14", "how heavy is the iPhone 14 Pro"),
        ("how heavy is the phone 14", "how heavy is the phone 14 max"),
        ("hotels in mexico", "hotels in mexico city"),
        ("ferries to Guinea", "ferries to Equatorial Guinea"),
        ("the theatres of York", "the theatres of New York"),
        ("does the PS5 have a drive", "does the PS5 Slim have a drive"),
    ],
)
def test_a_name_that_goes_on(shorter: str, longer: str) -> None:
    """An edition, a region or another capitalised word makes another thing of a name."""
    assert names(shorter, longer) == math.inf
    assert names(longer, shorter) == math.inf


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("I need a card", "I need a new card"),
        ("is the shop open", "is the Shop open"),
        ("hotels in Lima", "hotels in Lima please"),
        ("a chair under 40", "a chair under 40 EUR"),
        ("hotels in Lima", "cheap and clean hotels in Lima near the sea"),
    ],
)
def test_what_is_no_name(shorter: str, longer: str) -> None:
    """A word more that stands beside no name is none of this rule's business."""
    assert names(shorter, longer) == 0
    assert names(longer, shorter) == 0
