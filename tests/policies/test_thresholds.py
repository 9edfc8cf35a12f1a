"""The default threshold is that of the embedding model, and each number has a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from langchain_redis_semcache.policies.thresholds import CAUTIOUS, THRESHOLDS, known_threshold

DOCS = Path(__file__).parents[2] / "docs" / "quality.md"


@pytest.mark.parametrize(
    ("embedding", "threshold"),
    [
        ("langchain_openai.OpenAIEmbeddings model=text-embedding-3-small deployment=x", 0.15),
        ("h.HuggingFaceEmbeddings model_name=sentence-transformers/all-MiniLM-L6-v2", 0.15),
        ("h.HuggingFaceEmbeddings model_name=all-MiniLM-L6-v2", 0.15),
        ("h.HuggingFaceEmbeddings model_name=/models/all-mpnet-base-v2", 0.10),
        ("l.LocalEmbeddings model=wordllama-l2-supercat-256 dimensions=256", 0.10),
        ("a.Azure model=text-embedding-ada-002 deployment=text-embedding-3-small", 0.15),
        ("a.Two model=all-MiniLM-L6-v2 deployment=all-mpnet-base-v2", 0.10),
        ("h.HuggingFaceEmbeddings model_name=intfloat/e5-base-v2", None),
        ("h.HuggingFaceEmbeddings model_name=me/all-MiniLM-L6-v2-finetuned", None),
        ("all-MiniLM-L6-v2.Embeddings", None),
        ("", None),
    ],
)
def test_by_model(embedding: str, threshold: float | None) -> None:
    """A model is known by its whole name, whoever owns it; the least threshold of several holds."""
    known = known_threshold(embedding)
    assert (None if known is None else known.threshold) == threshold


@pytest.mark.parametrize("name", THRESHOLDS)
def test_every_row_is_documented(name: str) -> None:
    """Each model stands in docs/quality.md with its number and where that comes from."""
    known = THRESHOLDS[name]
    assert name == name.lower()
    assert known.source
    assert 0 < known.threshold <= 0.15
    rows = [row for row in DOCS.read_text(encoding="utf-8").lower().splitlines() if name in row]
    how = "measured here" if known.measured else "not measured"
    assert any(f"| {known.threshold:.2f} |" in row and how in row for row in rows)


def test_unknown_is_cautious() -> None:
    """What nobody knows is stricter than whatever is known."""
    assert min(known.threshold for known in THRESHOLDS.values()) > CAUTIOUS
    assert f"| any other | {CAUTIOUS:.2f} |" in DOCS.read_text(encoding="utf-8")
