"""What must be identical is; what cannot change an answer does not split the cache."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from langchain_redis_semcache._digest import WIDTH, digest
from langchain_redis_semcache._schema import Schema
from langchain_redis_semcache._scope import read_model, scope
from tests.strategies import NASTY, nasty_text

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
    node = {"lc": 1, "type": "constructor", "id": ["langchain", "ChatOpenAI"], "name": "ChatOpenAI"}
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
    """How a call is carried out does not split the cache, wherever it stands."""
    assert read_model(chat(change)).identity == read_model(chat()).identity
    assert read_model(chat(params=change)).identity == read_model(chat()).identity
    assert read_model(other(change)).identity == read_model(other()).identity


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
    beside = {} if plain else {"z": Unprintable()}
    for write in (lambda p: chat(params=p), other):
        one, two = write({**beside}), write({**beside, **change})
        assert read_model(one).identity != read_model(two).identity


class Unprintable:
    """An object whose repr holds its address."""

    def __repr__(self) -> str:
        return f"<app.Tool object at {hex(id(self))}>"


def test_addresses() -> None:
    """An object's address, which differs from process to process, does not split the cache."""
    one, two = Unprintable(), Unprintable()
    for write in (lambda p: chat(params=p), other):
        assert write({"z": one}) != write({"z": two})
        assert read_model(write({"z": one})).identity == read_model(write({"z": two})).identity
    assert read_model("a <f at 0x7f01>").identity == read_model("a <f at 0x7f02>").identity


@pytest.mark.parametrize("quote", ["'", '"'])
def test_addresses_in_strings(quote: str) -> None:
    """An address inside of a string literal is text, also beside escapes and other quotes."""
    for literal in (f"{quote}at 0x1 at 0x%s{quote}", f"{quote}\\{quote} at 0x%s{quote}"):
        one, two = (f"[('z', <f at 0x7>), ('stop', {literal % n})]" for n in (1, 2))
        assert read_model(one).identity != read_model(two).identity


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


# -- no two scopes are confused ------------------------------------------------------------------


class Call(NamedTuple):
    embedding: str
    namespace: str
    llm_string: str
    context: str
    text: str


def key(call: Call) -> str:
    schema = Schema("app", call.embedding, "float32", "hnsw")
    eligible = scope(
        call.embedding, call.namespace, read_model(call.llm_string).identity, call.context
    )
    return schema.key(eligible, call.text)


LOOK_ALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u03bf", "-": "\u2010", " ": "\u00a0"}
calls = st.tuples(*[st.one_of(nasty_text, st.sampled_from([*LOOK_ALIKES, "ab", "a b"]))] * 5)


@st.composite
def near_identical(draw: st.DrawFn) -> tuple[Call, Call]:
    """Two calls that differ by a character, a look-alike, a swap or a moved boundary."""
    call = list(draw(calls))
    i, j = draw(st.integers(0, 4)), draw(st.integers(0, 4))
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


@given(st.lists(nasty_text, max_size=3), st.lists(nasty_text, max_size=3))
def test_digest_is_injective(one: list[str], two: list[str]) -> None:
    """Parts have one digest exactly if they are the same parts, and it needs no escaping."""
    assert (digest(*one) == digest(*two)) is (one == two)
    assert len(digest(*one)) == WIDTH
    assert set(digest(*one)) <= set("0123456789abcdef")
    assert digest(*one, "a", "b") != digest(*one, "ab")
