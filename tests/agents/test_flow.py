"""What a middleware decides, step by step; the drivers carry it out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from langchain.agents.middleware import ModelResponse
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration
from langgraph.types import Command
from pydantic import BaseModel

from langchain_redis_semcache.agents.flow import Agent, Flow, Lookup, Proceed, Store, arun, run
from langchain_redis_semcache.events import Bypassed, Event
from tests.agents.lab import OF_STATE, QUESTION, SEARCH, a_cache, request


class City(BaseModel):
    """A city."""

    name: str


CALL: Any = {"name": "search_docs", "args": {"query": "a"}, "id": "1", "type": "tool_call"}
ASKED = AIMessage("", tool_calls=[CALL], id="a1")
FOUND = ToolMessage("Paris", tool_call_id="1", name="search_docs")
ANSWER = AIMessage("It is Paris.")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def agent(events: list[Event]) -> Agent:
    return Agent(a_cache(events), ["search_docs"], [])


def steps(flow: Flow, *replies: Any) -> tuple[list[Any], Any]:
    """Run a flow with these replies; return the steps and what it came to."""
    taken: list[Any] = []
    left = [None, *replies, *[None] * 3]
    while True:
        try:
            taken.append(flow.send(left.pop(0)))
        except StopIteration as end:
            return taken, end.value


def steps_left(flow: Flow, reply: Any) -> None:
    """Run a flow to its end."""
    with pytest.raises(StopIteration):
        flow.send(reply)


def kinds(taken: list[Any]) -> list[Any]:
    return [type(step) for step in taken]


def says(message: AIMessage) -> ModelResponse[Any]:
    return ModelResponse(result=[message])


def called(result: Any, state: Any = None) -> Any:
    """A call of the tool in a run, as a request."""
    kept = {"messages": [QUESTION, ASKED]} if state is None else state
    return SimpleNamespace(tool_call=CALL, tool=SEARCH, state=kept, result=result)


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Bypassed)]


def test_a_run(agent: Agent) -> None:
    """One lookup before the first call of the model, one store behind the last."""
    first, _ = steps(agent.model_call(request()), None, says(ASKED))
    assert kinds(first) == [Lookup, Proceed]
    noted, result = steps(agent.tool_call(called(FOUND)), FOUND)
    assert (kinds(noted), result) == ([Proceed], FOUND)
    last, _ = steps(agent.model_call(request(QUESTION, ASKED, FOUND)), says(ANSWER))
    assert kinds(last) == [Proceed, Store]
    assert last[1].words == first[0].words
    assert last[1].view is first[0].view
    again, _ = steps(agent.model_call(request(QUESTION, ASKED, FOUND)), says(ANSWER))
    assert kinds(again) == [Proceed]


def begun(agent: Agent) -> tuple[Flow, Lookup]:
    """A run whose model is being asked."""
    flow = agent.model_call(request())
    looked = next(flow)
    assert isinstance(looked, Lookup)
    assert isinstance(flow.send(None), Proceed)
    return flow, looked


@pytest.mark.parametrize("others", [None, "b1"])
def test_runs_with_one_id(agent: Agent, others: str | None) -> None:
    """What a run comes to is not stored as that of another, though clients gave both one id."""
    (own, _), (other, _) = begun(agent), begun(agent)
    steps_left(own, says(ASKED))
    if others is not None:  # it has called the same tool in the same words
        steps_left(other, says(ASKED.model_copy(update={"id": others})))
    steps(agent.tool_call(called(FOUND)), FOUND)
    last, _ = steps(agent.model_call(request(QUESTION, ASKED, FOUND)), says(ANSWER))
    assert kinds(last) == [Proceed]


def test_a_short_run_beside_another(agent: Agent) -> None:
    """A run that is over with its first call is stored as what it is, whoever has begun since."""
    (own, looked), (other, _) = begun(agent), begun(agent)
    store = own.send(says(ANSWER))
    assert isinstance(store, Store)
    assert store.view is looked.view
    steps_left(own, None)
    assert isinstance(other.send(says(ANSWER)), Store)


def test_a_hit(agent: Agent) -> None:
    """What is served is a new turn, costs nothing, and ends the run."""
    usage: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    stored = AIMessage("It is Paris.", id="old", usage_metadata=usage)
    taken, response = steps(agent.model_call(request()), [ChatGeneration(message=stored)])
    assert kinds(taken) == [Lookup]
    (message,) = response.result
    assert (message.text, message.id) == ("It is Paris.", None)
    assert message.usage_metadata["total_cost"] == 0


NAMED = ChatGeneration(message=AIMessage("It is Paris.", name="another agent"))


@pytest.mark.parametrize("found", [[], [ChatGeneration(message=ASKED)], [NAMED], "two"])
def test_no_answer_of_a_run(agent: Agent, found: Any) -> None:
    """What is not one answer in words, or another agent's, is not served."""
    found = [ChatGeneration(message=ANSWER)] * 2 if found == "two" else found
    taken, _ = steps(agent.model_call(request()), found, says(ANSWER))
    assert kinds(taken) == [Lookup, Proceed, Store]


