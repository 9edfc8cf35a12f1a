"""Objects of one subject: their defaults, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from langchain_redis_semcache import (
    CompleteAnswers,
    ConfigurationError,
    Index,
    Limits,
    Prefilter,
    Recording,
    RedisSemanticCache,
    SingleFlight,
    Sliding,
)
from tests.lab import Fixed


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Limits, {"redis": 0}, r"redis .* Limits\(redis=0\.5\)"),
        (Limits, {"redis": None}, r"redis .* Limits\(redis=0\.5\)"),
        (Limits, {"embedding": -1}, r"embedding .* Limits\(embedding=2\)"),
        (Limits, {"question_chars": "1000"}, r"Limits\(question_chars=1000\)"),
        (Limits, {"question_chars": -1}, r"Limits\(question_chars=1000\)"),
        (Limits, {"answer_bytes": 0}, r"Limits\(answer_bytes=1_000_000\)"),
        (Limits, {"answer_bytes": None}, r"Limits\(answer_bytes=1_000_000\)"),
        (Index, {"kind": "ivf"}, "kind must be one of hnsw, flat"),
        (Index, {"vector": "int8"}, "vector must be one of float32, float16, bfloat16"),
        (Index, {"create": "no"}, "create must be True or False"),
        (Index, {"embedding_id": ""}, r"Index\(embedding_id='minilm-v2'\)"),
        (Index, {"embedding_id": 7}, r"Index\(embedding_id='minilm-v2'\)"),
        (SingleFlight, {"wait": 0}, r"wait .* SingleFlight\(wait=15\)"),
        (SingleFlight, {"pause": None}, r"pause .* SingleFlight\(pause=60\)"),
        (SingleFlight, {"lease": 0}, r"lease .* SingleFlight\(lease=2\)"),
        (Prefilter, {"embeddings": "local"}, r"prefilter=LocalEmbeddings\(\)"),
        (Prefilter, {"embeddings": Fixed(), "lost": 0}, r"Prefilter\(\.\.\., lost=0\.02\)"),
        (Prefilter, {"embeddings": Fixed(), "lost": True}, r"Prefilter\(\.\.\., lost=0\.02\)"),
        (Prefilter, {"embeddings": Fixed(), "lost": "2%"}, r"Prefilter\(\.\.\., lost=0\.02\)"),
        (Sliding, {"ttl": 0}, r"ttl=Sliding\(3600\)"),
        (Sliding, {"ttl": True}, r"ttl=Sliding\(3600\)"),
        (CompleteAnswers, {"max_temperature": "hot"}, "max_temperature=0"),
        (CompleteAnswers, {"max_temperature": -1}, "max_temperature=0"),
    ],
)
def test_nonsense(kind: Any, arguments: dict[str, Any], message: str) -> None:
    """A value that makes no sense is refused by name, with what to write."""
    with pytest.raises(ConfigurationError, match=message):
        kind(**arguments)


def test_what_makes_sense() -> None:
    """Times are seconds or a timedelta; what has no limit is None."""
    assert Limits(redis=timedelta(seconds=1), embedding=None, question_chars=None)
    assert Index(kind="flat", vector="bfloat16", create=False, embedding_id="mine")
    assert Sliding(timedelta(hours=1)) == Sliding(timedelta(hours=1))
    assert (Limits().redis, Limits().embedding) == (0.5, 2.0)


@pytest.mark.parametrize(
    "wrong", [{"share": 0}, {"share": 1.5}, {"share": True}, {"keep": 0}, {"redact": "x"}]
)
def test_recording_refused(wrong: Any) -> None:
    """What no share, number or function is, is refused with what to write instead."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Recording(**wrong)
    with pytest.raises(ConfigurationError, match=r"recording=Recording\(share=0\.05\)"):
        RedisSemanticCache(Fixed(), distance_threshold=0.1, recording=wrong)
