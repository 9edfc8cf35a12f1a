"""Answers survive storage as they were; what was tampered with builds nothing."""

from __future__ import annotations

import enum
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    HumanMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation
from pydantic import BaseModel

from langchain_redis_semcache.entry import answer
from langchain_redis_semcache.entry.answer import (
    DEPTH,
    DecodeError,
    EncodeError,
    decode,
    encode,
    has_tool_calls,
)
from langchain_redis_semcache.entry.origin import note
from langchain_redis_semcache.entry.vector import (
    pack,
)
from tests.strategies import generations, plain

CALL = {"name": "pay", "args": {"sum": 1}, "id": "c1"}


class Finish(str, enum.Enum):
    STOP = "stop"


class Partner(AIMessage):
    """A provider's own message class, with a field of its own."""

    citations: list[str] = []  # noqa: RUF012 -- pydantic copies it


class City(BaseModel):
    name: str


def chat(message: Any = None, **fields: Any) -> ChatGeneration:
    return ChatGeneration(message=message or AIMessage(**{"content": "Paris", **fields}))


@given(st.lists(generations, min_size=1, max_size=3))
def test_round_trip(answer: list[Generation]) -> None:
    """What was stored comes back equal, of equal types, in new objects."""
    decoded = decode(encode(answer))
    assert decoded == answer
    assert repr(decoded) == repr(answer)
    assert all(new is not old for new, old in zip(decoded, answer, strict=True))


@pytest.mark.parametrize(
    ("stored", "served"),
    [
        pytest.param(
            chat(Partner(content="a", citations=["x"])),
            chat(AIMessage(content="a", citations=["x"])),
            id="a partner's class comes back as AIMessage, its data kept",
        ),
        pytest.param(
            chat(AIMessageChunk(content="a", tool_call_chunks=[], chunk_position="last")),
            chat(AIMessage(content="a")),
            id="the end of a stream is a message",
        ),
        pytest.param(
            ChatGenerationChunk(message=AIMessageChunk(content="a", tool_calls=[CALL])),
            chat(AIMessage(content="a", tool_calls=[CALL])),
            id="a chunk's tool calls",
        ),
        pytest.param(
            chat(ChatMessageChunk(content="a", role="critic")),
            chat(ChatMessage(content="a", role="critic")),
            id="a chat message keeps its role",
        ),
        pytest.param(
            chat(content_blocks=[{"type": "text", "text": "a"}]),
            chat(content=[{"type": "text", "text": "a"}]),
            id="content blocks",
        ),
        pytest.param(
            chat(content="a", extra=None, more=[]),
            chat(content="a", extra=None, more=[]),
            id="fields that LangChain does not know, empty ones as well",
        ),
        pytest.param(
            chat(content="", response_metadata={"finish_reason": Finish.STOP}),
            chat(content="", response_metadata={"finish_reason": "stop"}),
            id="an enum member is the string that it is equal to",
        ),
        pytest.param(
            chat(content='{"name":"Paris"}', additional_kwargs={"parsed": City(name="Paris")}),
            chat(content='{"name":"Paris"}', additional_kwargs={"parsed": {"name": "Paris"}}),
            id="structured output as data",
        ),
        pytest.param(
            chat(content="see parsed", additional_kwargs={"parsed": City(name="Paris")}),
            chat(content="see parsed", additional_kwargs={"parsed": {"name": "Paris"}}),
            id="structured output that is not in the text",
        ),
        pytest.param(
            chat(content="[1]", additional_kwargs={"parsed": City(name="Paris")}),
            chat(content="[1]", additional_kwargs={"parsed": {"name": "Paris"}}),
            id="structured output beside other JSON",
        ),
    ],
)
def test_served_as(stored: Generation, served: Generation) -> None:
    """Classes outside of the list come back as the nearest of the list, with their data."""
    assert decode(encode([stored])) == [served]


@pytest.mark.parametrize(
    "answer",
    [
        Generation(text="a", generation_info={"at": Decimal(1)}),
        Generation(text="a", generation_info={"seen": {1, 2}}),
        Generation(text="a", generation_info={"pair": (1, 2)}),
        Generation(text="a", generation_info={"raw": b"bytes"}),
        chat(additional_kwargs={1: "a key that JSON would make a string"}),
        chat(additional_kwargs={"parsed": object()}),
        chat(HumanMessage("not an answer")),
        chat(additional_kwargs={"array": np.zeros(2)}),
        Generation(text="a", generation_info={"n": 10**5000}),
    ],
)
def test_not_encodable(answer: Generation) -> None:
    """An answer that JSON would change is refused, not stored in part."""
    with pytest.raises(EncodeError):
        encode([answer])


