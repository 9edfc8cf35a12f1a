"""Scripts that no guard reads."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.guards import script


@pytest.mark.parametrize(
    ("asked", "cached"),
    [
        ("как сварить борщ", "как приготовить борщ"),
        ("東京の人口は", "東京の人口は何人ですか"),
        ("πού είναι", "where is"),
    ],
)
def test_unread_scripts_cost_some_distance(asked: str, cached: str) -> None:
    """A hit in a script without word lists has to be nearer, and can still be one."""
    assert 0 < script(asked, cached) == script(cached, asked) < 0.1


@pytest.mark.parametrize(("asked", "cached"), [("wie", "où"), ("怎么煮饭", "如何煮饭"), ("", "€")])
def test_read_scripts_cost_nothing(asked: str, cached: str) -> None:
    """Latin and Chinese have word lists."""
    assert script(asked, cached) == 0
