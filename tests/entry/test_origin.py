"""Marks say where an answer came from, and leave what they are put on as it was."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache.entry.origin import mark_of, marked, note, tokens, unmarked

USAGE = {
    "input_tokens": 1,
    "output_tokens": 2,
    "total_tokens": 3,
    "input_token_details": {"cache_read": 1},
}
METADATA = {
    "token_usage": {"total_tokens": 3, "details": {"reasoning": 2, "known": True}},
    "usage": {"input_tokens": 1, "service_tier": "standard"},
    "eval_count": 5,
    "model_name": "m",
    "top_k": 40,
}


def served(fields: dict[str, Any], zero: bool, mark: Any) -> dict[str, Any]:
    copy = {**fields}
    marked(copy, mark, zero)
    return copy


def test_marked() -> None:
    """A mark stands beside the model's own metadata."""
    mark = {"kind": "exact"}
    assert served({"content": "a"}, False, mark)["response_metadata"] == {"semcache": mark}
    both = served({"response_metadata": METADATA}, False, mark)["response_metadata"]
    assert both == {**METADATA, "semcache": mark}


def test_no_tokens() -> None:
    """Whoever counts tokens finds none; what was counted once is in the mark."""
    fields = {"usage_metadata": USAGE, "response_metadata": METADATA}
    free = served(fields, True, {"kind": "exact"})
    mark = free["response_metadata"].pop("semcache")
    assert free == {
        "usage_metadata": {
            "input_tokens": 0,
            "output_tokens": 0,
            "total_tokens": 0,
            "input_token_details": {"cache_read": 0},
        },
        "response_metadata": {
            "token_usage": {"total_tokens": 0, "details": {"reasoning": 0, "known": True}},
            "usage": {"input_tokens": 0, "service_tier": "standard"},
            "eval_count": 0,
            "model_name": "m",
            "top_k": 40,
        },
    }
    assert mark["usage"]["usage_metadata"] == USAGE
    assert mark["usage"]["response_metadata"] == {
        name: METADATA[name] for name in ("token_usage", "usage", "eval_count")
    }


def test_nothing_counted() -> None:
    """Where nothing was counted there is no original to keep; without marks none is kept."""
    assert served({}, True, {"a": 1}) == {"response_metadata": {"semcache": {"a": 1}}}
    assert served({"content": "a"}, True, None) == {"content": "a"}
    assert served({"usage_metadata": USAGE}, True, None)["usage_metadata"]["total_tokens"] == 0


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"content": "a", "response_metadata": {}},
        {"content": "a", "response_metadata": METADATA},
        {"content": "a", "response_metadata": METADATA, "usage_metadata": USAGE},
    ],
    ids=range(3),
)
def test_unmarked(fields: dict[str, Any], zero: bool) -> None:
    """What was marked is what it was, once the mark is off."""
    assert unmarked(served(fields, zero, {"kind": "exact"})) == fields


@pytest.mark.parametrize("mark", ["x", None, {"usage": 5}, {"usage": {"response_metadata": 5}}])
def test_forged_marks(mark: Any) -> None:
    """Whatever stands in the place of a mark goes."""
    assert unmarked({"response_metadata": {"semcache": mark}}) == {"response_metadata": {}}


def test_note() -> None:
    """The messages that an application holds are marked, each by itself; plain text is not."""
    message = AIMessage("a", response_metadata={"m": 1})
    answers = [ChatGeneration(message=message), Generation(text="b")]
    mark = {"kind": "stored"}
    note(answers, mark)
    assert mark_of(message.response_metadata) == mark
    assert mark_of(message.response_metadata) is not mark
    assert message.response_metadata["m"] == 1
    assert answers[1] == Generation(text="b")


@pytest.mark.parametrize("metadata", [None, {}, {"semcache": "x"}, 5])
def test_no_mark(metadata: Any) -> None:
    """What has no mark has none, whatever it is."""
    assert mark_of(metadata) is None


COUNTED = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def message(**fields: Any) -> list[Any]:
    return [ChatGeneration(message=AIMessage("So.", **fields))]


def test_tokens() -> None:
    """The tokens of an answer are known, those of a message that is to report none as well."""
    expected = (10, 20)
    assert tokens(message(usage_metadata=COUNTED)) == expected
    zero = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    mark = {"semcache": {"usage": {"usage_metadata": COUNTED}}}
    assert tokens(message(usage_metadata=zero, response_metadata=mark)) == expected


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [Generation(text="So.")],
        message(),
        message(response_metadata={"semcache": {"usage": 5}}),
        message(response_metadata={"semcache": {"usage": {"usage_metadata": [1]}}}),
        message(
            response_metadata={"semcache": {"usage": {"usage_metadata": {"input_tokens": -1}}}}
        ),
    ],
)
def test_no_tokens_counted(answer: Any) -> None:
    """Where nothing was counted, or somebody else wrote it, there are none."""
    assert tokens(answer) == (0, 0)
