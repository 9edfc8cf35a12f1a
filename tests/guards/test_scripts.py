"""Scripts, and the texts that show whether an embedding model knows one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.guards.scripts import indistinct, probe_texts, scripts_of


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("plain words", set()),
        ("Crème brûlée", set()),
        ("как сварить рис", {"cyrillic"}),
        ("東京の人口", {"han", "kana"}),
        ("서울은 어디", {"hangul"}),
        ("πού είναι the station", {"greek"}),
        ("؟ كيف", {"arabic"}),
        ("5 € — ½", set()),
    ],
)
def test_scripts_of_a_text(text: str, scripts: set[str]) -> None:
    """Every script but Latin counts; signs and digits do not."""
    assert scripts_of(text) == scripts


@given(st.text())
def test_every_script_has_probes(text: str) -> None:
    """Whatever script is found, there are two texts to try it with."""
    assert all(probe_texts(script) for script in scripts_of(text))


def test_near_probes_show_an_unknown_script() -> None:
    """Two unrelated texts near each other, or no distance at all, show that it is not known."""
    assert indistinct(0.02)
    assert indistinct(float("nan"))
    assert not indistinct(0.8)
    assert probe_texts("runes") is None
