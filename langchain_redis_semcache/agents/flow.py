"""One call of an agent's model or of one of its tools, as a generator, and its two drivers.

Rule of this module: the generators decide and do nothing; the drivers do and decide nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain.agents.middleware.types import ToolCallRequest
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation

from .. import RedisSemanticCache
from .runs import Run, Runs, let_go, question_of
from .structured import as_response, native
from .words import Words, agent_name, is_told_more, run_words, tool_words

__all__ = ["Agent", "Flow", "arun", "run"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the cache."""

    view: BaseCache
    words: Words


@dataclass(frozen=True, slots=True)
class Proceed:
    """Let the model or the tool answer."""


@dataclass(frozen=True, slots=True)
class Store:
    """Store an answer."""

    view: BaseCache
    words: Words
    answer: AIMessage


Flow: TypeAlias = Generator[Lookup | Proceed | Store, Any, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of the model that belongs to a run which may be answered from the cache."""

    question: str
    """The id of the message that asked."""
    words: Words
    since: Sequence[BaseMessage]
    """What the model is shown beyond the question: nothing in the first call of a run."""
    form: ProviderStrategy[Any] | None
    """In which the answer is wanted."""


class Agent:
    """What the middleware of one agent decides."""

    def __init__(
        self, cache: RedisSemanticCache, tools: Sequence[str], tool_results: Sequence[str]
    ) -> None:
        self._cache = cache
        self._tools = tuple(sorted(set(tools)))
        self._tool_results = frozenset(tool_results)
        self._runs = Runs()

    def model_call(self, request: ModelRequest[Any]) -> Flow:
        """Answer the first call of a run from the cache, and store what the last one says."""
        asked = self._read(request)
        if isinstance(asked, str):
            _leave(self._cache.at_call(), asked)
            return (yield Proceed())
        run = self._runs.get(asked.question)
        if not asked.since:
            # Retries of a first call begin anew: what failed has said nothing.
            view = self._cache.at_call()
            answer = _answer((yield Lookup(view, asked.words)))
            # Older LangChains do not say what the agent is called, which its messages do.
            if answer is not None and answer.name in (None, agent_name()):
                served = as_response(answer, asked.form)
                if served is not None:
                    return served
            run = self._runs.begin(asked.question, Run(view, asked.words))
        response: ModelResponse[Any] = yield from _proceeding(run)
        if run is not None:
            yield from self._heard(run, asked, response)
        return response

    def _heard(self, run: Run, asked: Asked, response: ModelResponse[Any]) -> Flow:
        """Take note of what the model says; store it where it is the end of the run."""
        run.examine(asked.words, asked.since)
        said = response.result[-1] if len(response.result) == 1 else None
        if not isinstance(said, AIMessage):
            run.object("no_answer")
            return
        run.said(said)
        if self._undeclared(said):
            run.object("undeclared_tool")
        if said.tool_calls or said.invalid_tool_calls:
            return
        if asked.form is not None and response.structured_response is None:
            run.object("response_format")
        self._runs.end(asked.question, run)
        if run.objection is None:
            yield Store(run.view, asked.words, said)
        else:
            _leave(run.view, run.objection)

    def tool_call(self, request: ToolCallRequest) -> Flow:
        """Take note of a tool's result; answer it from the cache where that was asked for."""
        call, tool = request.tool_call, request.tool
        run = self._run_of(request)
        if tool is None or call["name"] not in self._tool_results:
            return _noted(run, (yield from _proceeding(run)))
        if is_told_more(tool):
            _leave(self._cache.at_call(), "injected_arguments")
            return _noted(run, (yield from _proceeding(run)))
        words, view = tool_words(call["name"], call["args"], tool), self._cache.at_call()
        found = _answer((yield Lookup(view, words)))
        if found is not None:
            return _noted(
                run, ToolMessage(found.content, name=call["name"], tool_call_id=call["id"])
            )
        result = _noted(run, (yield from _proceeding(run, view)))
        if not isinstance(result, ToolMessage) or result.status == "error":
            let_go(view)
        elif result.artifact is None and result.content:
            yield Store(view, words, AIMessage(result.content))
        else:
            let_go(view)
            _leave(view, "not_plain_data")
        return result

    def _run_of(self, request: ToolCallRequest) -> Run | None:
        messages = request.state["messages"] if isinstance(request.state, dict) else []
        position = question_of(messages)
        return None if position is None else self._runs.get(messages[position].id)

    def _read(self, request: ModelRequest[Any]) -> Asked | str:
        """Return what was asked, or why it is left to the model."""
        model = request.model
        if isinstance(request.response_format, ToolStrategy):
            return "response_format"
        if not isinstance(model, BaseChatModel):
            return "indistinct_model"
        # The provider runs these itself, and need not say so.
        served = (_name_of(tool) for tool in request.tools if isinstance(tool, dict))
        if any(name not in self._tools for name in served):
            return "undeclared_tool"
        kept, shown = request.state["messages"], request.messages
        asked, position = question_of(kept), question_of(shown)
        if asked is None or position is None:
            return "no_question"
        question = shown[position]
        # Where somebody writes human messages behind the user's, as a summary is one.
        added = question.id != kept[asked].id or "lc_source" in question.additional_kwargs
        if question.id is None or added:
            return "no_question"
        form = None
        try:
            if request.response_format is not None:
                form = native(request.response_format)
            words = run_words(request, model, shown[: position + 1], self._tools, form)
        except (AttributeError, LookupError, NotImplementedError, TypeError, ValueError):
            # A model or a tool that cannot be put into words can still answer.
            return "unreadable_run"
        return Asked(question.id, words, shown[position + 1 :], form)

    def _undeclared(self, said: AIMessage) -> bool:
        called = [call["name"] for call in (*said.tool_calls, *said.invalid_tool_calls)]
        if isinstance(said.content, list):
            blocks: list[Any] = said.content_blocks
            called += [b.get("name") for b in blocks if b.get("type") == "server_tool_call"]
        return any(name not in self._tools for name in called)


def _noted(run: Run | None, result: Any) -> Any:
    """Have a run take note of what a tool has returned."""
    if run is not None:
        if not isinstance(result, ToolMessage):
            # It changes the state of the graph, which an answer from the cache would not.
            run.object("tool_command")
        elif result.status == "error":
            run.object("tool_failed")
        else:
            run.said(result)
    return result


def _proceeding(run: Run | None, own: BaseCache | None = None) -> Flow:
    """Let the model or the tool answer; where that raises, nobody need wait for it."""
    answered = False
    try:
        answer = yield Proceed()
        answered = True
    finally:
        for view in (None if run is None else run.view, own):
            if view is not None and not answered:
                let_go(view)
    return answer


def run(flow: Flow, proceed: Callable[[], Any]) -> Any:
    """Run a flow in this thread."""
    reply: Any = None
    with closing(flow):
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(step, Lookup):
                reply = step.view.lookup(*step.words)
            elif isinstance(step, Proceed):
                reply = proceed()
            else:
                step.view.update(*step.words, [ChatGeneration(message=step.answer)])
                reply = None


async def arun(flow: Flow, proceed: Callable[[], Awaitable[Any]]) -> Any:
    """Do as a task what `run` does."""
    reply: Any = None
    with closing(flow):
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(step, Lookup):
                reply = await step.view.alookup(*step.words)
            elif isinstance(step, Proceed):
                reply = await proceed()
            else:
                await step.view.aupdate(*step.words, [ChatGeneration(message=step.answer)])
                reply = None


def _answer(found: Sequence[Generation] | None) -> AIMessage | None:
    """Return what was found as a new turn: a thread merges messages by id."""
    if not found or len(found) != 1:
        return None
    (stored,) = found
    message = stored.message if isinstance(stored, ChatGeneration) else None
    if not isinstance(message, AIMessage) or message.tool_calls:
        return None
    changes: dict[str, Any] = {"id": None}
    if message.usage_metadata:
        changes["usage_metadata"] = {**message.usage_metadata, "total_cost": 0}
    return message.model_copy(update=changes)


def _name_of(tool: dict[str, Any]) -> Any:
    function = tool.get("function")
    named = function if isinstance(function, dict) else tool
    return named.get("name") or tool.get("type")


def _leave(view: BaseCache, reason: str) -> None:
    """Say that an answer is not stored, to the listeners of the cache."""
    tell = getattr(view, "leave", None)
    if tell is not None:
        tell(reason)
