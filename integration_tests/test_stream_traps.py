"""What wrapped streams can get wrong unseen, through the real OpenAI client and a real Redis."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import OpenAIEndpoint
from integration_tests.support import FRANCE, Way, healthy, only, soon, verdicts
from langchain_redis_semcache.events import Event, Hit, Miss, Stored
from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import total

NAMES = f"gpt-4o-mini answers: {FRANCE}"
TENANT: ContextVar[str] = ContextVar("tenant of a trap", default="nobody")


class StreamsInThreads(ChatOpenAI):
    """Has `_stream` only: LangChain's own `_astream` runs it in a thread."""

    _astream = BaseChatModel._astream


class Whole(ChatOpenAI):
    """Cannot stream at all."""

    _stream = BaseChatModel._stream
    _astream = BaseChatModel._astream


def of(kind: type[ChatOpenAI], endpoint: OpenAIEndpoint, cache: Any) -> Any:
    key = SecretStr("test")
    model: Any = kind
    return model(
        model="gpt-4o-mini", base_url=endpoint.base_url, api_key=key, max_retries=0, cache=cache
    )


async def read(do: Way, model: Any, each: Callable[[], None] = lambda: None) -> str:
    """Stream to the end, look around at each chunk, and return the text."""
    chunks = []
    if do.is_async:
        async for chunk in model.astream(FRANCE):
            each()
            chunks.append(chunk)
    else:
        for chunk in model.stream(FRANCE):
            each()
            chunks.append(chunk)
    return str(total(chunks).text)


async def kept(events: list[Event]) -> bool:
    """Wait for the store, which comes behind the last chunk."""

    async def stored() -> bool:
        return bool(only(events, Stored))

    return await soon(stored)


@contextmanager
def wrapped(how: str, model: Any) -> Iterator[Any]:
    if how == "cached":
        yield cached(model)
        return
    with enable_streaming():
        yield model


both = pytest.mark.parametrize("how", ["cached", "everywhere"])


@both
async def test_no_variable_leaks(
    how: str, do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """Between two chunks of a miss or a hit the consumer's context is as it was before."""
    cache = make_cache(namespace=TENANT.get)
    with wrapped(how, of(ChatOpenAI, endpoint, cache)) as model, cache.tags("trap"):
        TENANT.set("alice")
        before = dict(contextvars.copy_context())
        seen: list[dict[Any, Any]] = []
        for count in (1, 2):
            text = await read(do, model, lambda: seen.append(dict(contextvars.copy_context())))
            assert text == NAMES
            assert await kept(events)
            assert len(only(events, Hit | Miss)) == count  # type: ignore[arg-type]
    assert verdicts(events) == ["no_candidate", "exact"]
    assert len(seen) > 2
    assert all(one == before for one in seen)


@both
async def test_no_schema_is_built(
    how: str, do: Way, cache: Any, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """The class of a wrapped model costs no schema, which takes 70 ms: not made, not in a call."""

    class Fresh(ChatOpenAI):
        """Nobody has wrapped it before."""

    seen: list[type[Any]] = []

    def look() -> None:
        seen.extend(kind for kind in _below(Fresh) if kind not in seen)

    with wrapped(how, of(Fresh, endpoint, cache)) as model:
        for _ in range(2):
            assert await read(do, model, look) == NAMES
            assert await kept(events)
    assert verdicts(events) == ["no_candidate", "exact"]
    assert seen, "no class was made: the test looks at the wrong place"
    assert [kind for kind in seen if kind.__pydantic_complete__] == []


def _below(kind: type[Any]) -> list[type[Any]]:
    found = []
    for one in type.__subclasses__(kind):
        found += [one, *_below(one)]
    return found


@both
@pytest.mark.parametrize("kind", [StreamsInThreads, Whole])
async def test_models_that_stream_otherwise(
    kind: type[Any],
    how: str,
    do: Way,
    cache: Any,
    endpoint: OpenAIEndpoint,
    events: list[Event],
) -> None:
    """A model that streams in threads or not at all makes one lookup, one update, one call."""
    with wrapped(how, of(kind, endpoint, cache)) as model:
        for _ in range(2):
            assert await read(do, model) == NAMES
            assert await kept(events)
    assert verdicts(events) == ["no_candidate", "exact"]
    assert len(only(events, Stored)) == len(endpoint.chats) == 1
    assert healthy(events)


async def test_what_cannot_stream_is_asked_whole(
    do: Way, cache: Any, endpoint: OpenAIEndpoint
) -> None:
    """A model that has no `_stream` gets none: it is asked for a whole answer, as without us."""
    for model in (of(Whole, endpoint, cache), cached(of(Whole, endpoint, cache))):
        cache.clear()
        assert await read(do, model) == NAMES
        assert not endpoint.chats[-1].get("stream")
