"""Whatever users hold, the strings are those that LangChain hands to the cache."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.caches import BaseCache
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import (
    ConfigurableField,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
)
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from langchain_redis_semcache.flows.held import strings
from langchain_redis_semcache.models import cached
from langchain_redis_semcache.rag import keyed
from tests.lab import ASKED, MODEL


class Spy(BaseCache):
    """Notes what LangChain asks a cache."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def lookup(self, prompt: str, llm_string: str) -> None:
        self.asked.append((prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        """Keeps nothing."""

    def clear(self, **kwargs: Any) -> None:
        """Has nothing."""


MESSAGES: list[BaseMessage] = [SystemMessage("s", id="1"), HumanMessage("q", id="2")]


@pytest.mark.parametrize("bound", [{}, {"stop": ["x"]}, {"stop": ["x"], "seed": 1}], ids=str)
@pytest.mark.parametrize("kind", [FakeListChatModel, FakeListLLM])
@pytest.mark.parametrize("given", ["q", MESSAGES, ChatPromptValue(messages=MESSAGES),
                                   StringPromptValue(text="q")], ids=range(4))  # fmt: skip
def test_as_langchain_asks(given: Any, kind: Any, bound: dict[str, Any]) -> None:
    """Prompt and llm_string are those that LangChain hands to the cache."""
    spy = Spy()
    model = kind(responses=["a"], cache=spy)
    asked = model.bind(**bound) if bound else model
    asked.invoke(given)
    assert spy.asked == [strings(given, asked)]


PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
INPUT = {"question": "q", "more": 1}
DOUBLE = {"question": itemgetter("question"), "all": RunnablePassthrough()}


@pytest.mark.parametrize(
    "given",
    [
        [("system", "Be brief."), ("human", "q")],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}],
        ["q"],
        [SystemMessage("s"), ("ai", "a"), "q"],
    ],
    ids=range(4),
)
def test_messages(given: Any) -> None:
    """Tuples, role dicts and mixtures are what they are to `invoke`."""
    spy = Spy()
    model = FakeListChatModel(responses=["a"], cache=spy)
    model.invoke(given)
    assert spy.asked == [strings(given, model)]


CHAINS: dict[str, Any] = {
    "prompt": lambda model: PROMPT | model,
    "parser": lambda model: PROMPT | model | StrOutputParser(),
    "retry": lambda model: PROMPT | model.with_retry(),
    "fallbacks": lambda model: PROMPT | model.with_fallbacks([FakeListLLM(responses=["b"])]),
    "bound": lambda model: PROMPT | model.bind(stop=["x"]).with_config(tags=["t"]).bind(seed=1),
    "dict": lambda model: DOUBLE | PROMPT | model,
    "assign": lambda model: RunnablePassthrough.assign(x=itemgetter("more")) | PROMPT | model,
    "pick": lambda model: RunnablePick(["question"]) | PROMPT | model,
    "keyed": lambda model: keyed(PROMPT, identical=None) | model,
    "whole": lambda model: (PROMPT | model).with_retry(),
    "branch": lambda model: PROMPT | RunnableParallel(raw=model, all=RunnablePassthrough()),
    "field": lambda model: PROMPT | model.configurable_fields(name=ConfigurableField("n")),
    "nested": lambda model: (RunnablePassthrough() | PROMPT) | (model | StrOutputParser()),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name: str) -> None:
    """A chain that renders a prompt is explained by what it is given."""
    spy = Spy()
    chain = CHAINS[name](FakeListChatModel(responses=["a"], cache=spy))
    chain.invoke(INPUT)
    (asked,) = spy.asked
    prompt, llm_string = strings(INPUT, chain)
    if name == "keyed":  # each rendering has a name of its own
        assert prompt[:300] == asked[0][:300]
    else:
        assert prompt == asked[0]
    assert llm_string == asked[1]


def test_a_finished_prompt() -> None:
    """What comes out of a prompt may be given in place of what goes in."""
    chain = PROMPT | FakeListChatModel(responses=["a"])
    assert strings(PROMPT.invoke(INPUT), chain) == strings(INPUT, chain)


def test_a_completion_chain() -> None:
    """A prompt of text in front of a completion model is a text."""
    spy = Spy()
    chain = PromptTemplate.from_template("{question}!") | FakeListLLM(responses=["a"], cache=spy)
    chain.invoke(INPUT)
    assert spy.asked == [strings(INPUT, chain)]


class City(BaseModel):
    """A city."""

    name: str


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("raw", [False, True])
def test_structured_output(method: Any, raw: bool) -> None:
    """`with_structured_output` is followed to the model, with what it binds."""
    model = ChatOpenAI(model="gpt-4o-mini", api_key="x")  # type: ignore[arg-type]
    chain: Any = model.with_structured_output(City, method=method, include_raw=raw)
    inner = chain.first.steps__["raw"] if raw else chain.first
    assert strings("q", chain) == strings("q", inner)
    assert strings("q", chain)[1] != strings("q", model)[1]


def test_models_of_other_kinds() -> None:
    """A wrapped model, and one that is chosen at the call, are the models that they stand for."""
    model = ChatOpenAI(model="gpt-4o-mini", api_key="x")  # type: ignore[arg-type]
    chosen = init_chat_model(
        "gpt-4o-mini", model_provider="openai", configurable_fields="any", api_key="x"
    )
    plain = strings("q", model)
    assert strings("q", cached(model)) == plain
    assert strings("q", chosen) == plain


def test_strings() -> None:
    """What the cache itself is handed may be given as it is."""
    assert strings(ASKED, MODEL) == (ASKED, MODEL)
    for given in ([HumanMessage("Capital of France?")], HumanMessage("Capital of France?")):
        assert strings(given, MODEL) == (ASKED, MODEL)


def chargeable(inputs: Any) -> Any:
    raise AssertionError("nothing may be run")


@pytest.mark.parametrize("step", [RunnableLambda(chargeable), PROMPT | chargeable], ids=str)
def test_nothing_is_run(step: Runnable[Any, Any]) -> None:
    """What is more than a prompt is not run; the user is told to give what comes out of it."""
    chain = step | FakeListChatModel(responses=["a"])
    with pytest.raises(TypeError, match=r"in front of the model stands a RunnableLambda"):
        strings(INPUT, chain)


def test_agents() -> None:
    """Of an agent it is said that tools are bound, and what to give instead."""
    agent = create_agent(FakeListChatModel(responses=["a"]), [])
    for given in (agent, PROMPT | agent):
        with pytest.raises(TypeError, match=r"tools bound.*model.bind_tools\(tools\)"):
            strings("q", given)


@pytest.mark.parametrize("given", [5, None, StrOutputParser(), PROMPT | StrOutputParser()], ids=str)
def test_no_model(given: Any) -> None:
    """Anything else is a TypeError that says what to give."""
    with pytest.raises(TypeError, match=r"chat or completion model|in front of the model"):
        strings("q", given)
