"""A page to look at: it stands alone, escapes what it shows, and has every outcome."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from langchain_redis_semcache.calibrate import (
    Calibration,
    Clustered,
    Pair,
    write_report,
)
from tests.calibrate.material import pairs_of, run, topic


class Page(HTMLParser):
    """Collects tags, and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(path: Path, result: Calibration) -> Page:
    write_report(result, path)
    found = Page()
    found.feed(path.read_text(encoding="utf-8"))
    assert not found.open
    return found


def test_the_report_stands_alone(tmp_path: Path) -> None:
    """One page with curves, table and examples; no script, nothing loaded from elsewhere."""
    result = run(pairs_of(300, 100))
    found = page(tmp_path / "report.html", result)
    assert {"svg", "polyline", "polygon", "table"} <= found.tags
    assert found.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert not [name for name, _ in found.attributes if name in ("src", "href") or name[:2] == "on"]
    text = (tmp_path / "report.html").read_text()
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert result.line is not None
    assert result.line in found.words


def test_the_report_escapes_questions(tmp_path: Path) -> None:
    """A question is text, whatever it looks like, and however broken its characters are."""
    evil = "<script>alert(1)</script>\"'& \ud800"
    found = page(tmp_path / "r.html", run([Pair(f"{evil} t1 @0", f"{evil} t1 @1", False)]))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.words


@pytest.mark.parametrize(
    "pairs",
    [
        pairs_of(60, 40),
        pairs_of(10, 10, near=0.9, far=0.9),
        [Pair(topic(1), topic(1, 0.2), True)],
        [Pair(topic(1), topic(1, 0.2) + "0" * 600, False) for _ in range(3)],
        [Clustered(topic(i % 40, 0.05 * (i // 40)), str(i % 40)) for i in range(200)],
        [Clustered(topic(1), "a")],
        pairs_of(0, 60, far=0.05),
    ],
)
def test_every_outcome_has_a_report(tmp_path: Path, pairs: list[Any]) -> None:
    """Refusals, empty tables and streams can be looked at as well."""
    result = run(pairs)
    found = page(tmp_path / "r.html", result)
    assert (result.refusal or result.line or "-") in found.words
    assert 0 < len(result.summary()) <= 16
    assert "nan" not in found.words
    assert json.dumps(result.same).find("NaN") == -1
