"""A keyed prompt renders what the prompt renders, and says what of it is the question."""

from __future__ import annotations

import logging
import threading
from itertools import count
from typing import Any

import pytest
from langchain_core.example_selectors import BaseExampleSelector
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import (
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    PromptTemplate,
)

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache.question.prompt import Question, read
from langchain_redis_semcache.rag import keyed

IN_HUMAN = ChatPromptTemplate.from_messages(
    [("system", "Be {style}."), ("placeholder", "{history}"), ("human", "{context}\n{question}")]
)
IN_SYSTEM = ChatPromptTemplate.from_messages(
    [("system", "Be {style}. {context}"), ("placeholder", "{history}"), ("human", "{question}")]
)
INPUTS: dict[str, Any] = {
    "style": "brief",
    "context": "Paris is big.",
    "question": "Capital of France?",
    "version": 1,
    "ids": ["doc1", "doc2"],
}


def a_prompt(prompt: Any = IN_HUMAN, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "documents": "context",
        "identical": lambda inputs: inputs["version"],
        "tags": lambda inputs: inputs["ids"],
        **changes,
    }
    return keyed(prompt, **arguments)


def asked(prompt: Any, **changes: Any) -> Question:
    return read(dumps(prompt.invoke({**INPUTS, **changes}).to_messages()))


@pytest.mark.parametrize("template", [IN_HUMAN, IN_SYSTEM], ids=["human", "system"])
def test_scope(template: Any) -> None:
    """Documents do not matter, wherever they stand; the rest of the prompt and `identical` do."""
    prompt = a_prompt(template)
    one = asked(prompt)
    assert (one.text, one.exact_only, one.tags) == ("Capital of France?", None, ("doc1", "doc2"))
    other = asked(prompt, context="Berlin is bigger.", question="Biggest city?", ids=["doc3"])
    assert (other.text, other.context, other.tags) == ("Biggest city?", one.context, ("doc3",))
    for changes in (
        {"style": "kind"},
        {"version": 2},
        {"history": [HumanMessage("Hello"), AIMessage("Hi")]},
    ):
        assert asked(prompt, **changes).context != one.context
    assert asked(a_prompt(template, documents=())).context != one.context


def test_overlap() -> None:
    """How much of the documents must be the same is no part of the scope, and is known."""
    plain, strict = asked(a_prompt()), asked(a_prompt(overlap=0.5))
    assert (plain.overlap, strict.overlap) == (None, 0.5)
    assert plain.context == strict.context


def test_documents_that_count() -> None:
    """Without `documents=` what was retrieved must be identical."""
    prompt = a_prompt(documents=())
    assert asked(prompt).context != asked(prompt, context="Other").context
    assert asked(prompt).context == asked(prompt, question="Another?").context


async def test_what_the_model_is_shown() -> None:
    """Texts stay as they are, sync and async, in a batch and for a bare question."""
    plain = IN_HUMAN.invoke(INPUTS).to_messages()
    prompt = a_prompt()
    for value in (prompt.invoke(INPUTS), await prompt.ainvoke(INPUTS), prompt.batch([INPUTS])[0]):
        assert [message.content for message in value.to_messages()] == [m.content for m in plain]
    bare = keyed(ChatPromptTemplate.from_template("Q: {question}"), identical=None)
    assert bare.invoke("Why?").to_string() == "Human: Q: Why?"
    assert read(dumps(bare.invoke("Why?").to_messages())).text == "Why?"
    assert prompt.get_input_schema() is not None


def test_a_prompt_that_ends_otherwise() -> None:
    """Where the last message is no human one there is nothing to mark."""
    prompt = ChatPromptTemplate.from_messages([("human", "{question}"), ("ai", "It is")])
    value = keyed(prompt, identical=None).invoke({"question": "Why?"})
    assert value == prompt.invoke({"question": "Why?"})


def wrong(_: Any) -> Any:
    raise KeyError("secret")


