"""What must be identical is; what cannot change an answer does not split the cache."""

from __future__ import annotations

import ast
import json
import tracemalloc
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.schema import Schema
from langchain_redis_semcache.question.prompt import REMEMBERED_CHARS
from langchain_redis_semcache.question.scope import read_model, scope
from tests.strategies import NASTY, nasty_text

CHAT_OPENAI = ["langchain", "chat_models", "openai", "ChatOpenAI"]
FIELDS: dict[str, Any] = {
    "model_name": "gpt-4o-mini",
    "temperature": 0.2,
    "timeout": 5,
    "max_retries": 2,
    "openai_api_base": "https://a",
}
TOOL = {"type": "function", "function": {"name": "pay", "description": "Pay at 0x12 once"}}
PARAMS: dict[str, Any] = {"stop": ["at 0x12"], "tools": [TOOL], "timeout": 3}


def chat(fields: dict[str, Any] | None = None, params: dict[str, Any] | None = None) -> str:
    """The llm_string of a serialisable chat model, as langchain-core writes it."""
    node = {"lc": 1, "type": "constructor", "id": CHAT_OPENAI, "name": "ChatOpenAI"}
    kwargs = {k: v for k, v in {**FIELDS, **(fields or {})}.items() if v != "gone"}
    pairs = str(sorted({**PARAMS, **(params or {})}.items()))
    return json.dumps({**node, "kwargs": kwargs}, sort_keys=True) + "---" + pairs


def other(params: dict[str, Any] | None = None) -> str:
    """The llm_string of a completion model or a chat model that is not serialisable."""
    return str(sorted({**FIELDS, **PARAMS, **(params or {})}.items()))


HARMLESS: list[dict[str, Any]] = [
    {"timeout": 60},
    {"request_timeout": 60},
    {"max_retries": 0},
    {"name": "my model"},
    {"streaming": True},
    {"stream_usage": True},
    {"verbose": True},
    {"tags": ["a"]},
    {"metadata": {"user": 1}},
    {"callbacks": None},
    {"cache": True},
    {"disable_streaming": True},
]
TELLING: list[dict[str, Any]] = [
    {"model_name": "gpt-4o"},
    {"temperature": 0.3},
    {"openai_api_base": "https://b"},
    {"max_tokens": 100},
    {"seed": 1},
    {"top_p": 0.5},
]


@pytest.mark.parametrize("change", HARMLESS, ids=str)
def test_harmless(change: dict[str, Any]) -> None:
    """How a call of a known class is carried out does not split the cache, wherever it stands."""
    assert read_model(chat(change)).identity == read_model(chat()).identity
    assert read_model(chat(params=change)).identity == read_model(chat()).identity


@pytest.mark.parametrize("change", HARMLESS, ids=str)
def test_harmless_in_known_classes_only(change: dict[str, Any]) -> None:
    """In a class of somebody's own, whatever its base, any parameter may tell."""
    for name in (["app", "Model"], [*CHAT_OPENAI[:-1], "MyChatOpenAI"]):
        one, two = (text.replace(json.dumps(CHAT_OPENAI), json.dumps(name))
                    for text in (chat(), chat(change)))  # fmt: skip
        assert read_model(one).identity != read_model(two).identity
    assert read_model(other(change)).identity != read_model(other()).identity


@pytest.mark.parametrize("change", TELLING, ids=str)
def test_telling(change: dict[str, Any]) -> None:
    """What the model is asked for splits the cache, wherever it stands."""
    assert read_model(chat(change)).identity != read_model(chat()).identity
    assert read_model(chat(params=change)).identity != read_model(chat()).identity
    assert read_model(other(change)).identity != read_model(other()).identity


CALLS: list[dict[str, Any]] = [
    {"stop": ["at 0x13"]},
    {"stop": ["x at 0x12"]},
    {"stop": None},
    {"tools": []},
    {"tools": [{**TOOL, "function": {**TOOL["function"], "description": "Pay at 0x13 once"}}]},  # type: ignore[dict-item]
    {"tools": [{**TOOL, "function": {"name": "pay", "timeout": 5}}]},
    {"tool_choice": "pay"},
    {"response_format": {"type": "json_object"}},
    {"response_format": "<class 'app.City'>"},
]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("change", CALLS, ids=str)
def test_call_parameters(change: dict[str, Any], plain: bool) -> None:
    """Stop strings, tools and formats split the cache, even where objects stand beside them."""
    beside = {} if plain else {"z": Named("z")}
    for write in (lambda p: chat(params=p), other):
        one, two = write({**beside}), write({**beside, **change})
        assert read_model(one).identity != read_model(two).identity


