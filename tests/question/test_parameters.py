"""Parameters that cannot change an answer do not split the scope; all that may do, do."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from langchain_redis_semcache import ConfigurationError, Parameters
from langchain_redis_semcache.question.parameters import PLAIN
from langchain_redis_semcache.question.scope import read_model
from langchain_redis_semcache.question.way import way

OPENAI = ["langchain", "chat_models", "openai", "ChatOpenAI"]
ANTHROPIC = ["langchain", "chat_models", "anthropic", "ChatAnthropic"]


def llm(
    fields: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    kind: list[str] = OPENAI,
) -> str:
    """The llm_string of a serialisable model, as langchain-core writes it."""
    kwargs = {"model_name": "m", **(fields or {})}
    node = {"lc": 1, "type": "constructor", "id": kind, "kwargs": kwargs}
    pairs = sorted({"stop": None, **(params or {})}.items())
    return json.dumps(node, sort_keys=True) + "---" + str(pairs)


def same(one: str, two: str, declared: Parameters = PLAIN) -> bool:
    return read_model(one, declared).identity == read_model(two, declared).identity


HARMLESS: list[dict[str, Any]] = [
    {"user": "bob"},
    {"prompt_cache_key": "k"},
    {"prompt_cache_retention": "24h"},
    {"safety_identifier": "s"},
    {"store": True},
    {"metadata": {"a": "b"}},
    {"request_id": "7"},
    {"idempotency_key": "7"},
    {"stream_options": {"include_usage": True}},
    {"extra_headers": {}},
    {"extra_headers": {"X-Request-ID": "1"}},
    {"extra_headers": {"traceparent": "00-1", "User-Agent": "x", "x-correlation-id": "1"}},
    {"default_headers": {"X-Trace-Id": "1"}},
    {"extra_headers": {"X-Client-Request-Id": "1", "x-datadog-sampling-priority": "1"}},
]
TELLING: list[dict[str, Any]] = [
    {"extra_headers": {"anthropic-beta": "context-1m"}},
    {"extra_headers": {"x-portkey-config": "fast"}},
    {"extra_headers": {"X-Model-ID": "1"}},
    {"extra_headers": {"X-Session-ID": "1"}},
    {"extra_headers": "as it is"},
    {"extra_body": {"user": "bob"}},
    {"service_tier": "flex"},
    {"seed": 1},
]


@pytest.mark.parametrize("change", HARMLESS, ids=str)
def test_who_asks_and_how(change: dict[str, Any]) -> None:
    """Of a known class, what tells users and requests apart splits nothing, wherever it stands."""
    for changed in (llm(change), llm(params=change), llm({"model_kwargs": change})):
        assert same(changed, llm())


@pytest.mark.parametrize("change", TELLING, ids=str)
def test_what_may_tell(change: dict[str, Any]) -> None:
    """A header that is not known may choose the model, and so may what a gateway is sent."""
    for changed in (llm(change), llm(params=change), llm({"model_kwargs": change})):
        assert not same(changed, llm())


@pytest.mark.parametrize("change", [change for change in HARMLESS if change], ids=str)
def test_somebody_elses_class(change: dict[str, Any]) -> None:
    """In a class of somebody's own everything may tell; so it may where there is no class."""
    kind = [*OPENAI[:-1], "MyChatOpenAI"]
    assert not same(llm(change, kind=kind), llm(kind=kind))
    assert not same(llm(params=change, kind=kind), llm(kind=kind))
    assert not same(str(sorted(change.items())), "[]")


def test_a_user_is_openais() -> None:
    """What is harmless in OpenAI's interface is not known to be so in another one."""
    assert not same(llm(params={"user": "bob"}, kind=ANTHROPIC), llm(kind=ANTHROPIC))
    assert not same(llm(params={"store": True}, kind=ANTHROPIC), llm(kind=ANTHROPIC))
    assert same(llm(params={"metadata": {"user_id": "b"}}, kind=ANTHROPIC), llm(kind=ANTHROPIC))


