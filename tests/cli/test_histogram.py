"""Distances become bars, and nothing that a browser would run."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.cli.histogram import histogram


def bars(distances: list[float]) -> list[ET.Element]:
    return [one for one in ET.fromstring(histogram(distances)) if one.tag == "rect"]


@given(st.lists(st.floats(-1, 3)))
def test_every_hit_is_counted(distances: list[float]) -> None:
    """The bars stand side by side within the picture, and count all hits together."""
    drawn = bars(distances)
    counts = [int(str(bar[0].text).split(": ")[1].replace(",", "")) for bar in drawn]
    assert sum(counts) == len(distances)
    lefts = [float(bar.attrib["x"]) for bar in drawn]
    assert lefts == sorted(lefts)
    for bar in drawn:
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= 1020
        assert 0 <= float(bar.attrib["y"]) <= 190


def test_bins() -> None:
    """A bar is of one hundredth, its lower end included."""
    assert [bar[0].text for bar in bars([0.03, 0.039, 0.04])] == [
        "0.03 to 0.04: 2",
        "0.04 to 0.05: 1",
    ]


def test_no_styles() -> None:
    """The page's policy forbids styles within elements."""
    drawn = histogram([0.1])
    assert "style=" not in drawn
    assert 'role="img" aria-label="1 hits by distance' in drawn
