"""A cache and chat models that count, and every way to ask a model, by name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain.agents import create_agent
from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, Runnable
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, Field

QUESTION = "What is the capital of France?"
TEXT = "You asked me this: What is the capital of France? And I say that it is Paris."
USAGE: Any = {"input_tokens": 7, "output_tokens": 17, "total_tokens": 24}


@dataclass
class Counted:
    """What a model and a cache were asked."""

    calls: int = 0
    lookups: int = 0
    updates: int = 0

    def take(self) -> tuple[int, int, int]:
        """Return lookups, updates and model calls, and begin anew."""
        taken = (self.lookups, self.updates, self.calls)
        self.calls = self.lookups = self.updates = 0
        return taken


@dataclass
class CountingCache(BaseCache):
    """Keeps answers in a dictionary."""

    counted: Counted = field(default_factory=Counted)
    entries: dict[tuple[str, str], Any] = field(default_factory=dict)

    def lookup(self, prompt: str, llm_string: str) -> Any:
        self.counted.lookups += 1
        return self.entries.get((prompt, llm_string))

    async def alookup(self, prompt: str, llm_string: str) -> Any:
        return self.lookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        self.counted.updates += 1
        self.entries[prompt, llm_string] = list(return_val)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Any) -> None:
        self.update(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        self.entries.clear()


class Whole(BaseChatModel):
    """A chat model that cannot stream; it calls the tool that it is offered."""

    counted: Any = Field(default_factory=Counted, exclude=True)
    temperature: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "counted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    def message(self, messages: list[BaseMessage], tools: Any) -> AIMessage:
        self.counted.calls += 1
        fields: dict[str, Any] = {
            "response_metadata": {"finish_reason": "stop", "model_name": "counted"},
            "usage_metadata": USAGE,
        }
        if tools:
            name = tools[0]["function"]["name"]
            call = {"name": name, "args": {"city": "Paris"}, "id": "call_1"}
            return AIMessage("", tool_calls=[call], **fields)
        return AIMessage(
            f"You asked me this: {messages[-1].text} And I say that it is Paris.", **fields
        )

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        message = self.message(messages, kwargs.get("tools"))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])


class Sync(Whole):
    """A chat model that streams, in threads where it is awaited."""

    def chunks(self, messages: list[BaseMessage], tools: Any) -> list[ChatGenerationChunk]:
        whole = self.message(messages, tools)
        texts = re.findall(r"\s*\S+", whole.text)
        chunks = [AIMessageChunk(text) for text in texts]
        if whole.tool_calls:
            (call,) = whole.tool_calls
            for name, args in ((call["name"], '{"city":'), (None, ' "Paris"}')):
                id_ = call["id"] if name else None
                part: Any = {"name": name, "args": args, "id": id_, "index": 0}
                chunks.append(AIMessageChunk("", tool_call_chunks=[part]))
        info = whole.response_metadata
        chunks.append(AIMessageChunk("", usage_metadata=USAGE))
        generations = [ChatGenerationChunk(message=chunk) for chunk in chunks]
        generations[-2].generation_info = info
        return generations

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        yield from self.chunks(messages, kwargs.get("tools"))


class Both(Sync):
    """A chat model that streams both ways."""

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(*args, **kwargs)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks(messages, kwargs.get("tools")):
            yield chunk


class City(BaseModel):
    """A city."""

    city: str


@tool
def look_up(city: str) -> str:
    """Look a city up."""
    return city


# -- every way to ask ---------------------------------------------------------------------------

Ask = Callable[[Any], Awaitable[Any]]
PROMPT = ChatPromptTemplate.from_messages([("human", "{question}")])


def chained(model: Any) -> Any:
    return PROMPT | model | StrOutputParser()


def graph(model: Any, how: str) -> Any:
    """A graph whose only node asks the model this way."""

    def node(state: MessagesState) -> Any:
        if how == "invoke":
            return {"messages": [model.invoke(state["messages"])]}
        return {"messages": [total(model.stream(state["messages"]))]}

    async def anode(state: MessagesState) -> Any:
        if how == "ainvoke":
            return {"messages": [await model.ainvoke(state["messages"])]}
        return {"messages": [await atotal(model.astream(state["messages"]))]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", anode if how.startswith("a") else node)
    builder.add_edge(START, "model")
    return builder.compile()


def total(stream: Any) -> Any:
    first, *rest = stream
    for chunk in rest:
        first = first + chunk
    return first


async def atotal(stream: Any) -> Any:
    return total([chunk async for chunk in stream])


STATE: Any = {"messages": [HumanMessage(QUESTION)]}
BY_CHAIN = {"question": QUESTION}


async def _list(stream: Any) -> list[Any]:
    return [one async for one in stream]


def configured(model: Any) -> Any:
    fields = model.configurable_fields(temperature=ConfigurableField(id="t"))
    return fields.with_config(configurable={"t": 0.5})


async def _v3(model: Any) -> Any:
    return await (await model.astream_events(QUESTION, version="v3")).output


async def _v3_of(graph: Any) -> Any:
    return await _list(await graph.astream_events(STATE, version="v3"))


SYNC: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda m: m.invoke(QUESTION),
    "batch": lambda m: m.batch([QUESTION]),
    "stream": lambda m: total(m.stream(QUESTION)),
    "stream_events v3": lambda m: m.stream_events(QUESTION, version="v3").output,
    "chain.invoke": lambda m: chained(m).invoke(BY_CHAIN),
    "chain.batch": lambda m: chained(m).batch([BY_CHAIN]),
    "chain.stream": lambda m: "".join(chained(m).stream(BY_CHAIN)),
    "bind.stream": lambda m: total(m.bind(stop=["never"]).stream(QUESTION)),
    "bind_tools.invoke": lambda m: m.bind_tools([look_up]).invoke(QUESTION),
    "bind_tools.stream": lambda m: total(m.bind_tools([look_up]).stream(QUESTION)),
    "structured.invoke": lambda m: m.with_structured_output(City).invoke(QUESTION),
    "structured.stream": lambda m: list(m.with_structured_output(City).stream(QUESTION))[-1:],
    "retry.invoke": lambda m: m.with_retry().invoke(QUESTION),
    "retry.stream": lambda m: total(m.with_retry().stream(QUESTION)),
    "fallbacks.invoke": lambda m: m.with_fallbacks([m]).invoke(QUESTION),
    "fallbacks.stream": lambda m: total(m.with_fallbacks([m]).stream(QUESTION)),
    "configurable.invoke": lambda m: configured(m).invoke(QUESTION),
    "configurable.stream": lambda m: total(configured(m).stream(QUESTION)),
    "with_config.stream": lambda m: total(m.with_config(tags=["t"]).stream(QUESTION)),
    "node invokes, invoke": lambda m: graph(m, "invoke").invoke(STATE),
    "node streams, invoke": lambda m: graph(m, "stream").invoke(STATE),
    "node invokes, v3": lambda m: list(graph(m, "invoke").stream_events(STATE, version="v3")),
    "node streams, v3": lambda m: list(graph(m, "stream").stream_events(STATE, version="v3")),
    "agent, v3": lambda m: list(create_agent(m, []).stream_events(STATE, version="v3")),
}
ASYNC: dict[str, Ask] = {
    "ainvoke": lambda m: m.ainvoke(QUESTION),
    "abatch": lambda m: m.abatch([QUESTION]),
    "astream": lambda m: atotal(m.astream(QUESTION)),
    "astream_events v2": lambda m: _list(m.astream_events(QUESTION, version="v2")),
    "astream_events v3": _v3,
    "astream_log": lambda m: _list(m.astream_log(QUESTION)),
    "chain.ainvoke": lambda m: chained(m).ainvoke(BY_CHAIN),
    "chain.abatch": lambda m: chained(m).abatch([BY_CHAIN]),
    "chain.astream": lambda m: _list(chained(m).astream(BY_CHAIN)),
    "chain.astream_events": lambda m: _list(chained(m).astream_events(BY_CHAIN, version="v2")),
    "chain.astream_log": lambda m: _list(chained(m).astream_log(BY_CHAIN)),
    "bind_tools.ainvoke": lambda m: m.bind_tools([look_up]).ainvoke(QUESTION),
    "bind_tools.astream": lambda m: atotal(m.bind_tools([look_up]).astream(QUESTION)),
    "structured.ainvoke": lambda m: m.with_structured_output(City).ainvoke(QUESTION),
    "structured.astream": lambda m: _list(m.with_structured_output(City).astream(QUESTION)),
    "retry.astream": lambda m: atotal(m.with_retry().astream(QUESTION)),
    "fallbacks.astream": lambda m: atotal(m.with_fallbacks([m]).astream(QUESTION)),
    "configurable.astream": lambda m: atotal(configured(m).astream(QUESTION)),
    "node invokes, ainvoke": lambda m: graph(m, "ainvoke").ainvoke(STATE),
    "node streams, ainvoke": lambda m: graph(m, "astream").ainvoke(STATE),
    "node invokes, astream_events": lambda m: _list(
        graph(m, "ainvoke").astream_events(STATE, version="v2")
    ),
}
ASYNC["node ainvokes, v3"] = lambda m: _v3_of(graph(m, "ainvoke"))
ASYNC["node astreams, v3"] = lambda m: _v3_of(graph(m, "astream"))
ASYNC["agent async, v3"] = lambda m: _v3_of(create_agent(m, []))
if not hasattr(BaseChatModel, "stream_events"):  # langchain-core has no v3 yet
    SYNC = {name: ask for name, ask in SYNC.items() if "v3" not in name}
    ASYNC = {name: ask for name, ask in ASYNC.items() if "v3" not in name}
elif CompiledStateGraph.stream_events is Runnable.stream_events:  # langgraph has none
    SYNC = {name: ask for name, ask in SYNC.items() if ", v3" not in name}
    ASYNC = {name: ask for name, ask in ASYNC.items() if ", v3" not in name}
MODES: Any = ("values", "updates", "messages", "custom", "tasks", "debug", ["messages", "updates"])


def _modes(table: dict[str, Any], name: str, ask: Callable[[Any, Any], Any]) -> None:
    for mode in MODES:
        table[f"{name}, {mode if isinstance(mode, str) else ' and '.join(mode)}"] = (
            lambda m, mode=mode: ask(m, mode)
        )


_modes(
    SYNC, "node invokes", lambda m, mode: list(graph(m, "invoke").stream(STATE, stream_mode=mode))
)
_modes(
    SYNC, "node streams", lambda m, mode: list(graph(m, "stream").stream(STATE, stream_mode=mode))
)
_modes(SYNC, "agent", lambda m, mode: list(create_agent(m, []).stream(STATE, stream_mode=mode)))
_modes(
    ASYNC,
    "node ainvokes",
    lambda m, mode: _list(graph(m, "ainvoke").astream(STATE, stream_mode=mode)),
)
_modes(
    ASYNC,
    "node astreams",
    lambda m, mode: _list(graph(m, "astream").astream(STATE, stream_mode=mode)),
)
_modes(
    ASYNC,
    "agent async",
    lambda m, mode: _list(create_agent(m, []).astream(STATE, stream_mode=mode)),
)


def as_ask(name: str) -> Ask:
    """Return the way of that name, to be awaited whichever kind it is."""
    if name in ASYNC:
        return ASYNC[name]

    async def ask(model: Any) -> Any:
        return SYNC[name](model)

    return ask


WAYS = [*SYNC, *ASYNC]
assert len(set(WAYS)) == len(WAYS)