class Named:
    """An object whose repr says all that it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<app.Named {self.name}>"


class Unprintable:
    """An object with the repr that every object has: two at one address, one after the other,
    cannot be told apart.
    """


def made_inside() -> type:
    class Inside:
        """A class of which there is one for every call of the function."""

    return Inside


@pytest.mark.parametrize(
    ("bound", "distinct"),
    [
        (Named("one"), True),
        (Named, True),
        (["at 0x12"], True),
        ({"a": [{"b": "<locals>"}]}, True),
        (Unprintable(), False),
        ([{"a": Unprintable()}], False),
        (made_inside(), False),
        (lambda: None, False),
    ],
    ids=range(8),
)
def test_distinct(bound: Any, distinct: bool) -> None:
    """A model is distinct where its `llm_string` shows all that is bound to it."""
    for write in (lambda p: chat(params=p), other):
        assert read_model(write({"z": bound})).distinct is distinct


@pytest.mark.parametrize(
    ("text", "distinct"),
    [
        ("anything", True),
        ("a <f at 0x7f01>", False),
        ("[('z', <f it's at 0x7f01>), ('stop', 'x')]", False),
        ("[('z', <f 'x' at 0x7f01>), ('it', <g s>)]", False),
        ("[('z', <class 'a.b.<locals>.C'>), ('stop', 'x')]", False),
        ("[('z', <f>), ('stop', 'it\\'s at 0x7f01')]", True),
        ("[('z', <f>), ('stop', [\"it's at 0x7f01\"])]", True),
    ],
    ids=range(7),
)
def test_distinct_among_objects(text: str, distinct: bool) -> None:
    """An address in a string is text, in a repr it is all that is known of an object."""
    assert read_model(text).distinct is distinct


@pytest.mark.parametrize(
    ("shown", "distinct"),
    [
        ({}, False),
        ({"repr": None}, False),
        ({"repr": "<app.Grammar object at 0x7f01>"}, False),
        ({"repr": "Grammar('digits')"}, True),
    ],
    ids=str,
)
def test_distinct_fields(shown: dict[str, Any], distinct: bool) -> None:
    """A field that LangChain cannot write down counts by its repr, where that is left."""
    hidden = {"lc": 1, "type": "not_implemented", "id": ["app", "Grammar"], **shown}
    for value in (hidden, [hidden], {"deep": {"er": [[hidden]]}}):
        assert read_model(chat({"grammar": value})).distinct is distinct
        assert read_model(chat({"http_client": value})).distinct


def test_distinct_classes() -> None:
    """Of a class of somebody's own a field that cannot be written down may be what tells."""
    hidden = {"lc": 1, "type": "not_implemented", "id": ["httpx", "Client"]}
    text = chat({"http_client": hidden}).replace("ChatOpenAI", "MyChatOpenAI")
    assert not read_model(text).distinct


@pytest.mark.parametrize("depth", [10, 900])
def test_distinct_however_deep(depth: int) -> None:
    """What is hidden deep in a field is found."""
    value: Any = {"lc": 1, "type": "not_implemented", "id": []}
    for _ in range(depth):
        value = [value]
    assert not read_model(chat({"extra_body": value})).distinct


@pytest.mark.parametrize(
    "tool",
    ["a---[b", "---[('stop', None)]", '{"a": 1}---[', "it's ---[", "[]---[]"],
)
def test_separator_inside(tool: str) -> None:
    """The separator in a parameter or in the model's own fields does not move the split."""
    one, two = chat({"suffix": tool}), chat({"suffix": tool, "timeout": 9})
    assert read_model(one).identity == read_model(two).identity
    one, two = (chat(params={"tools": [tool], "timeout": t}) for t in (1, 2))
    assert read_model(one).identity == read_model(two).identity
    assert read_model(one).identity != read_model(chat(params={"tools": [tool + " "]})).identity


@pytest.mark.parametrize(
    ("llm_string", "label"),
    [
        (chat(), "gpt-4o-mini"),
        (other(), "gpt-4o-mini"),
        (chat(params={"model": "gpt-4.1"}), "gpt-4o-mini"),
        (chat({"model_name": "gone"}, {"model": "gpt-4.1"}), "gpt-4.1"),
        (chat({"model_name": "m" * 100}), "m" * 64),
        (chat(params={"z": Unprintable()}), "gpt-4o-mini"),
        ("anything", ""),
        ("[('model', 5)]", ""),
        ("[('a',)]", ""),
        ('{"kwargs": []}---[]', ""),
        ("[1]---[]", ""),
        ("{broken---[]", ""),
        ('{"a": 1, "a": 2}---[]', ""),
        ('{"a": 1}---[] tail', ""),
        ("{1}---[]", ""),
        ("", ""),
        ("\0", ""),
        ("\ud800", ""),
        ("[" * 100_000, ""),
        ("{" * 100_000 + "---[", ""),
    ],
    ids=range(20),
)
def test_label(llm_string: str, label: str) -> None:
    """Any string is read; the label is the model's name where one is to be seen."""
    assert read_model(llm_string).label == label