@pytest.mark.parametrize(
    "changes",
    [
        {"identical": wrong},
        {"identical": lambda _: ["a list"]},
        {"tags": wrong},
        {"tags": lambda _: [""]},
        {"tags": lambda _: 5},
    ],
)
def test_functions_that_fail(changes: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The application's call goes on, served to an identical one at most; no text is logged."""
    with caplog.at_level(logging.WARNING):
        one = asked(a_prompt(**changes))
    assert (one.text, one.exact_only) == ("Paris is big.\nCapital of France?", "unsealed_question")
    (record,) = caplog.records
    assert record.__dict__["semcache_event"] == "KeyedFailed"
    assert "secret" not in caplog.text


class ByQuestion(BaseExampleSelector):
    """Shows other examples to other questions, and notes in which threads it was asked."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def add_example(self, example: dict[str, str]) -> None:
        raise NotImplementedError

    def select_examples(self, input_variables: dict[str, str]) -> list[dict[str, Any]]:
        self.threads.add(threading.get_ident())
        return [{"says": "Law." if "law" in input_variables["question"] else "Sales."}]

    async def aselect_examples(self, input_variables: dict[str, str]) -> list[dict[str, Any]]:
        return [{"says": "Law." if "law" in input_variables["question"] else "Sales."}]


def with_examples(selector: BaseExampleSelector) -> ChatPromptTemplate:
    example = ChatPromptTemplate.from_messages([("ai", "{says}")])
    shots: Any = FewShotChatMessagePromptTemplate(
        example_selector=selector, input_variables=["question"], example_prompt=example
    )
    return ChatPromptTemplate.from_messages([shots, ("human", "{question}")])


async def test_a_prompt_that_the_question_decides() -> None:
    """Where more than its own place depends on the question, it is not compared by meaning."""
    selector = ByQuestion()
    prompt = keyed(with_examples(selector), identical=None)
    assert asked(prompt, question="a law?").exact_only == "unsealed_question"
    assert asked(prompt, question="a price?").exact_only is None
    selector.threads.clear()
    value = await prompt.ainvoke({"question": "a law?"})
    assert read(dumps(value.to_messages())).exact_only == "unsealed_question"
    assert threading.get_ident() not in selector.threads


def test_a_prompt_that_is_another_each_time() -> None:
    """What a function draws anew at each call is not taken for what the model was shown."""
    drawn = count()
    template = ChatPromptTemplate.from_messages([("system", "{mood}"), ("human", "{question}")])
    prompt = keyed(template.partial(mood=lambda: f"Be {next(drawn)}."), identical=None)
    assert asked(prompt).exact_only == "unsealed_question"


@pytest.mark.parametrize("template", ["{{{question}}}", "{{question}}"])
def test_mustache(template: str) -> None:
    """A question that a template writes in its own way is compared by meaning as well."""
    prompt = keyed(
        ChatPromptTemplate.from_messages([("human", template)], template_format="mustache"),
        identical=None,
    )
    assert asked(prompt, question='Is "a" < b & c > d?').exact_only is None


def test_blocks() -> None:
    """The question may stand in a block of a message."""
    block = [{"type": "text", "text": "Q: {question}"}]
    prompt = keyed(ChatPromptTemplate.from_messages([("human", block)]), identical=None)
    assert (asked(prompt).text, asked(prompt).exact_only) == ("Capital of France?", None)


def test_a_question_that_is_no_text() -> None:
    """What is no str is not compared by meaning."""
    assert asked(a_prompt(), question=5).exact_only == "unsealed_question"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": PromptTemplate.from_template("{question}")}, "takes a chat prompt"),
        ({"question": "query"}, "variables of the prompt's texts .*context, question, style"),
        ({"documents": "docs"}, "not 'docs'"),
        ({"documents": ("context", "history")}, "not 'history'"),
        ({"identical": "v1"}, "identical=lambda"),
        ({"tags": ["doc1"]}, "tags=lambda"),
        ({"overlap": 0}, "overlap=0.5"),
        ({"overlap": 1.5}, "overlap=0.5"),
        ({"overlap": True}, "overlap=0.5"),
        ({"overlap": "half"}, "overlap=0.5"),
        ({"overlap": 0.5, "tags": None}, "tags=lambda"),
    ],
)
def test_nonsense(arguments: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused, with what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        a_prompt(**{"prompt": IN_HUMAN, **arguments})
