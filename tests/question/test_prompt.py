"""The question is the last human message; everything else is context, and no two are confused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_redis_semcache.question import prompt as reading
from langchain_redis_semcache.question.prompt import (
    ContextMode,
    read,
    read_with,
)
from tests.strategies import NASTY, dumped, nasty_text, plain

SYSTEM = SystemMessage("Be brief.")
ASK = HumanMessage("Capital of France?")
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


def call(call_id: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "f", "args": args, "id": call_id}])


@pytest.mark.parametrize(
    ("messages", "text", "exact_only"),
    [
        ([ASK], "Capital of France?", None),
        ([SYSTEM, ASK], "Capital of France?", None),
        ([HumanMessage("first"), AIMessage("yes"), ASK], "Capital of France?", None),
        ([HumanMessage([{"type": "text", "text": "a"}, "b"])], "a\nb", None),
        ([HumanMessage([{"type": "text", "text": "a"}, IMAGE])], "a", "non_text_content"),
        ([HumanMessage([IMAGE])], "", "non_text_content"),
        ([HumanMessage([])], "", None),
        ([ASK, call("1"), ToolMessage("4", tool_call_id="1")], ASK.content, "last_message_tool"),
        ([ASK, AIMessage("The capital is")], ASK.content, "last_message_ai"),
        ([SYSTEM], "", "last_message_system"),
        ([ASK, ChatMessage("b", role="critic")], ASK.content, "last_message_chat"),
    ],
)
def test_question(messages: list[BaseMessage], text: str, exact_only: str | None) -> None:
    """The text of the last human message is asked; all that cannot be compared is exact only."""
    question = read(dumps(messages))
    assert (question.text, question.exact_only) == (text, exact_only)


@pytest.mark.parametrize(
    ("prompt", "exact_only"),
    [
        ("Tell me a joke", None),
        ("", None),
        ("[1, 2]", None),
        ("[]", None),
        ('["lc"]', "unreadable_prompt"),
        ('[{"lc": 2, "type": "constructor", "kwargs": {}}]', "unreadable_prompt"),
        ('[{"lc": 1, "type": "constructor", "kwargs": {"type": "human"}}]', "unreadable_prompt"),
        ('[{"lc": 1, "type": "constructor", "kwargs": []}]', "unreadable_prompt"),
        ('[{"lc": 1, "type": "secret", "id": ["X"]}]', "unreadable_prompt"),
        (json.dumps(dumped(("unknown", {"content": "a"}))), "unreadable_prompt"),
        (json.dumps(dumped(("human", {"content": 1}))), "unreadable_prompt"),
        (json.dumps(dumped(("human", {"content": [1]}))), "unreadable_prompt"),
        (json.dumps(dumped(("human", {"content": "a", "type": ["x"]}))), "unreadable_prompt"),
        (json.dumps(dumped(("human", {"content": "a"})))[:-1], "unreadable_prompt"),
        ('[{"lc": 1, "lc": 1}]', "unreadable_prompt"),
        ('[{"lc": ' + "[" * 100_000, "unreadable_prompt"),
        ('{"lc": 1}', "unreadable_prompt"),
    ],
    ids=range(17),
)
def test_plain_text(prompt: str, exact_only: str | None) -> None:
    """What is no message dump is text; what resembles one is never compared by meaning."""
    question = read(prompt)
    assert (question.text, question.exact_only) == (prompt, exact_only)


SAME: list[tuple[str, list[BaseMessage], list[BaseMessage]]] = [
    ("text blocks", [HumanMessage("a")], [HumanMessage([{"type": "text", "text": "a"}])]),
    ("block ids", [HumanMessage([{"type": "text", "text": "a", "id": "1"}])], [HumanMessage("a")]),
    ("ids", [HumanMessage("a", id="1")], [HumanMessage("a", id="2")]),
    (
        "provider cache hints",
        [HumanMessage([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}])],
        [HumanMessage("a")],
    ),
    (
        "usage and run data of earlier answers",
        [AIMessage("x", response_metadata={"id": "1", "model_name": "m"}), ASK],
        [AIMessage("x", response_metadata={"created": 5, "model_name": "m"}), ASK],
    ),
    (
        "finish",
        [
            AIMessage(
                "x",
                response_metadata={"normalized_finish_reason": "stop", "finish_state": "complete"},
            ),
            ASK,
        ],
        [AIMessage("x"), ASK],
    ),
    ("only run data", [AIMessage("x", response_metadata={"id": "1"}), ASK], [AIMessage("x"), ASK]),
    (
        "random call ids",
        [call("a"), ToolMessage("4", tool_call_id="a"), ASK],
        [call("b"), ToolMessage("4", tool_call_id="b"), ASK],
    ),
    (
        "random call ids as OpenAI spells them",
        [AIMessage("", additional_kwargs={"tool_calls": [{"id": "a"}]}), ASK],
        [AIMessage("", additional_kwargs={"tool_calls": [{"id": "b"}]}), ASK],
    ),
    (
        "random call ids in content blocks",
        [AIMessage(["x", {"type": "tool_use", "id": "a"}]), ASK],
        [AIMessage(["x", {"type": "tool_use", "id": "b"}]), ASK],
    ),
    (
        "ids that LangChain draws for earlier blocks",
        [AIMessage([{"type": "file", "id": "lc_1"}]), ASK],
        [AIMessage([{"type": "file", "id": "lc_2"}]), ASK],
    ),
    (
        "ids that LangChain draws for blocks of the question",
        [HumanMessage([{"type": "file", "id": "lc_1"}])],
        [HumanMessage([{"type": "file", "id": "lc_2"}])],
    ),
    ("artifacts", [ToolMessage("4", tool_call_id="a", artifact=[1]), ASK],
     [ToolMessage("4", tool_call_id="a"), ASK]),
]  # fmt: skip
DIFFERENT: list[tuple[str, list[BaseMessage], list[BaseMessage]]] = [
    ("system prompt", [SYSTEM, ASK], [SystemMessage("Be long."), ASK]),
    ("no system prompt", [SYSTEM, ASK], [ASK]),
    ("turns", [HumanMessage("x"), AIMessage("y"), ASK], [HumanMessage("x"), AIMessage("z"), ASK]),
    ("roles", [AIMessage("x"), ASK], [SystemMessage("x"), ASK]),
    ("order", [AIMessage("x"), SYSTEM, ASK], [SYSTEM, AIMessage("x"), ASK]),
    ("names", [HumanMessage("a", name="Ann")], [HumanMessage("a", name="Bob")]),
    ("images", [HumanMessage(["a", IMAGE])], [HumanMessage(["a", {**IMAGE, "detail": "low"}])]),
    ("image or none", [HumanMessage(["a", IMAGE])], [HumanMessage("a")]),
    ("place of an image", [HumanMessage(["a", IMAGE])], [HumanMessage([IMAGE, "a"])]),
    (
        "block annotations",
        [HumanMessage([{"type": "text", "text": "a", "title": "x"}])],
        [HumanMessage([{"type": "text", "text": "a", "title": "y"}])],
    ),
    (
        "annotation or block",
        [HumanMessage([{"type": "text", "text": "a", "image": "x"}])],
        [HumanMessage([{"image": "x"}, "a"])],
    ),
    ("tool arguments", [call("a", id="1"), ASK], [call("a", id="2"), ASK]),
    (
        "which call was answered",
        [call("a"), call("b"), ToolMessage("4", tool_call_id="a"), ASK],
        [call("a"), call("b"), ToolMessage("4", tool_call_id="b"), ASK],
    ),
    ("tool results", [ToolMessage("4", tool_call_id="a"), ASK],
     [ToolMessage("5", tool_call_id="a"), ASK]),
    (
        "conversations kept by the provider",
        [AIMessage("x", response_metadata={"id": "resp_1"}), ASK],
        [AIMessage("x", response_metadata={"id": "resp_2"}), ASK],
    ),
    (
        "calls that are no objects",
        [AIMessage("", additional_kwargs={"tool_calls": ["a"]}), ASK],
        [AIMessage("", additional_kwargs={"tool_calls": ["b"]}), ASK],
    ),
    ("pending or not", [ASK, AIMessage("x")], [ASK]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [s[1:] for s in SAME], ids=[s[0] for s in SAME])
def test_same_context(one: list[BaseMessage], other: list[BaseMessage]) -> None:
    """What the model is not shown or what is drawn at random does not split the cache."""
    assert read(dumps(one)) == read(dumps(other))


@pytest.mark.parametrize(
    ("one", "other"), [d[1:] for d in DIFFERENT], ids=[d[0] for d in DIFFERENT]
)
def test_different_context(one: list[BaseMessage], other: list[BaseMessage]) -> None:
    """What the model is shown beside the question keeps entries apart."""
    assert read(dumps(one)).context != read(dumps(other)).context


@pytest.mark.parametrize(
    ("mode", "changed", "same"),
    [
        ("full", "turn", False),
        ("full", "system", False),
        ("system", "turn", True),
        ("system", "system", False),
        ("none", "turn", True),
        ("none", "system", True),
        ("none", "name", False),
    ],
)
def test_context_modes(mode: ContextMode, changed: str, same: bool) -> None:
    """The mode says which of system prompt and earlier turns must be identical."""

    def prompt(**words: str) -> str:
        return dumps(
            [
                SystemMessage(words.get("system", "s")),
                HumanMessage(words.get("turn", "t")),
                HumanMessage("q", name=words.get("name", "n")),
            ]
        )

    assert (read(prompt(), mode) == read(prompt(**{changed: "other"}), mode)) is same


def test_pending_tools_ignore_the_mode() -> None:
    """While tool results are pending the whole conversation is the question, in every mode."""
    one = dumps([HumanMessage("x"), ToolMessage("4", tool_call_id="a")])
    other = dumps([HumanMessage("y"), ToolMessage("4", tool_call_id="a")])
    assert read(one, "none").context != read(other, "none").context


# -- the usual dump, of which the last text alone is parsed ---------------------------------------

modes: st.SearchStrategy[ContextMode] = st.sampled_from(["full", "system", "none"])
MARKS = (reading._HUMAN, reading._END, json.dumps(reading._HUMAN), '{"lc": 1, ', "}}, ", "}}]", '"')
marked = st.lists(st.sampled_from([*MARKS, *NASTY]) | st.text(max_size=3), max_size=4).map("".join)
turns = st.builds(lambda kind, text: kind(text), st.sampled_from([HumanMessage, AIMessage]), marked)


def read_whole(prompt: str, mode: ContextMode) -> reading.Question | None:
    messages = reading._load(prompt)
    return None if messages is None else reading._split(messages, mode)


@given(st.lists(turns, max_size=3), marked, modes)
def test_usual_dumps(earlier: list[BaseMessage], text: str, mode: ContextMode) -> None:
    """A dump that ends in a text is read as if it had been parsed whole, whatever the text."""
    prompt = dumps([*earlier, HumanMessage(text)])
    question = reading._read_usual(prompt, mode)
    assert question is not None
    assert question == read_whole(prompt, mode)
    assert question.text == text


@given(st.lists(st.sampled_from([*MARKS, "[", "]", "{", "}", ", ", "a", "0"]), max_size=9), modes)
def test_unusual_dumps(parts: list[str], mode: ContextMode) -> None:
    """What only looks like such a dump is not read as one."""
    prompt = "".join(["[", *parts, reading._HUMAN, 'q"', reading._END])
    assert reading._read_usual(prompt, mode) == read_whole(prompt, mode)


def test_conversations_are_not_kept() -> None:
    """What is remembered of prompts is what they came to, none of their words."""
    read(dumps([SystemMessage("You are a xylophone."), ASK]))
    assert "xylophone" not in repr(vars(reading._contexts))


# -- properties ----------------------------------------------------------------------------------

roles = st.sampled_from(["human", "ai", "system", "tool", "chat", "AIMessageChunk", "developer"])
anything = st.text() | nasty_text


@given(anything)
def test_reads_any_text(prompt: str) -> None:
    """No text makes the reader raise."""
    for text in (prompt, f"[{prompt}", f"[{prompt}]", f'[{{"lc":1{prompt}}}]'):
        read(text)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            roles | plain,
            st.dictionaries(
                st.sampled_from(["", "content", "additional_kwargs", "tool_calls", "tool_call_id",
                                 "response_metadata", "type", "invalid_tool_calls"]) | anything,
                plain | st.lists(st.dictionaries(st.sampled_from(["type", "text", "id"]), plain)),
            ),
        ),
        max_size=3,
    ),
    st.sampled_from(["full", "system", "none"]),
)  # fmt: skip
def test_reads_any_json(messages: list[tuple[Any, dict[str, Any]]], mode: ContextMode) -> None:
    """No JSON of the shape of a message dump makes the reader raise."""
    for content in ({"content": ""}, {}):
        read(json.dumps(dumped(*[(r, {**content, **f}) for r, f in messages])), mode)


Simple = tuple[str, str, str]
simple = st.tuples(st.sampled_from(["human", "ai", "system"]), nasty_text, nasty_text)


def prompt_of(messages: list[Simple]) -> str:
    return json.dumps(dumped(*[(r, {"content": c, "name": n}) for r, c, n in messages]))


@st.composite
def near_identical(draw: st.DrawFn) -> tuple[list[Simple], list[Simple]]:
    """Two conversations that differ by a character, a moved boundary, a role or a swap."""
    messages = draw(st.lists(simple, min_size=1, max_size=3))
    i = draw(st.integers(0, len(messages) - 1))
    role, content, name = messages[i]
    changes: list[list[Simple]] = [
        [(role, content + draw(st.sampled_from(NASTY)), name)],
        [(role, content[:-1], name)],
        [(role, content[:-1], content[-1:] + name)],
        [(draw(st.sampled_from(["human", "ai", "system"])), content, name)],
        [(role, name, content)],
        [(role, content[:1], name), (role, content[1:], name)],
        [],
    ]
    return messages, [*messages[:i], *draw(st.sampled_from(changes)), *messages[i + 1 :]]


@given(near_identical())
def test_no_two_conversations_are_confused(pair: tuple[list[Simple], list[Simple]]) -> None:
    """Different messages differ in the question or in the context."""
    one, other = pair
    assume(one and other and prompt_of(one) != prompt_of(other))
    first, second = read(prompt_of(one)), read(prompt_of(other))
    assert (first.text, first.context) != (second.text, second.context)


def test_no_field_passes_for_a_role() -> None:
    """A field of a message cannot imitate another role, whatever its name."""
    for name in ("", "type", "role"):
        one = json.dumps(
            dumped(("ai", {"content": "x", name: "system"}), ("human", {"content": "q"}))
        )
        other = json.dumps(
            dumped(("system", {"content": "x", name: "system"}), ("human", {"content": "q"}))
        )
        if name != "type":
            assert read(one).context != read(other).context


@given(anything, anything)
def test_texts_and_dumps_are_apart(text: str, question: str) -> None:
    """A completion prompt and a chat message with the same words have different contexts."""
    assert read(text).context != read(dumps([HumanMessage(question)])).context


# -- the hook ------------------------------------------------------------------------------------


def test_hook() -> None:
    """The hook gets the messages and names the question and what must be identical."""
    seen: list[list[BaseMessage]] = []

    def hook(messages: list[BaseMessage]) -> tuple[str, str]:
        seen.append(messages)
        return "q", str(messages[0].content)

    messages = [SYSTEM, call("1"), ToolMessage("4", tool_call_id="1"), ASK]
    one = read_with(hook, dumps(messages))
    assert seen == [messages]
    assert one is not None
    assert (one.text, one.exact_only) == ("q", None)
    other = read_with(hook, dumps([SystemMessage("Other"), ASK]))
    assert other is not None
    assert one.context != other.context
    assert one == read_with(hook, dumps([SYSTEM, HumanMessage("anything")]))
    read_with(hook, "plain text")
    assert seen[-1] == [HumanMessage("plain text")]
    assert read_with(lambda _: None, dumps(messages)) is None


@pytest.mark.parametrize("answer", [(1, "x"), ("q", ["a list"]), ("q",), "q", ("q", object())])
def test_hook_returns_nonsense(answer: Any) -> None:
    """What the hook may not return is an error of type `TypeError` or `ValueError`."""
    with pytest.raises((TypeError, ValueError)):
        read_with(lambda _: answer, "text")