@pytest.mark.parametrize(
    ("llm_string", "temperature"),
    [
        (chat(), 0.2),
        (other({"temperature": 1}), 1.0),
        (chat({"temperature": "gone"}), None),
        (chat({"temperature": "gone"}, {"temperature": 0.9}), 0.9),
        (chat({"temperature": None}), None),
        ("anything", None),
    ],
    ids=range(6),
)
def test_temperature(llm_string: str, temperature: float | None) -> None:
    """The temperature is known where it is to be seen."""
    assert read_model(llm_string).temperature == temperature


@given(st.text() | nasty_text)
def test_reads_anything(text: str) -> None:
    """No `llm_string` makes the reader raise."""
    for llm_string in (text, "{" + text, f"{{}}---[{text}", f'{{"a":"{text}"}}---[({text!r}, 1)]'):
        read_model(llm_string)


@pytest.mark.parametrize(
    "text",
    [
        "<f at 0x1> '" + "\\'" * 250_000,
        '<f at 0x1> "' + '\\"' * 250_000,
        "'\"'" * 250_000,
        "'" + "\\" * 500_001,
        '{"a": "' + "---[" * 250_000,
        '{"a": "1"}' + "---[" * 250_000,
    ],
    ids=range(6),
)
def test_reads_in_proportion(text: str) -> None:
    """Half a megabyte of quotes that are never closed, or of separators, is read all the same.

    With reading that takes the square of the length this test would take half an hour.
    """
    assert read_model(text).identity != read_model(text + "x").identity


def test_long_ones_are_not_kept() -> None:
    """Of a long `llm_string`, such as one with tools, only what it means is remembered."""
    tracemalloc.start()
    try:
        for n in range(40):
            text = other({"tools": ["x" * 200_000 + str(n)]})
            assert read_model(text) is read_model(text)
        del text
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_many_long_ones() -> None:
    """However many long ones there are, a bounded number is remembered and each is read right."""
    texts = [other({"tools": ["x" * REMEMBERED_CHARS + str(n)]}) for n in range(300)]
    identities = [read_model(text).identity for text in texts]
    assert len(set(identities)) == 300
    assert identities == [read_model(text).identity for text in texts]


# -- no two scopes are confused ------------------------------------------------------------------


class Call(NamedTuple):
    embedding: str
    namespace: str
    llm_string: str
    way: str
    context: str
    text: str


def key(call: Call) -> str:
    schema = Schema("app", call.embedding, "float32", "hnsw")
    identity = read_model(call.llm_string).identity
    eligible = scope(call.namespace, identity, call.way, call.context)
    return schema.key(eligible, call.text)


LOOK_ALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u03bf", "-": "\u2010", " ": "\u00a0"}
calls = st.tuples(*[st.one_of(nasty_text, st.sampled_from([*LOOK_ALIKES, "ab", "a b"]))] * 6)


@st.composite
def near_identical(draw: st.DrawFn) -> tuple[Call, Call]:
    """Two calls that differ by a character, a look-alike, a swap or a moved boundary."""
    call = list(draw(calls))
    i, j = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    changed = list(call)
    match draw(st.sampled_from(["append", "cut", "move", "swap", "look-alike", "escape"])):
        case "append":
            changed[i] += draw(st.sampled_from(NASTY))
        case "cut":
            changed[i] = changed[i][:-1]
        case "move":
            changed[i], changed[j] = changed[i][:-1], changed[i][-1:] + changed[j]
        case "swap":
            changed[i], changed[j] = changed[j], changed[i]
        case "look-alike":
            changed[i] = "".join(LOOK_ALIKES.get(c, c) for c in changed[i])
        case _:
            changed[i] = repr(changed[i])
    return Call(*call), Call(*changed)


@given(near_identical())
def test_no_two_calls_share_a_key(pair: tuple[Call, Call]) -> None:
    """Calls share an entry exactly if namespace, model, context, embedding and text are equal."""
    one, two = pair
    assume(" at 0x" not in one.llm_string + two.llm_string)
    assert (key(one) == key(two)) is (one == two)


def test_parsers_that_lose_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python's own parser fails for no fault of the text, the text is read again."""
    failures = [SystemError("AST constructor recursion depth mismatch")] * 3
    real = ast.literal_eval

    def evaluate(text: str) -> Any:
        if failures:
            raise failures.pop()
        return real(text)

    monkeypatch.setattr(ast, "literal_eval", evaluate)
    assert read_model("[('model', 'read-again'), ('temperature', 0.5)]").temperature == 0.5
    assert not failures
