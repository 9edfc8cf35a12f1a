"""What stands for a run: whatever can change its answer."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from langchain.tools import InjectedStore, ToolRuntime
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool, StructuredTool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from langchain_redis_semcache.agents.words import is_told_more, run_words, tool_words
from langchain_redis_semcache.question.prompt import read
from langchain_redis_semcache.question.scope import read_model
from tests.agents.lab import OF_STATE, QUESTION, SEARCH, model, request


def words(declared: tuple[str, ...] = ("search_docs",), **fields: Any) -> tuple[str, str]:
    asked = request(**fields)
    return run_words(asked, model(), asked.messages, declared)


def test_the_question() -> None:
    """The words are a prompt whose question is the user's, in a context that holds the rest."""
    prompt, llm_string = words(system_message=SystemMessage("Be brief."))
    assert read(prompt).text == QUESTION.text
    assert read(prompt).exact_only is None
    assert [node["kwargs"]["content"] for node in json.loads(prompt)] == [
        "Be brief.",
        QUESTION.text,
    ]
    assert "q1" not in prompt
    assert read_model(llm_string).distinct


class Query(BaseModel):
    """A schema that was written by hand."""

    query: str


def with_runtime(query: str, runtime: ToolRuntime[Any, Any]) -> str:
    """Search."""
    return f"{query} {runtime.state}"


def with_any_runtime(query: str, runtime: Any) -> str:
    """Search."""
    return f"{query} {runtime.state}"


def with_a_store(query: str, store: Annotated[Any, InjectedStore()] | None = None) -> str:
    """Search."""
    return f"{query} {store}"


def with_what_is_not_known(query: str, user: User) -> str:  # noqa: F821
    """Search."""
    return f"{query} {user}"


BY_JSON: Any = {"title": "x", "type": "object", "properties": {"query": {"type": "string"}}}


@pytest.mark.parametrize(
    ("tool", "more"),
    [
        (SEARCH, False),
        (StructuredTool.from_function(with_runtime, args_schema=BY_JSON), True),
        (StructuredTool.from_function(SEARCH.invoke, None, "x", "x", args_schema=BY_JSON), False),
        (StructuredTool.from_function(with_runtime), True),
        (StructuredTool.from_function(with_runtime, args_schema=Query), True),
        (StructuredTool.from_function(with_any_runtime, args_schema=Query), True),
        (StructuredTool.from_function(with_a_store, args_schema=Query), True),
        (StructuredTool.from_function(with_what_is_not_known, args_schema=Query), True),
        (OF_STATE, True),
    ],
)
def test_what_a_tool_is_told(tool: BaseTool, more: bool) -> None:
    """A tool that is given the state or the runtime is known, however its schema was made."""
    assert is_told_more(tool) is more


@pytest.mark.parametrize(
    "change",
    [
        {"system_message": SystemMessage("Be brief.")},
        {"tools": []},
        {"tools": [SEARCH, {"type": "web_search"}]},
        {"tool_choice": "any"},
        {"model_settings": {"temperature": 0.5}},
        {"declared": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_run(change: dict[str, Any]) -> None:
    """Whatever can change the answer is another run."""
    assert words(**change) != words()


def test_another_model() -> None:
    """Nor is a run of one model that of another."""
    other = FakeListChatModel(responses=["Berlin"])
    asked = request()
    assert run_words(asked, other, asked.messages, ("search_docs",)) != words()


def test_a_model_that_was_changed() -> None:
    """What a model says of itself is of now, though LangChain notes it at the first call."""
    asked = request()
    changed = ChatOpenAI(model="gpt-4o-mini", api_key=SecretStr("test"), temperature=0.1)
    before = run_words(asked, changed, asked.messages, ())
    assert run_words(asked, changed, asked.messages, ()) == before
    changed.temperature = 0.9
    assert run_words(asked, changed, asked.messages, ()) != before


def test_a_tool_call() -> None:
    """A tool's result is served for identical arguments only, in whatever order they come."""
    one, llm_string = tool_words("search_docs", {"query": "a", "k": 1}, SEARCH)
    same, _ = tool_words("search_docs", {"k": 1, "query": "a"}, SEARCH)
    other, _ = tool_words("search_docs", {"query": "a", "k": 2}, SEARCH)
    assert read(one).exact_only == "last_message_ai"
    assert read(one).context == read(same).context != read(other).context
    assert read_model(llm_string).distinct


def test_earlier_messages() -> None:
    """A conversation that went another way is another run."""
    asked = request(HumanMessage("Hello"), AIMessage("Hi"), QUESTION)
    assert run_words(asked, model(), asked.messages, ("search_docs",)) != words()