def test_the_rest_of_headers_tells() -> None:
    """Beside a request's id, what else the headers say is compared."""
    one, two, three = (
        llm(params={"extra_headers": {"X-Request-ID": n, "x-config": config}})
        for n, config in (("1", "a"), ("2", "a"), ("1", "b"))
    )
    assert same(one, two)
    assert not same(one, three)


TRACE = Parameters(irrelevant=("trace", "extra_body.trace", "deep.er.trace"))


@pytest.mark.parametrize(
    "change",
    [
        {"trace": 1},
        {"extra_body": {"trace": 1}},
        {"deep": {"er": {"trace": 1}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [OPENAI, ["app", "Model"]], ids=str)
def test_declared(kind: list[str], change: dict[str, Any]) -> None:
    """What an application declares splits nothing, in whatever class, however deep it lies."""
    for changed in (llm(change, kind=kind), llm(params=change, kind=kind)):
        assert same(changed, llm(kind=kind), TRACE)
        assert not same(changed, llm(kind=kind))
    assert same(str(sorted({**change, "a": 1}.items())), "[('a', 1)]", TRACE)


@pytest.mark.parametrize(
    "change",
    [
        {"traces": 1},
        {"extra_body": {"traces": 1}},
        {"extra_body": "trace"},
        {"extra_body": {"trace": 1, "a": 1}},
        {"deep": {"trace": 1}},
        {"deep": {}},
    ],
    ids=str,
)
def test_declared_is_no_more_than_that(change: dict[str, Any]) -> None:
    """What stands beside a declared parameter still tells."""
    assert not same(llm(params=change), llm(), TRACE)


class Bound:
    """An object, as a parameter."""

    def __repr__(self) -> str:
        return "<app.Bound ('trace', 1)>"


def test_declared_among_objects() -> None:
    """Where objects stand among the parameters nothing is taken out: they cannot be read."""
    one, two = (llm(params={"trace": n, "z": Bound()}) for n in (1, 2))
    assert not same(one, two, TRACE)


def test_relevant() -> None:
    """What is taken for harmless tells where an application says so."""
    declared = Parameters(relevant=("user", "metadata"))
    assert not same(llm(params={"user": "a"}), llm(params={"user": "b"}), declared)
    assert not same(llm({"model_kwargs": {"metadata": 1}}), llm(), declared)
    assert same(llm(params={"store": True}), llm(), declared)


def test_long_ones_with_and_without() -> None:
    """A long llm_string is remembered for one declaration, not for another."""
    one, two = (llm({"long": "x" * 9000}, {"trace": n}) for n in (1, 2))
    assert same(one, two, TRACE)
    assert not same(one, two)


def test_declarations_do_not_mix() -> None:
    """Answers stored under one declaration are not served under another, whatever the order."""
    declared = [
        PLAIN,
        Parameters(irrelevant=["a"]),
        Parameters(irrelevant=["a", "relevant"]),
        Parameters(irrelevant=["a"], relevant=["relevant"]),
        Parameters(relevant=["a"]),
        Parameters(irrelevant=["a", "b"]),
        Parameters(irrelevant=["a.b"]),
    ]
    ways = [way("full", None, one) for one in declared]
    assert len(set(ways)) == len(ways)
    assert ways[0] == way("full", None)
    orders = [Parameters(irrelevant=names) for names in permutations(["c", "b", "a"])]
    assert len({way("full", None, one) for one in orders}) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"irrelevant": "trace"}, "irrelevant must be names"),
        ({"irrelevant": [""]}, "irrelevant must be names"),
        ({"irrelevant": ["a."]}, "irrelevant must be names"),
        ({"relevant": [5]}, "relevant must be names"),
        ({"relevant": b"a"}, "relevant must be names"),
        ({"irrelevant": ["a"], "relevant": ["a"]}, "a: either relevant or irrelevant"),
        ({"irrelevant": ["model", "tools"]}, "model, tools: the answers of one"),
    ],
    ids=str,
)
def test_nonsense(given: Any, message: str) -> None:
    """A declaration that cannot be meant is refused with what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        Parameters(**given)
