"""The page shows what was asked and answered, as text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache import RecordedHit
from langchain_redis_semcache.cli.page import PAGE, Shown, View, page, show

HIT = RecordedHit("1-0", "asked?", "stored?", "So.", 0.1, "semantic", "app::k", "m", 1.0)
EXACT = replace(HIT, id="2-0", kind="exact", distance=0.0, stored="same", asked="same")
FAR = replace(HIT, id="3-0", distance=0.2, asked="far?")
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
TAGS = {
    *("html", "head", "meta", "link", "title", "body", "h1", "h2", "p", "dl", "div", "dt", "dd"),
    *("svg", "rect", "line", "text", "code", "nav", "a", "article", "br", "form", "input"),
    "button",
}


class Reader(HTMLParser):
    """Collects elements, their attributes and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(hit: RecordedHit, verdict: bool | None = None) -> Reader:
    view = View(every=True)
    return Reader(page("app", "50 %", [hit], [Shown(hit, verdict)], view))


@given(st.text(), st.sampled_from(["asked", "stored", "answer", "entry", "model", "id"]))
def test_nothing_but_text(text: str, field: str) -> None:
    """Whatever was asked or answered, it makes no element and no attribute."""
    reader = shown(replace(HIT, **{field: text + SCRIPT}))
    assert reader.tags <= TAGS
    assert not {name for name in reader.attributes if name.startswith("on")} | (
        reader.attributes & {"style", "src"}
    )
    assert any(SCRIPT in one for one in (reader.text, *reader.values))


def test_a_hit() -> None:
    """A reviewer sees both questions, the answer, the distance and the key."""
    text = shown(HIT).text
    for part in ("asked?", "stored?", "So.", "distance 0.100", "app::k", "Right", "Wrong"):
        assert part in text


def test_an_exact_hit() -> None:
    """Of an identical question the stored one is not repeated."""
    assert "the identical question" in shown(EXACT).text
    assert shown(EXACT).text.count("same") == 1


@pytest.mark.parametrize(("verdict", "says"), [(True, "right"), (False, "wrong")])
def test_judged(verdict: bool, says: str) -> None:
    """What was judged is not asked about again."""
    reader = shown(HIT, verdict)
    assert f"said to be {says}" in reader.text
    assert "button" not in reader.tags


def test_reordering_marks() -> None:
    """What turns the direction of text around is left out."""
    assert show("a\u202eb\x1b[31m") == "a b [31m"


def test_views() -> None:
    """Hits by meaning come first, and the farthest ones on demand."""
    hits = [HIT, EXACT, FAR]
    assert View().chosen(hits) == [(HIT, 1), (FAR, 1)]
    assert View("farthest", every=True).chosen(hits) == [(FAR, 1), (HIT, 1), (EXACT, 1)]


def test_again_and_again() -> None:
    """A question that got the same answer many times is reviewed once."""
    again = replace(HIT, id="9-0")
    assert View().chosen([again, FAR, HIT]) == [(again, 2), (FAR, 1)]
    text = Reader(page("app", "", [HIT, again], [Shown(again, None, 2)], View())).text
    assert "2 times in the record" in text


def test_pages() -> None:
    """Where there are more hits than fit on a page there are links to the others."""
    hits = [replace(HIT, id=f"{n}-0", asked=f"{n}?") for n in range(2 * PAGE + 1)]
    first, second, last = (
        Reader(page("app", "", hits, [Shown(HIT, None)], View(page=number))).text
        for number in range(3)
    )
    assert "page 1 of 3 on" in first
    assert "back page 2 of 3 on" in second
    assert "back page 3 of 3" in last


def test_nothing_recorded() -> None:
    """An empty page says so."""
    text = Reader(page("app", "", [], [], View(), "Noted.")).text
    for part in ("None was recorded", "Nothing to review", "Noted."):
        assert part in text