SEARCHED: Any = {"type": "server_tool_call", "name": "web_search", "id": "2", "args": {}}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (AIMessage("", tool_calls=[{**CALL, "name": "weather"}]), "undeclared_tool"),
        (AIMessage([SEARCHED, {"type": "text", "text": "Paris"}]), "undeclared_tool"),
    ],
)
def test_an_undeclared_tool(
    agent: Agent, events: list[Event], said: AIMessage, reason: str
) -> None:
    """What another tool has had a part in is not stored, the provider's own included."""
    steps(agent.model_call(request()), None, says(said))
    if said.tool_calls:
        taken, _ = steps(agent.model_call(request(QUESTION, said)), says(ANSWER))
        assert kinds(taken) == [Proceed]
    assert reasons(events) == [reason]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (ToolMessage("no", tool_call_id="1", status="error"), "tool_failed"),
        (Command(update={"files": {}}), "tool_command"),
    ],
)
def test_a_tool_that_failed(agent: Agent, events: list[Event], result: Any, reason: str) -> None:
    """A failed tool, and one that changes the graph, end all thoughts of storing."""
    steps(agent.model_call(request()), None, says(ASKED))
    steps(agent.tool_call(called(result)), result)
    taken, _ = steps(agent.model_call(request(QUESTION, ASKED, FOUND)), says(ANSWER))
    assert kinds(taken) == [Proceed]
    assert reasons(events) == [reason]


def test_nobody_waits_for_nothing(agent: Agent) -> None:
    """Who waits for the answer of a run is let go as soon as it is known that none is stored."""
    gone: list[str] = []
    flow, looked = begun(agent)
    view: Any = looked.view
    view.let_go = lambda: gone.append("failed")
    flow.close()
    assert gone == ["failed"]
    flow, looked = begun(agent)
    view = looked.view
    view.let_go = lambda: gone.append("tool")
    steps_left(flow, says(ASKED))
    raising = agent.tool_call(called(None))
    next(raising)
    assert gone == ["failed"]
    raising.close()
    assert gone == ["failed", "tool"]
    steps(agent.tool_call(called(Command(update={}))), Command(update={}))
    assert gone == ["failed", "tool", "tool"]


@pytest.mark.parametrize("result", [None, FOUND.model_copy(update={"artifact": 1}), Command()])
def test_nobody_waits_for_a_tool(events: list[Event], result: Any) -> None:
    """Who waits for the result of a tool is let go where none is stored, or where it raises."""
    gone: list[bool] = []
    flow = Agent(a_cache(events), [], ["search_docs"]).tool_call(called(result))
    looked: Any = next(flow)
    looked.view.let_go = lambda: gone.append(True)
    flow.send(None)
    assert gone == []
    if result is None:
        flow.close()
    else:
        steps_left(flow, result)
    assert gone == [True]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (request(response_format=ToolStrategy(City)), "response_format"),
        (request(model=object()), "indistinct_model"),
        (request(tools=[{"type": "web_search"}]), "undeclared_tool"),
        (request(tools=[{"type": "function", "function": {"name": "x"}}]), "undeclared_tool"),
        (request(ANSWER), "no_question"),
        (request(HumanMessage("without an id")), "no_question"),
        (
            request(QUESTION, HumanMessage("Be brief."), state={"messages": [QUESTION]}),
            "no_question",
        ),
        (
            request(HumanMessage("sum", id="s", additional_kwargs={"lc_source": "summarization"})),
            "no_question",
        ),
        (request(tools=[object()]), "unreadable_run"),
    ],
)
def test_left_to_the_model(agent: Agent, events: list[Event], asked: Any, reason: str) -> None:
    """Where it is not certain what was asked, the model is asked and nothing is stored."""
    taken, response = steps(agent.model_call(asked), says(ANSWER))
    assert kinds(taken) == [Proceed]
    assert response.result == [ANSWER]
    assert reasons(events) == [reason]