def test_too_deep_to_encode() -> None:
    """Data nested beyond the stack is refused."""
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"d": deep}
    answer = Generation(text="a")
    answer.generation_info = deep
    with pytest.raises(EncodeError):
        encode([answer])


@pytest.mark.parametrize("container", [lambda x: [x], lambda x: {"a": x}])
def test_depth(container: Any) -> None:
    """Data nested deeper than answers are is refused on both sides, wide data is not."""
    deep: Any = "x"
    for _ in range(DEPTH + 1):
        deep = container(deep)
    with pytest.raises(EncodeError):
        encode([chat(additional_kwargs={"deep": deep})])
    data = json.dumps({"v": 1, "generations": [{"text": "a", "info": {"deep": deep}}]})
    with pytest.raises(DecodeError, match="nested"):
        decode(data.encode())
    wide = chat(content="[{" * DEPTH, additional_kwargs={"wide": [container("x")] * DEPTH})
    assert decode(encode([wide])) == [wide]


def test_message_ids() -> None:
    """A served message has an id of its own each time; one that had none gets none."""
    data = encode([chat(id="run-1")])
    ids = {decode(data)[0].message.id for _ in range(3)}  # type: ignore[attr-defined]
    assert len(ids) == 3
    assert "run-1" not in ids
    assert decode(encode([chat()])) == [chat()]


def test_mark() -> None:
    """The mark is added to a message's metadata and replaces nothing else; plain text has none."""
    mark = {"kind": "exact"}
    answer = chat(response_metadata={"m": 1})
    (marked,) = decode(encode([answer]), mark)
    assert isinstance(marked, ChatGeneration)
    assert marked.message.response_metadata == {"m": 1, "semcache": mark}
    assert decode(encode([answer])) == [answer]
    assert decode(encode([Generation(text="a")]), mark) == [Generation(text="a")]


CLASSES = {Generation, ChatGeneration, AIMessage, ChatMessage}


def only_plain(value: object) -> bool:
    if type(value) is dict:
        return all(type(k) is str and only_plain(v) for k, v in value.items())
    if type(value) is list:
        return all(map(only_plain, value))
    # A message's text is a str subclass of LangChain's in some versions.
    return value is None or isinstance(value, (str, int, float, bool))


def decodes_safely(data: bytes) -> None:
    for mark in (None, {"kind": "exact"}):
        try:
            answer = decode(data, mark)
        except DecodeError:
            continue
        for generation in answer:
            assert type(generation) in CLASSES
            assert only_plain(generation.generation_info)
            if isinstance(generation, ChatGeneration):
                assert type(generation.message) in CLASSES
                values = {**generation.message.__dict__, **(generation.message.model_extra or {})}
                assert only_plain(values)


@given(st.binary(max_size=60))
def test_decode_bytes(data: bytes) -> None:
    """Any bytes are an answer or a `DecodeError`."""
    decodes_safely(data)


@given(st.sampled_from(["ai", "chat", "human", "", None, 1]), plain, plain, plain)
def test_decode_json(role: object, fields: object, info: object, text: object) -> None:
    """Any JSON is an answer of the closed list or a `DecodeError`."""
    for item in (
        {"role": role, "message": fields, "info": info},
        {"role": role, "message": {"content": text, "x": fields}, "info": info},
        {"text": text, "info": info},
        fields,
    ):
        decodes_safely(json.dumps({"v": 1, "generations": [item]}).encode())
    decodes_safely(json.dumps(fields).encode())


@given(generations, st.data())
def test_decode_mutated(answer: Generation, data: st.DataObject) -> None:
    """A valid entry with anything replaced is an answer of the closed list or a `DecodeError`."""
    payload = json.loads(encode([answer]).decode("utf-8", "surrogatepass"))
    node = payload
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(plain)
            break
        node = node[key]
    decodes_safely(json.dumps(payload).encode())


counts = st.integers(0, 9)
usage = st.fixed_dictionaries(
    {"input_tokens": counts, "output_tokens": counts, "total_tokens": counts},
    optional={
        "input_token_details": st.fixed_dictionaries({}, optional={"cache_read": counts}),
        "output_token_details": st.fixed_dictionaries({}, optional={"reasoning": counts | plain}),
    },
)


