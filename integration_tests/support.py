"""What the integration tests share: an embedder and a chat model that count, and short ways."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import redis
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import Field, SecretStr

from integration_tests.openai_endpoint import OpenAIEndpoint
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.bounded.threads import wait
from langchain_redis_semcache.embedded import LocalEmbeddings
from langchain_redis_semcache.events import Event, Failed, Hit, Miss

LLM = "a model"
FRANCE = "What is the capital of France?"
FRANCE_REWORDED = "Which city serves as France's capital?"
GERMANY = "What is the capital of Germany?"

UNRELATED = [
    "What is the capital of France?",
    "How do I reverse a string in Python?",
    "Tell me one joke",
    "What is 1+1?",
    "Who painted the Mona Lisa?",
    "How long should I boil an egg?",
    "Why is the sky blue?",
    "Translate 'good morning' into Spanish",
    "What is the speed of light?",
    "Recommend a book about the Roman empire",
]

PICTURE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
AUDIO: Any = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Way:
    """Calls a method or its async twin: one test, both ways."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async"

    async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self.is_async:
            return method(*args, **kwargs)
        twin = getattr(method.__self__, f"a{method.__name__}")  # type: ignore[attr-defined]
        return await twin(*args, **kwargs)

    async def together(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """Make all calls at once, in threads or in tasks."""
        if self.is_async:
            return await asyncio.gather(*(self(*call) for call in calls))
        return in_threads(calls)


def in_threads(calls: list[tuple[Any, ...]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(*call) for call in calls]
        return [future.result() for future in futures]


class CountingEmbeddings(LocalEmbeddings):
    """The local embeddings, with a record of what was embedded which way."""

    def __init__(self) -> None:
        self.sync: list[str] = []
        self.awaited: list[str] = []

    @property
    def texts(self) -> list[str]:
        return [*self.sync, *self.awaited]

    def embed_query(self, text: str) -> list[float]:
        self.sync.append(text)
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        self.awaited.append(text)
        return (await self.aembed_documents([text]))[0]


class Parrot(BaseChatModel):
    """A chat model whose answers name the model, the question and all that came before it."""

    model: str = "parrot"
    temperature: float = 0.0
    calls: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "parrot"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "temperature": self.temperature}

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        *before, last = messages
        self.calls.append(last.text)
        answer = AIMessage(parroted(last.text, *(m.text for m in before), model=self.model))
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(0)
        return self._generate(*args, **kwargs)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)


def parroted(question: str, *before: str, model: str = "parrot") -> str:
    return f"{model} answers {question!r} after {before!r}"


def asked(*turns: str | BaseMessage) -> str:
    """The prompt string of a chat call, as LangChain hands it to a cache."""
    return dumps([HumanMessage(turn) if isinstance(turn, str) else turn for turn in turns])


def told(text: str, **fields: Any) -> list[ChatGeneration]:
    """An answer of a chat model."""
    return [ChatGeneration(message=AIMessage(text, **fields))]


def text_of(answer: Any) -> str | None:
    """The text of a lookup's result, None for a miss."""
    return None if answer is None else str(answer[0].text)


def only(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def verdicts(events: list[Event]) -> list[str]:
    """What the lookups came to: the kind of a hit, the reason of a miss."""
    return [e.kind if isinstance(e, Hit) else e.reason for e in events if isinstance(e, Hit | Miss)]


def healthy(events: list[Event]) -> bool:
    """Whether nothing failed on the way: a cache that fails open looks right without working."""
    return not only(events, Failed)


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(met)


async def soon(attempt: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> bool:
    """Try until it succeeds, and leave the event loop to others in between."""
    until = time.monotonic() + seconds
    while not (met := await attempt()) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    return met


class Traffic:
    """What the server did while watched."""

    commands: Counter[str]
    round_trips: int


@contextmanager
def watched(server: redis.Redis) -> Iterator[Traffic]:
    """Count the commands and the reads from sockets (one per round trip) of the server."""
    traffic = Traffic()
    before = _counters(server)
    yield traffic
    after = _counters(server)
    reads = "reads"
    traffic.round_trips = after.pop(reads) - before.pop(reads) - 2
    after.subtract(before)
    after["info"] = 0
    traffic.commands = +after


def _counters(server: redis.Redis) -> Counter[str]:
    stats: Any = server.info("commandstats")
    counters = Counter(
        {name.removeprefix("cmdstat_").lower(): one["calls"] for name, one in stats.items()}
    )
    counters["reads"] = server.info("stats")["total_reads_processed"]
    return counters


_OF_ALL = ("::settings", "::stats", "::served")


def keys_of(server: redis.Redis, name: str) -> list[str]:
    """The entries below a name, of however many caches; without what is counted and shared."""
    found = (key.decode() for key in server.scan_iter(f"{name}*", count=1000))
    return sorted(key for key in found if not key.endswith(_OF_ALL))


def indexes_of(server: redis.Redis, name: str) -> list[str]:
    listed: Any = server.execute_command("FT._LIST")
    return sorted(index.decode() for index in listed if index.startswith(name.encode()))


def denied(url: str, *commands: str) -> str:
    """The URL of a new user who may do everything but these commands."""
    with redis.Redis.from_url(url) as server:
        server.acl_setuser(
            "restricted",
            enabled=True,
            passwords=["+secret"],
            keys=["*"],
            categories=["+@all"],
            commands=[f"-{command}" for command in commands],
        )
    return url.replace("redis://", "redis://restricted:secret@")


def chat_openai(endpoint: OpenAIEndpoint, **kwargs: Any) -> ChatOpenAI:
    kwargs = {"model": "gpt-4o-mini", "max_retries": 0, **kwargs}
    return ChatOpenAI(base_url=endpoint.base_url, api_key=SecretStr("test"), **kwargs)


def openai_embeddings(endpoint: OpenAIEndpoint, **kwargs: Any) -> OpenAIEmbeddings:
    kwargs = {"check_embedding_ctx_length": False, "max_retries": 0, **kwargs}
    return OpenAIEmbeddings(base_url=endpoint.base_url, api_key=SecretStr("test"), **kwargs)


def stored(cache: RedisSemanticCache, seconds: float = 20.0) -> None:
    """Wait until what was stored in threads has its vector."""
    wait(list(cache._drivers.background.stores.jobs), seconds)


async def astored(cache: RedisSemanticCache, seconds: float = 20.0) -> None:
    """Wait until what was stored on this loop has its vector."""
    tasks = list(cache._drivers.background.stores.tasks)
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
