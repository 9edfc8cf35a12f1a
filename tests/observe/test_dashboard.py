"""Grafana's dashboard asks for nothing that the registry does not have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="extra not installed")

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from langchain_redis_semcache.events import Audited, Hit, Miss, VerifierAsked
from langchain_redis_semcache.observe import Price, PrometheusListener
from langchain_redis_semcache.observe.instruments import ALL
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.test_events import EVENTS

FOLDER = Path(__file__).parents[2] / "examples" / "observe"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
MORE = [
    Miss("no_candidate", differs="tools"),
    Hit("exact", 0.0, "k", 1.0, "m", input_tokens=1, output_tokens=1),
    VerifierAsked(True, 0.1, 0.1, "k"),
    Audited(True, 0.1, "k", "audit"),
]
WORDS = {"by", "histogram_quantile", "increase", "label_values", "max", "rate", "sum"}
_LITERAL = re.compile(r'"[^"]*"|\[\$__(?:rate_interval|range)\]|\$\w+')
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_]\w*")
_SELECTOR = re.compile(r"(semcache_\w+)(?:\{([^}]*)\})?")


def expressions() -> Iterator[tuple[str, str]]:
    """Every question that the dashboard asks, with what it is shown as."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"], ""


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """The samples of a registry that has seen every event, with their labels."""
    registry = CollectorRegistry()
    prices = {"m": Price(input=1, output=1)}
    reporter = Reporter("app", [PrometheusListener(registry=registry, prices=prices)])
    for event in (*EVENTS, *MORE):
        reporter.emit(event)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found[sample.name] = {*sample.labels}
    return found


@pytest.mark.parametrize(("expression", "legend"), [*expressions()])
def test_expressions(expression: str, legend: str, shown: dict[str, set[str]]) -> None:
    """Every metric and label of an expression and its legend is one that the registry shows."""
    bare = _LITERAL.sub(" ", expression)
    selectors = _SELECTOR.findall(bare)
    assert selectors
    labels = set.intersection(*(shown[metric] for metric, _ in selectors))
    for metric, matchers in selectors:
        assert set(_NAME.findall(matchers)) <= shown[metric]
    rest = set(_NAME.findall(_SELECTOR.sub(" ", bare))) - WORDS
    assert rest <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= rest
    assert bare.count("(") == bare.count(")")


def test_nothing_is_left_out() -> None:
    """Whatever is measured is shown."""
    asked = " ".join(expression for expression, _ in expressions())
    assert [one.name for one in ALL if one.prometheus not in asked] == []


def test_panels() -> None:
    """Panels have names and numbers of their own, and none covers another."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for one in panels:
        at = one["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & covered
        assert max(x for x, _ in cells) < 24
        covered |= cells
        assert one["title"]


def test_files_of_the_composition() -> None:
    """What `docker compose` mounts is there."""
    mounted = re.findall(r"(\./[\w./]+):/", (FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    assert len(mounted) == 4
    assert [one for one in mounted if not (FOLDER / one).is_file()] == []
