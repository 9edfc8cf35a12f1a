"""Answer whole runs of an agent from the cache: no call of its model, none of its tools.

Needs nothing but the `embedded` and `agents` extras: server and embeddings come from wheels,
and the model is a small stand-in that calls the tool it finds and repeats what the tool says.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.agents import SemanticCacheMiddleware
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings

PASSWORD = "How do I reset my password?"
REWORDED = "How can I reset my password?"
ORDER = "Where is my order?"
calls = {"model": 0, "tools": 0}


@tool
def search_docs(query: str) -> str:
    """Search the handbook."""
    calls["tools"] += 1
    return "To reset your password open Settings, then Security."


@tool
def order_status(query: str) -> str:
    """Look up the customer's order: nobody else's business, and different tomorrow."""
    calls["tools"] += 1
    return f"Your order is {'packed' if calls['tools'] < 3 else 'on its way'}."


class StandIn(BaseChatModel):
    """Calls a tool when the user has spoken, and says what it said."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        calls["model"] += 1
        last = messages[-1]
        answer = AIMessage(f"{last.text} [from a stand-in, not from a model]")
        if not isinstance(last, ToolMessage):
            name = "order_status" if "order" in last.text else "search_docs"
            call: Any = {"name": name, "args": {"query": last.text}, "id": f"call_{calls['model']}"}
            answer = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=answer)])


def main() -> None:
    with (
        EmbeddedRedis() as server,
        RedisSemanticCache(LocalEmbeddings(), server.url, ttl=86400) as cache,
    ):
        agent = create_agent(
            StandIn(),
            [search_docs, order_status],
            # The orders are not declared: an answer that needed them is never stored.
            middleware=[SemanticCacheMiddleware(cache, tools=("search_docs",))],
            checkpointer=InMemorySaver(),
        )
        for number, question in enumerate((PASSWORD, PASSWORD, REWORDED, ORDER, ORDER)):
            before = dict(calls)
            thread: Any = {"configurable": {"thread_id": str(number)}}
            state = agent.invoke({"messages": [("human", question)]}, thread)
            model, tools = (calls[kind] - before[kind] for kind in ("model", "tools"))
            print(f"[{model} model calls, {tools} tool calls] {question}")
            print(f"    {state['messages'][-1].text}")


if __name__ == "__main__":
    main()
