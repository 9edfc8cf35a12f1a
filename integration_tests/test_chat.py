"""LangChain itself: chains, batches, graphs and agents through the real OpenAI clients."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint, calls_tool, offline_tokens
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    GERMANY,
    UNRELATED,
    Parrot,
    Way,
    chat_openai,
    healthy,
    openai_embeddings,
    parroted,
    verdicts,
    weather,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import LocalEmbeddings
from langchain_redis_semcache.events import Event

PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])


@pytest.fixture(autouse=True)
def nothing_fails(events: list[Event]) -> Any:
    yield
    assert healthy(events)


@pytest.mark.parametrize("globally", [True, False], ids=["set_llm_cache", "per-model"])
async def test_a_chain(
    do: Way,
    make_cache: MakeCache,
    switched_on: Any,
    endpoint: OpenAIEndpoint,
    events: list[Event],
    globally: bool,
) -> None:
    """`prompt | model | parser` is served reworded questions, model and embedder over HTTP."""
    endpoint.embed = LocalEmbeddings().embed_query
    cache = make_cache(embeddings=openai_embeddings(endpoint))
    model = chat_openai(endpoint, cache=None if globally else cache)
    if globally:
        switched_on(cache)
    chain = PROMPT | model | StrOutputParser()
    questions = [FRANCE, FRANCE_REWORDED, GERMANY, "How do I reverse a string in Python?", FRANCE]
    answers = [await do(chain.invoke, {"question": question}) for question in questions]
    assert answers == [f"gpt-4o-mini answers: {q}" for q in (FRANCE, FRANCE, *questions[2:])]
    assert verdicts(events) == ["no_candidate", "semantic", "distance", "distance", "exact"]
    assert endpoint.questions == [FRANCE, GERMANY, questions[3]]
    assert endpoint.embedded == questions[:4]


async def test_openais_embeddings_as_they_are(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """OpenAIEmbeddings with its defaults, which sends token arrays, works as well."""
    endpoint.embed = LocalEmbeddings().embed_query
    with offline_tokens():
        embeddings = openai_embeddings(endpoint, check_embedding_ctx_length=True)
        model = chat_openai(endpoint, cache=make_cache(embeddings=embeddings))
        for question in (FRANCE, FRANCE_REWORDED):
            assert (await do(model.invoke, question)).text == f"gpt-4o-mini answers: {FRANCE}"
    assert isinstance(endpoint.embeddings[0]["input"][0], list)
    assert endpoint.embedded == [FRANCE, FRANCE_REWORDED]
    assert verdicts(events) == ["no_candidate", "semantic"]


async def test_a_model_without_the_cache(
    do: Way, cache: Any, switched_on: Any, endpoint: OpenAIEndpoint
) -> None:
    """`cache=False` keeps a model out of the global cache."""
    switched_on(cache)
    for _ in range(2):
        await do(chat_openai(endpoint, cache=False).invoke, FRANCE)
    assert len(endpoint.chats) == 2
    assert cache.stats.lookups == 0


async def test_a_completion_model(do: Way, cache: Any) -> None:
    """Completion models ask in plain text, several prompts in one call."""
    model = FakeListLLM(responses=["Paris", "Berlin", "never"], cache=cache)
    assert await do(model.invoke, FRANCE) == "Paris"
    assert await do(model.batch, [FRANCE_REWORDED, GERMANY]) == ["Paris", "Berlin"]
    assert await do(model.batch, [GERMANY, FRANCE]) == ["Berlin", "Paris"]


async def test_batches(do: Way, cache: Any, endpoint: OpenAIEndpoint) -> None:
    """`batch` and `abatch` give every question its own answer, in order, twice."""
    model = chat_openai(endpoint, cache=cache)
    for _ in range(2):
        answers = await do(model.batch, UNRELATED)
        assert [a.text for a in answers] == [f"gpt-4o-mini answers: {q}" for q in UNRELATED]
    assert sorted(endpoint.questions) == sorted(UNRELATED)


async def test_a_stream_is_not_cached(do: Way, cache: Any, endpoint: OpenAIEndpoint) -> None:
    """`stream` never asks the cache, unless `disable_streaming` sends it through `invoke`."""
    for disabled, calls in ((False, 2), (True, 1)):
        model = chat_openai(endpoint, cache=cache, disable_streaming=disabled, temperature=disabled)
        endpoint.chats.clear()
        for _ in range(2):
            if do.is_async:
                chunks = [chunk async for chunk in model.astream(FRANCE)]
            else:
                chunks = list(model.stream(FRANCE))
            assert "".join(chunk.text for chunk in chunks) == f"gpt-4o-mini answers: {FRANCE}"
        assert len(endpoint.chats) == calls


@pytest.mark.parametrize("context", ["full", "system", "none"])
async def test_asking_twice_in_one_thread(
    do: Way, make_cache: MakeCache, model: Parrot, context: str
) -> None:
    """Asking twice in one LangGraph thread leaves four messages, each with an id of its own."""
    model.cache = make_cache(context=context)

    async def acall(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", acall if do.is_async else call)
    builder.add_edge(START, "model")
    graph = builder.compile(checkpointer=InMemorySaver())
    threads: list[Any] = [{"configurable": {"thread_id": thread}} for thread in ("1", "2")]
    for config in threads:
        for turn in (1, 2):
            state = await do(graph.invoke, {"messages": [HumanMessage(FRANCE)]}, config)
            assert len(state["messages"]) == 2 * turn
        assert len({message.id for message in state["messages"]}) == 4
    # With all of the context the second question is another one, in both threads the same.
    assert len(model.calls) == (2 if context == "full" else 1)


async def test_an_agent_with_a_tool(
    do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """An agent's second run costs no chat call and runs its tool again with the same arguments."""
    endpoint.answer = calls_tool("weather", {"city": "Paris"})
    agent = create_agent(chat_openai(endpoint, cache=cache), [weather], system_prompt="Be brief.")
    runs = []
    for _ in range(2):
        state = await do(agent.invoke, {"messages": [HumanMessage("Umbrella in Paris?")]})
        runs.append(state["messages"])
    assert len(endpoint.chats) == 2
    for messages in runs:
        assert [type(m) for m in messages] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
        assert messages[1].tool_calls[0]["args"] == {"city": "Paris"}
        assert messages[-1].text.endswith("(tool said: sunny in Paris)")
    assert not {m.id for m in runs[0]} & {m.id for m in runs[1]}
    assert verdicts(events) == ["no_candidate", "exact_only", "exact", "exact"]


