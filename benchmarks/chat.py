"""End to end: a chain with a 700 ms model and an 80 ms embedder, as its users see it.

    python benchmarks/chat.py

A prompt, a model and a parser, called by eight threads: 40 % new questions, 30 % that were asked
before word by word, 30 % reworded. The same calls without a cache, with langchain-redis, and with
ours. Model and embedder sleep; the embedder knows which questions mean the same, for the prompt
dump that langchain-redis embeds as well as for the question: so this says nothing about which cache
serves right answers, only what each costs. (With real embeddings of the dump, most unrelated
questions are hits: see docs/quality.md.)

Then conversations of six turns each under a system prompt, all of them new: every turn is a context
of its own, in which nothing can be near.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from _bench import Instant, Report, Space, arguments, prompt, quiet, server, text
from langchain_core.caches import BaseCache
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_redis import RedisSemanticCache as LangChainRedis
from pydantic import Field

from langchain_redis_semcache import RedisSemanticCache

MODEL_SECONDS = 0.7
EMBEDDER_SECONDS = 0.08
USERS = 8
TURNS = 6
_SPACING = 4 * USERS
"""A question is asked again only after so many others: its answer has been stored by then."""


class Sleeper(SimpleChatModel):
    """Answers after 700 ms and counts how often it is asked."""

    calls: list[int] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "sleeper"

    def _call(self, messages: list[BaseMessage], *_: Any, **__: Any) -> str:
        self.calls.append(1)
        time.sleep(MODEL_SECONDS)
        return _topic(str(messages[-1].content))


def _topic(question: str) -> str:
    return " ".join(question.rstrip("?.").split()[-2:])


def traffic(count: int, embedder: Instant, space: Space) -> list[tuple[str, str]]:
    """Return (kind, question) of every call."""
    rng = random.Random(5)
    new = round(count * 0.4)
    kinds = ["repeat"] * round(count * 0.3) + ["reworded"] * (count - new - round(count * 0.3))
    kinds += ["new"] * (new - _SPACING)
    rng.shuffle(kinds)
    calls: list[tuple[str, str]] = []
    asked = 0
    for kind in ["new"] * _SPACING + kinds:
        if kind == "new":
            cluster, wording, asked = asked, 0, asked + 1
        else:
            # The latest ones may still be under way.
            cluster = rng.randrange(max(1, asked - _SPACING // 2))
            wording = 0 if kind == "repeat" else 4
        calls.append((kind, text(cluster, wording)))
    centres = space.centres(0, asked)
    for wording in (0, 4):
        vectors = space.near(centres, (60, wording))
        embedder.learn([text(c, wording) for c in range(asked)], vectors)
    return calls


def play(calls: list[tuple[str, str]], cache: BaseCache | None) -> dict[str, Any]:
    """Make the calls; return the latencies by kind, model calls and wrong answers."""
    model = Sleeper(cache=cache if cache is not None else False, calls=[])
    chain = (
        ChatPromptTemplate.from_messages(
            [("system", "You are a helpful assistant."), ("human", "{question}")]
        )
        | model
        | StrOutputParser()
    )
    found: list[tuple[str, float, bool]] = []
    lock = threading.Lock()

    def one(call: tuple[str, str]) -> None:
        kind, question = call
        started = time.perf_counter()
        said = chain.invoke({"question": question})
        took = (time.perf_counter() - started) * 1e6
        with lock:
            found.append((kind, took, said == _topic(question)))

    with quiet(), ThreadPoolExecutor(USERS) as pool:
        list(pool.map(one, calls))
    return {
        "times": found,
        "model_calls": len(model.calls),
        "wrong_answers": sum(not right for *_, right in found),
    }


def converse(count: int, cache: BaseCache | None) -> dict[str, Any]:
    """Have conversations, several at a time; return the latencies of their turns."""
    model = Sleeper(cache=cache if cache is not None else False, calls=[])
    found: list[float] = []

    def one(number: int) -> None:
        messages: list[BaseMessage] = [SystemMessage("You are a helpful assistant.")]
        for turn in range(TURNS):
            messages.append(HumanMessage(text(number * TURNS + turn, 0)))
            started = time.perf_counter()
            messages.append(model.invoke(messages))
            found.append((time.perf_counter() - started) * 1e6)

    with quiet(), ThreadPoolExecutor(USERS) as pool:
        list(pool.map(one, range(count)))
    return {"times": found, "model_calls": len(model.calls)}


def main() -> None:
    parser = arguments(__doc__, "0", quick="0")
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    count = 80 if options.quick else options.calls
    report = Report("chat", options)
    space = Space(options.dims)
    samples: dict[str, dict[str, list[float]]] = {}
    with server() as running:
        for name in ("no cache", "langchain-redis", "ours"):
            embedder = Instant(options.dims)
            calls = traffic(count, embedder, space)
            cache: BaseCache | None = None
            if name == "langchain-redis":
                cache = LangChainRedis(embedder, redis_url=running.url, ttl=3600)
            elif name == "ours":
                cache = RedisSemanticCache(embedder, running.url, 0.15, ttl=3600)
                cache.setup()
            embedder.seconds, embedder.calls = EMBEDDER_SECONDS, 0
            assert prompt(calls[0][1]) in embedder._known
            result = play(calls, cache)
            for kind in ("all", "new", "repeat", "reworded"):
                times = [took for k, took, _ in result["times"] if kind in (k, "all")]
                samples.setdefault(kind, {})[name] = times
            mean = sum(samples["all"][name]) / count / 1000
            report.note(
                f"totals/{name}",
                mean_ms=round(mean, 1),
                model_calls=result["model_calls"],
                embedding_calls=embedder.calls,
                wrong_answers=result["wrong_answers"],
                calls=count,
            )
            embedder.calls = 0
            talked = converse(count // (2 * TURNS), cache)
            samples.setdefault("conversation", {})[name] = talked["times"]
            if isinstance(cache, RedisSemanticCache):
                cache.close()  # waits for what is embedded behind the calls
            turns = len(talked["times"])
            report.note(
                f"conversations/{name}",
                turns=turns,
                model_calls=talked["model_calls"],
                embeddings_per_turn=round(embedder.calls / turns, 2),
            )
    for kind, variants in samples.items():
        report.add(kind, variants, "no cache")
    report.save()


if __name__ == "__main__":
    main()
