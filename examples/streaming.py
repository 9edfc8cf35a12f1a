"""Stream a chat model's answers from the cache, in chains and in graphs as well.

Needs nothing but the `embedded` extra and langgraph: the server and the embeddings come from
wheels, and the model is a small stand-in that says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import START, MessagesState, StateGraph

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.models import cached, enable_streaming

FRANCE = "What is the capital of France?"
REWORDED = "What is France's capital city?"
GERMANY = "What is the capital of Germany?"


class StandIn(BaseChatModel):
    """Streams a word at a time, as slowly as a real model."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        city = "Paris" if "France" in messages[-1].text else "Berlin"
        for word in re.findall(r"\S+\s*", f"It is {city}. [from a stand-in, not from a model]"):
            time.sleep(0.05)
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        # What says that the answer is complete: without it a stream is not stored.
        end = {"finish_reason": "stop"}
        yield ChatGenerationChunk(message=AIMessageChunk(""), generation_info=end)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return generate_from_stream(self._stream(messages, *args, **kwargs))


def show(title: str, texts: Iterator[str], cache: RedisSemanticCache) -> None:
    hits, started = cache.stats.hits, time.perf_counter()
    print(f"{title}: ", end="")
    for text in texts:
        print(text, end="|" if text else "", flush=True)
    came_from = "CACHE" if cache.stats.hits > hits else "LLM"
    print(f"  [{came_from}, {(time.perf_counter() - started) * 1000:.0f} ms]")


def main() -> None:
    with (
        EmbeddedRedis() as server,
        RedisSemanticCache(LocalEmbeddings(), server.url, ttl=86400) as cache,
    ):
        set_llm_cache(cache)
        model = cached(StandIn())
        show("asked", (chunk.text for chunk in model.stream(FRANCE)), cache)
        show("reworded", (chunk.text for chunk in model.stream(REWORDED)), cache)
        typed = cached(StandIn(), replay="words")
        show("word by word", (chunk.text for chunk in typed.stream(FRANCE)), cache)
        prompt = ChatPromptTemplate.from_messages([("human", "{question}")])
        chain = prompt | model | StrOutputParser()
        show("in a chain", chain.stream({"question": FRANCE}), cache)

        # A graph whose author has never heard of this cache, and whose node does not even stream.
        def answer(state: MessagesState) -> dict[str, Any]:
            return {"messages": [StandIn().invoke(state["messages"])]}

        graph = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").compile()
        with enable_streaming():
            for title in ("a graph", "again"):
                question: Any = {"messages": [HumanMessage(GERMANY)]}
                stream = graph.stream(question, stream_mode="messages")
                show(title, (message.text for message, _ in stream), cache)
        set_llm_cache(None)


if __name__ == "__main__":
    main()