async def test_an_agent_asked_in_other_words(do: Way, cache: Any, endpoint: OpenAIEndpoint) -> None:
    """A paraphrase makes the agent's model decide anew: no action is taken from the cache."""
    endpoint.answer = calls_tool("weather", {"city": "Paris"})
    agent = create_agent(chat_openai(endpoint, cache=cache), [weather])
    for question in (FRANCE, FRANCE_REWORDED):
        await do(agent.invoke, {"messages": [HumanMessage(question)]})
    assert len(endpoint.chats) == 4


async def test_an_agent_that_remembers(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint
) -> None:
    """In one checkpointed thread a repeated question keeps every turn of the conversation."""
    model = chat_openai(endpoint, cache=make_cache(context="system"))
    agent = create_agent(model, [], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for turn in (1, 2, 3):
        state = await do(agent.invoke, {"messages": [HumanMessage(FRANCE)]}, config)
        assert len(state["messages"]) == 2 * turn
    assert len(endpoint.chats) == 1


async def test_hits_are_marked_in_a_chain(
    do: Way, cache: RedisSemanticCache, model: Parrot, switched_on: Any
) -> None:
    """Marks reach the application, and a marked turn is the same context as one without."""
    switched_on(cache)
    fresh, served = await do(model.invoke, FRANCE), await do(model.invoke, FRANCE)
    marks = [one.response_metadata["semcache"] for one in (fresh, served)]
    assert [mark["kind"] for mark in marks] == ["stored", "exact"]
    assert marks[0]["entry"] == marks[1]["entry"]
    plain = AIMessage(fresh.text)
    for answer in (fresh, served, plain, served):
        served = await do(model.invoke, [HumanMessage(FRANCE), answer, HumanMessage("And then?")])
        assert served.text == parroted("And then?", FRANCE, parroted(FRANCE))
    assert model.calls == [FRANCE, "And then?"]