@given(
    st.fixed_dictionaries(
        {"content": st.text(max_size=9)},
        optional={
            "response_metadata": st.dictionaries(st.text(max_size=3), plain, max_size=3) | plain,
            "id": st.text(max_size=3) | plain,
            "usage_metadata": usage | plain,
        },
    ),
    st.none() | st.dictionaries(st.text(max_size=3), plain, max_size=2) | plain,
)
def test_unvalidated(fields: dict[str, Any], info: Any) -> None:
    """What is built without the validators is what these would have built."""
    data = json.dumps({"v": 1, "generations": [{"role": "ai", "message": fields, "info": info}]})
    try:
        [found] = decode(data.encode())
    except DecodeError:
        found = None
    try:
        expected = ChatGeneration(message=AIMessage(**fields), generation_info=info)
    except ValueError:
        assert found is None
        return
    assert isinstance(found, ChatGeneration)
    if isinstance(fields.get("id"), str):
        expected.message.id = found.message.id  # a fresh one each time
    assert found == expected
    assert json.loads(dumps(found)) == json.loads(dumps(expected))
    again = decode(data.encode())[0]
    assert isinstance(again, ChatGeneration)
    for name in ("additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls"):
        assert getattr(found.message, name) is not getattr(again.message, name)
    assert found.model_fields_set == expected.model_fields_set
    assert found.message.model_fields_set == expected.message.model_fields_set


def test_nothing_is_shared() -> None:
    """What LangChain gives every message of its own, a message built as a copy has of its own."""
    mutable = {name for name, value in answer._BLANK.items() if isinstance(value, (list, dict))}
    assert mutable == set(answer._empty())


def test_marks_are_not_shared() -> None:
    """Two generations of one hit can be changed one by one."""
    one, two = (
        generation.message.response_metadata["semcache"]
        for generation in decode(encode([chat(), chat()]), {"kind": "exact"})
        if isinstance(generation, ChatGeneration)
    )
    assert one == two
    assert one is not two


@pytest.mark.parametrize("zero", [False, True])
def test_marks_are_never_stored(zero: bool) -> None:
    """What was served once and is stored again, elsewhere, is stored as it was at first."""
    answer = chat(
        response_metadata={"token_usage": {"total_tokens": 3}},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    )
    stored = encode([answer])
    served = decode(stored, {"kind": "exact", "entry": "k"}, zero)
    assert encode(served) == stored
    plain = chat()
    stored = encode([plain])
    note([plain], {"kind": "stored"})
    assert encode([plain]) == stored


def test_strict_arithmetic() -> None:
    """An application that has numpy raise at every overflow may store vectors as well."""
    with np.errstate(all="raise"):
        assert len(pack([1e30] * 8)) == len(pack([1e-23, 1.0] * 4)) == 32


ESCAPES: list[dict[str, Any]] = [
    {"role": "ai", "message": {"content": "a", "type": "human"}},
    {"role": "ai", "message": {"content": "a", "content_blocks": []}},
    {"role": "ai", "message": {"content": "a", "self": 1}},
    {"role": "ai", "message": {"content": [["nested"]]}},
    {"role": "human", "message": {"content": "a"}},
    {"role": "tool", "message": {"content": "a", "tool_call_id": "1"}},
    {"role": ["ai"], "message": {"content": "a"}},
    {"role": "ai", "message": {}},
    {"role": "ai", "message": []},
    {"text": 1},
    {"text": None},
    {},
    {"role": "ai", "message": {"content": "a"}, "info": []},
]


@pytest.mark.parametrize("item", [*ESCAPES, [], "text", None])
def test_tampered(item: object) -> None:
    """An item that is not exactly as it is written is refused."""
    with pytest.raises(DecodeError):
        decode(json.dumps({"v": 1, "generations": [item]}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        b'{"v":2,"generations":[{"text":"a"}]}',
        b'{"v":1,"generations":[]}',
        b'{"v":1,"generations":{"0":1}}',
        b"[" * 200_000,
        encode([Generation(text="a" * 1000)])[:-1],
    ],
    ids=range(10),
)
def test_corrupt(data: bytes) -> None:
    """Truncated, foreign, empty and bottomless data is a `DecodeError` without the data in it."""
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert len(str(caught.value)) < 40


def test_constructor_json_stays_data() -> None:
    """LangChain's constructor notation inside of an answer is left as it is."""
    secret = {"lc": 1, "type": "secret", "id": ["PATH"]}
    answer = chat(additional_kwargs={"x": secret}, response_metadata=secret)
    assert decode(encode([answer])) == [answer]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Generation(text="a"), False),
        (chat(), False),
        (chat(tool_calls=[CALL]), True),
        (chat(invalid_tool_calls=[{"name": "f", "args": "{", "id": None, "error": None}]), True),
        (chat(additional_kwargs={"function_call": {"name": "f"}}), True),
        (chat(ChatMessage(content="", role="a", additional_kwargs={"tool_calls": [1]})), True),
        (chat(additional_kwargs={"tool_calls": []}), False),
    ],
)
def test_has_tool_calls(answer: Generation, expected: bool) -> None:
    """Every way in which an answer can ask for an action counts."""
    assert has_tool_calls([Generation(text="first"), answer]) is expected
