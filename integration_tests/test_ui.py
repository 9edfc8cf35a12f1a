"""`semcache ui`: what was served is shown to its owner, and judged; by forms and in a browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from integration_tests.conftest import MakeCache
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    asked,
    denied,
    eventually,
    keys_of,
    told,
)
from langchain_redis_semcache import DistancePolicy, Recording, RedisSemanticCache, Verified
from langchain_redis_semcache.calibrate import load_pairs
from langchain_redis_semcache.cli.ui import guarded
from langchain_redis_semcache.cli.verdicts import Verdicts

pytest.importorskip("starlette", reason="extra not installed")

from starlette.testclient import TestClient

MODEL = "[('model_name', 'gpt-4o-mini')]"
HOST = "http://127.0.0.1:8000"
SCRIPT = "What does <script>document.title = 'taken'</script> do in HTML?"
SCRIPT_REWORDED = "What does <script>document.title = 'taken'</script> do in an HTML page?"
TOLD = {
    FRANCE: "The capital of France is Lyon.",
    GERMANY: "Berlin.",
    SCRIPT: "<img src=x onerror=\"document.title='taken'\"> It runs **code**.",
}


@pytest.fixture
def served(make_cache: MakeCache) -> RedisSemanticCache:
    """A cache that has recorded: reworded questions, an identical one, and one with a script."""

    def agree(asked: str, stored: str, answer: str) -> bool:
        return "Germany" not in stored

    cache = make_cache(
        recording=Recording(share=1),
        policy=Verified(DistancePolicy(0.001), agree, between=(0.0, 0.6)),
    )
    for question, answer in TOLD.items():
        cache.update(asked(question), MODEL, told(answer))
    for question in (FRANCE_REWORDED, SCRIPT_REWORDED, GERMANY):
        assert cache.lookup(asked(question), MODEL) is not None
    assert eventually(lambda: len(list(cache.recorded())) == 3)
    assert cache.totals().hits == 3  # told to the others
    return cache


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


# -- by forms --------------------------------------------------------------------------------------


@pytest.fixture
def visitor(
    served: RedisSemanticCache, make_cache: MakeCache, labels: Path
) -> Iterator[TestClient]:
    """Somebody who has opened the link of a page over another object for the same cache."""
    door = guarded(make_cache(), Verdicts(labels), 8000)
    with TestClient(door, base_url=HOST) as client:
        assert client.get(door.link).status_code == 200
        yield client


def ids(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('name="id" value="')[1:]]


def judge(visitor: TestClient, hit: str, verdict: str, **more: str) -> Any:
    form = {"id": hit, "verdict": verdict, **more}
    return visitor.post("/verdict", data=form, headers={"origin": HOST})


def test_what_is_shown(visitor: TestClient) -> None:
    """Hits by meaning are shown, identical ones on demand; what is in them is text."""
    html = visitor.get("/").text
    assert len(ids(html)) == 2
    assert "100.0% of 3" in html
    for text in ("Which city serves as France&#x27;s capital?", "The capital of France is Lyon."):
        assert text in html
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;document.title" in html
    assert len(ids(visitor.get("/?every=1").text)) == 3
    farthest = visitor.get("/?order=farthest").text
    distances = [float(part[:5]) for part in farthest.split("distance ")[1:]]
    assert distances == sorted(distances, reverse=True)
    assert visitor.get("/page.css").headers["content-type"].startswith("text/css")


def test_right(visitor: TestClient, labels: Path) -> None:
    """A right hit is a label, stays in the cache, and is not asked about again."""
    hit = ids(visitor.get("/?order=farthest").text)[0]
    answer = judge(visitor, hit, "right", back="/?order=farthest&page=0")
    assert answer.status_code == 200
    assert "Noted." in answer.text
    assert "said to be right" in answer.text
    assert hit not in ids(answer.text)
    (pair,) = load_pairs(labels)
    assert pair.same  # type: ignore[union-attr]


def test_wrong(
    visitor: TestClient, served: RedisSemanticCache, labels: Path, server: redis.Redis, name: str
) -> None:
    """A wrong hit is a label, and its answer is gone under every wording."""
    (entry,) = served.entries(text="lyon")
    assert eventually(lambda: len(served.aliases(entry.key)) == 1)
    hit = ids(visitor.get("/").text)[-1]
    answer = judge(visitor, hit, "wrong")
    assert "removed from the cache" in answer.text
    assert "Lyon" not in answer.text
    for question in (FRANCE, FRANCE_REWORDED):
        assert served.lookup(asked(question), MODEL) is None
    assert not [key for key in keys_of(server, name) if key == entry.key]
    assert b"Lyon" not in str(server.xrange(f"{name}::recorded")).encode()
    (pair,) = load_pairs(labels)
    assert tuple(pair) == (FRANCE, FRANCE_REWORDED, False)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"id": "1-0", "verdict": "right"}, 404),
        ({"id": "{hit}", "verdict": "maybe"}, 404),
        ({"id": "{hit}"}, 404),
        ({}, 404),
        ({"id": "x" * 20_000, "verdict": "right"}, 413),
    ],
)
def test_nonsense(visitor: TestClient, labels: Path, form: dict[str, str], status: int) -> None:
    """Only what was shown can be judged, and only as right or wrong."""
    (hit, _) = ids(visitor.get("/").text)
    sent = {name: value.format(hit=hit) for name, value in form.items()}
    assert visitor.post("/verdict", data=sent, headers={"origin": HOST}).status_code == status
    assert not labels.exists()


def test_leads_nowhere_else(visitor: TestClient) -> None:
    """Whatever a form says, one comes back to the page."""
    hit = ids(visitor.get("/").text)[0]
    headers = {"origin": HOST}
    form = {"id": hit, "verdict": "right", "back": "http://evil.example/?page=7&order=x"}
    answer = visitor.post("/verdict", data=form, headers=headers, follow_redirects=False)
    assert answer.headers["location"] == "/?order=newest&every=0&page=7&said=right"


def test_without_the_link(visitor: TestClient, labels: Path, make_cache: MakeCache) -> None:
    """Without having opened the link nothing is shown and nothing judged."""
    stranger = TestClient(guarded(make_cache(), Verdicts(labels), 8000), base_url=HOST)
    assert stranger.get("/").status_code == 403
    hit = ids(visitor.get("/").text)[0]
    assert judge(stranger, hit, "wrong").status_code == 403
    assert not labels.exists()


def test_totals_that_one_may_not_read(
    served: RedisSemanticCache, make_cache: MakeCache, redis_url: str, labels: Path
) -> None:
    """Where the counts are kept from a user the hits can be reviewed all the same."""
    restricted = make_cache(redis_url=denied(redis_url, "hgetall"))
    door = guarded(restricted, Verdicts(labels), 8000)
    with TestClient(door, base_url=HOST) as client:
        html = client.get(door.link).text
    assert "not known" in html
    assert len(ids(html)) == 2


def test_a_dead_redis(make_cache: MakeCache, labels: Path) -> None:
    """Where Redis does not answer the page says so."""
    door = guarded(make_cache(redis_url="redis://localhost:1"), Verdicts(labels), 8000)
    with TestClient(door, base_url=HOST) as client:
        answer = client.get(door.link)
    assert answer.status_code == 503
    assert "Redis did not answer" in answer.text


# -- in a browser ----------------------------------------------------------------------------------


@dataclass
class Program:
    """`semcache ui`, running."""

    link: str
    process: subprocess.Popen[str]


@pytest.fixture
def program(
    served: RedisSemanticCache, redis_url: str, name: str, labels: Path
) -> Iterator[Program]:
    """The console script as a process of its own, with the link that it prints."""
    command = [sys.executable, "-m", "langchain_redis_semcache", "ui", "--json"]
    process = subprocess.Popen(
        [*command, "--redis-url", redis_url, "--name", name, "--labels", str(labels)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Program(json.loads(process.stdout.readline())["link"], process)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real browser: Debian's chromium, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


def pictured(page: Any, name: str) -> None:
    """Keep a picture, where somebody wants some: PICTURES=docs/pictures."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_in_a_browser(
    browser: Any, program: Program, served: RedisSemanticCache, labels: Path
) -> None:
    """A question that holds a script is read and judged, and its script never runs."""
    page = browser.new_context(color_scheme="light").new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(program.link)
    assert "token" not in page.url
    assert page.title() == f"{served.name}: semantic cache"
    article = page.locator("article", has_text="onerror=")
    assert article.locator("dd").first.inner_text() == SCRIPT_REWORDED
    assert page.locator("script, img").count() == 0
    assert page.locator("svg rect").count() >= 1
    colours = page.evaluate(
        "[document.body, document.querySelector('rect')].map(e => "
        "[getComputedStyle(e).backgroundColor, getComputedStyle(e).fill])"
    )
    assert colours[0][0] == "rgb(255, 255, 255)"
    assert colours[1][1] == "rgb(11, 107, 203)"  # the stylesheet is in force
    with pytest.raises(Exception, match="Content Security Policy"):
        page.add_script_tag(content="document.title = 'taken'")
    assert page.title() == f"{served.name}: semantic cache"
    assert all("Content Security Policy" in one for one in complaints)
    article.get_by_role("button", name="Right").click()
    assert page.get_by_role("status").inner_text() == "Noted."
    page.locator("article", has_text="Lyon").get_by_role("button", name="Wrong").click()
    assert page.get_by_role("status").inner_text() == "Noted, and removed from the cache."
    assert page.locator("article", has_text="Lyon").count() == 0
    assert served.lookup(asked(FRANCE), MODEL) is None
    assert [tuple(pair) for pair in load_pairs(labels)] == [
        (SCRIPT, SCRIPT_REWORDED, True),
        (FRANCE, FRANCE_REWORDED, False),
    ]
    stranger = browser.new_context().new_page()
    assert stranger.goto(program.link).status == 403


def test_another_site(browser: Any, program: Program, httpserver: Any, labels: Path) -> None:
    """A page of another site can neither judge in the user's name nor frame what it sees."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(program.link)
    hit = page.locator("input[name=id]").first.get_attribute("value")
    address = page.url.split("?")[0]
    form = (
        f'<form method="post" action="{address}verdict"><input name="id" value="{hit}">'
        '<button name="verdict" value="wrong">x</button></form>'
        f'<iframe src="{address}"></iframe>'
    )
    httpserver.expect_request("/").respond_with_data(form, content_type="text/html")
    other = context.new_page()
    other.goto(httpserver.url_for("/"))
    assert "recorded" not in other.frames[1].content()
    with other.expect_navigation() as navigation:
        other.get_by_role("button").click()
    assert navigation.value.status == 403
    assert not labels.exists()
