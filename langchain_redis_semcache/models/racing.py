"""A model that starts while a question is still being embedded, and is ended where a hit comes.

Rule of this module: what is begun here is ended here, whichever ends first of lookup, model and
caller; and nobody hears anything of a model that was not needed, not even that it failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

__all__ = ["Ahead", "Pending", "Races", "raced"]

T = TypeVar("T")

# A loop knows its tasks weakly, and nobody else may be left who knows this one.
_under_way: set[asyncio.Task[Any]] = set()


class Races(Protocol):
    """A cache that says when a lookup goes on to embed the question."""

    async def alookup_meanwhile(
        self, prompt: str, llm_string: str, begin: Callable[[], None], caller: Any
    ) -> RETURN_VAL_TYPE | None: ...


class Pending:
    """A lookup in a task of its own."""

    def __init__(self, cache: Races, prompt: str, llm_string: str) -> None:
        self._known = asyncio.Event()
        me = asyncio.current_task()
        self._lookup = _begun(
            cache.alookup_meanwhile(prompt, llm_string, self._known.set, caller=me)
        )
        self._lookup.add_done_callback(lambda _: self._known.set())

    async def is_over(self) -> bool:
        """Wait until there is an answer, or until an embedding has to tell; say which."""
        try:
            await self._known.wait()
        except BaseException:
            self._lookup.cancel()
            raise
        return self._lookup.done()

    async def found(self) -> RETURN_VAL_TYPE | None:
        return await self._lookup


class Ahead:
    """A model's stream, read by a task of its own from now on, until it is closed."""

    def __init__(
        self,
        permit: Callable[[], Awaitable[None]],
        live: Callable[[], AsyncIterator[ChatGenerationChunk]],
    ) -> None:
        self._read: asyncio.Queue[ChatGenerationChunk | BaseException] = asyncio.Queue()
        self._task = _begun(self._all(permit, live))

    async def _all(
        self,
        permit: Callable[[], Awaitable[None]],
        live: Callable[[], AsyncIterator[ChatGenerationChunk]],
    ) -> None:
        # From its first step to its last in one task, as time limits inside of it must be.
        end: BaseException = StopAsyncIteration()
        source: Any = None
        try:
            await permit()
            source = live()
            async for chunk in source:
                self._read.put_nowait(chunk)
        except BaseException as error:
            end = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._read.put_nowait(end)
            if hasattr(source, "aclose"):
                await source.aclose()

    def __aiter__(self) -> Ahead:
        return self

    async def __anext__(self) -> ChatGenerationChunk:
        chunk = await self._read.get()
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def drop(self) -> None:
        """End it; nobody waits for that."""
        self._task.cancel()

    async def aclose(self) -> None:
        """End it, and wait for its end as one does who closes a generator."""
        self._task.cancel()
        await asyncio.wait([self._task])


async def raced(
    found: Awaitable[ChatGeneration | None], live: Coroutine[Any, Any, ChatResult]
) -> ChatResult:
    """Return what the lookup finds, else what the model says, which has been begun meanwhile."""
    model = _begun(live)
    try:
        answer = await found
        return await model if answer is None else ChatResult(generations=[answer])
    finally:
        model.cancel()


def _begun(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.get_running_loop().create_task(coroutine)
    _under_way.add(task)
    task.add_done_callback(_over)
    return task


def _over(task: asyncio.Task[Any]) -> None:
    _under_way.discard(task)
    if not task.cancelled():
        task.exception()  # or asyncio would report that nobody has heard of it
