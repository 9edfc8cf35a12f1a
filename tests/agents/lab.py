"""Requests of an agent's model, as LangChain makes them, and a cache that never connects."""

from __future__ import annotations

from typing import Annotated, Any

from langchain.agents.middleware import ModelRequest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import BaseTool, tool
from langgraph.prebuilt import InjectedState

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.events import Event
from tests.lab import Fixed

QUESTION = HumanMessage("What is the capital of France?", id="q1")


@tool
def search_docs(query: str) -> str:
    """Search the documents."""
    return query


SEARCH: BaseTool = search_docs


@tool("search_docs")
def of_state(query: str, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Search the user's documents."""
    return f"{query} {state['user']}"


OF_STATE: BaseTool = of_state


def model() -> FakeListChatModel:
    return FakeListChatModel(responses=["Paris"])


def request(*messages: AnyMessage, **fields: Any) -> ModelRequest[Any]:
    """A request whose state holds what the model is shown."""
    shown = list(messages) or [QUESTION]
    given = {"model": model(), "messages": shown, "tools": [SEARCH], **fields}
    given.setdefault("state", {"messages": shown})
    return ModelRequest(**given)


def a_cache(events: list[Event]) -> RedisSemanticCache:
    return RedisSemanticCache(Fixed(), distance_threshold=0.1, listeners=[events.append])