def test_without_the_form(agent: Agent, events: list[Event]) -> None:
    """An answer that has not the form that was wanted is neither stored nor served."""
    asked = request(response_format=City)
    old = [ChatGeneration(message=ANSWER)]
    taken, _ = steps(agent.model_call(asked), old, says(ANSWER))
    assert kinds(taken) == [Lookup, Proceed]
    assert reasons(events) == ["response_format"]


def test_declared_tools_of_the_provider(events: list[Event]) -> None:
    """A tool that the provider runs is declared by its name, or else by its type."""
    agent = Agent(a_cache(events), ["web_search"], [])
    taken, _ = steps(agent.model_call(request(tools=[{"type": "web_search"}])), None, says(ANSWER))
    assert kinds(taken) == [Lookup, Proceed, Store]


def test_no_single_answer(agent: Agent, events: list[Event]) -> None:
    """An inner middleware that answers with several messages is left alone."""
    two: ModelResponse[Any] = ModelResponse(result=[ANSWER, ANSWER])
    taken, _ = steps(agent.model_call(request()), None, two)
    assert kinds(taken) == [Lookup, Proceed]


def test_results_of_tools(events: list[Event]) -> None:
    """A named tool is asked once for the same arguments; what it cannot repeat is not kept."""
    agent = Agent(a_cache(events), [], ["search_docs"])
    taken, _ = steps(agent.tool_call(called(FOUND)), None, FOUND)
    assert kinds(taken) == [Lookup, Proceed, Store]
    kept = [ChatGeneration(message=taken[2].answer)]
    taken, served = steps(agent.tool_call(called(None)), kept)
    assert kinds(taken) == [Lookup]
    assert (served.content, served.name, served.tool_call_id) == ("Paris", "search_docs", "1")
    for other in (
        FOUND.model_copy(update={"status": "error"}),
        FOUND.model_copy(update={"artifact": [1]}),
        Command(update={}),
    ):
        taken, _ = steps(agent.tool_call(called(other, state=[])), None, other)
        assert kinds(taken) == [Lookup, Proceed]
    assert reasons(events) == ["not_plain_data"]


def test_a_tool_that_is_told_more(events: list[Event]) -> None:
    """A tool whose result depends on more than the model's arguments is asked each time."""
    agent = Agent(a_cache(events), [], ["search_docs"])
    asked = called(FOUND)
    asked.tool = OF_STATE
    taken, _ = steps(agent.tool_call(asked), FOUND)
    assert kinds(taken) == [Proceed]
    assert reasons(events) == ["injected_arguments"]


async def test_drivers() -> None:
    """Both drivers do what the steps say and hand back what the flow came to."""
    asked: list[Any] = []

    class View:
        def lookup(self, *words: str) -> list[str]:
            asked.append(("lookup", *words))
            return ["found"]

        def update(self, *words: Any) -> None:
            asked.append(("update", *words[:2]))

        async def alookup(self, *words: str) -> list[str]:
            return self.lookup(*words)

        async def aupdate(self, *words: Any) -> None:
            self.update(*words)

    view: Any = View()

    def flow() -> Flow:
        found = yield Lookup(view, ("p", "m"))
        answer = yield Proceed()
        nothing = yield Store(view, ("p", "m"), ANSWER)
        return found, answer, nothing

    async def later() -> str:
        return "answer"

    def wrong() -> Any:
        raise OSError("no model")

    raising = flow()
    with pytest.raises(OSError, match="no model"):
        run(raising, wrong)
    assert raising.gi_frame is None
    raising = flow()
    with pytest.raises(OSError, match="no model"):
        await arun(raising, wrong)
    assert raising.gi_frame is None
    asked.clear()
    assert run(flow(), lambda: "answer") == (["found"], "answer", None)
    assert await arun(flow(), later) == (["found"], "answer", None)
    assert asked == [("lookup", "p", "m"), ("update", "p", "m")] * 2
