"""The middleware itself: its arguments, checked, and LangChain's hooks, which hand flows over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
)
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.types import Command
from typing_extensions import override

from .. import ConfigurationError, RedisSemanticCache
from .flow import Agent, arun, run

__all__ = ["SemanticCacheMiddleware"]


class SemanticCacheMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Answer the same and the paraphrased question to an agent without its model and its tools.

    Put it last, so that it sees what the model is shown. Runs whose `response_format` is a
    `ToolStrategy` are left to the model.

    Args:
        cache: Keeps the answers, with its own namespace, tags, guards and options.
        tools: Names of the tools whose results may be repeated: an answer is stored only if every
            tool that was called for it is one of them and did not fail.
        tool_results: Names of the tools whose results are stored by themselves, for identical
            arguments.
    """

    def __init__(
        self,
        cache: RedisSemanticCache,
        tools: Iterable[str] = (),
        *,
        tool_results: Iterable[str] = (),
    ) -> None:
        super().__init__()
        if not isinstance(cache, RedisSemanticCache):
            raise ConfigurationError(
                "SemanticCacheMiddleware takes a RedisSemanticCache, e.g. "
                "SemanticCacheMiddleware(RedisSemanticCache(...), tools=('search_docs',))"
            )
        self._agent = Agent(cache, _names("tools", tools), _names("tool_results", tool_results))

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        answer: ModelResponse[Any] = run(self._agent.model_call(request), partial(handler, request))
        return answer

    @override
    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        answer: ModelResponse[Any] = await arun(
            self._agent.model_call(request), partial(handler, request)
        )
        return answer

    @override
    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        result: ToolMessage | Command[Any] = run(
            self._agent.tool_call(request), partial(handler, request)
        )
        return result

    @override
    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        result: ToolMessage | Command[Any] = await arun(
            self._agent.tool_call(request), partial(handler, request)
        )
        return result


def _names(argument: str, given: Iterable[str]) -> tuple[str, ...]:
    """Take names of tools, and refuse what would be read as something else."""
    names = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(
            f"{argument} must be names of tools, e.g. {argument}=('search_docs',)"
        )
    return tuple(map(str, names))
