"""Calls of the user's embedding object: in time, off the event loop, suspended while it fails."""

from __future__ import annotations

import asyncio
import dis
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from langchain_core.embeddings import Embeddings

from .._effects import EmbeddingUnavailableError
from .._signals import let_through
from ..bounded.breaker import Breaker, State, SuspendedError
from ..bounded.threads import Workers
from ..events import BreakerChanged, Reporter

BLOCKING_SECONDS = 0.1
"""A coroutine that computes for longer is better off in a thread."""
_WAITS = ("GET_AWAITABLE", "GET_AITER", "BEFORE_ASYNC_WITH")
_MODEL_ATTRIBUTES = (
    "model",
    "model_name",
    "model_id",
    "deployment",
    "azure_deployment",
    "repo_id",
    "dimensions",
    "size",
    "namespace",
)


def embedding_id(embeddings: Embeddings) -> str:
    """Name an embedding model: entries of another one are never compared with it."""
    inner = getattr(embeddings, "underlying_embeddings", None)
    if isinstance(inner, Embeddings):  # LangChain's CacheBackedEmbeddings
        return embedding_id(inner)
    kind = type(embeddings)
    parts = [f"{kind.__module__}.{kind.__qualname__}"]
    for name in _MODEL_ATTRIBUTES:
        value = getattr(embeddings, name, None)
        if isinstance(value, (str, int)):
            parts.append(f"{name}={value}")
    return " ".join(parts)


class Embedder:
    """One embedding object with its deadline and its breaker."""

    def __init__(
        self,
        embeddings: Embeddings,
        workers: Workers,
        timeout: float | None,
        reporter: Reporter,
    ) -> None:
        self._embeddings = embeddings
        self.workers = workers
        self._timeout = timeout

        # Embedders fail one by one (a strange text, a rate limit) as well as altogether.
        def changed(state: State) -> None:
            reporter.emit(BreakerChanged("embedding", state))

        self.breaker = Breaker(changed, failures=3, first=1.0, longest=10.0)
        kind = type(embeddings)
        self._native = _is_native(kind, "aembed_query")
        # What never waits can be run by hand in a thread.
        self._never_waits = not self._native and kind.aembed_query is not Embeddings.aembed_query
        self._blocked = 0

    def embed(self, text: str, glance: bool = False) -> Any:
        """Embed in a worker thread: a call that hangs cannot be ended, only left behind."""
        try:
            with self.breaker.glance() if glance else self.breaker:
                if self._timeout is None:
                    return self._embeddings.embed_query(text)
                return self.workers.run(lambda: self._embeddings.embed_query(text), self._timeout)
        except Exception as error:
            raise _unavailable(error) from None

    async def aembed(self, text: str, glance: bool = False) -> Any:
        try:
            with self.breaker.glance() if glance else self.breaker:
                call: Any
                if self._native:
                    call = self._on_loop(text)
                else:
                    call = asyncio.wrap_future(self.workers.submit(lambda: self._in_thread(text)))
                return await _within(self._timeout, call)
        except Exception as error:
            raise _unavailable(error) from None

    async def _on_loop(self, text: str) -> Any:
        watched = _Watched(self._embeddings.aembed_query(text))
        try:
            return await watched
        finally:
            if watched.longest > BLOCKING_SECONDS:
                self._blocked += 1
                # Once may be the first use, which imports and connects.
                if self._blocked == 2:
                    self._native = False

    def _in_thread(self, text: str) -> Any:
        """Run in a thread what would block the loop: LangChain's default, or no await at all."""
        if not self._never_waits:
            return self._embeddings.embed_query(text)
        coroutine = self._embeddings.aembed_query(text)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        except RuntimeError:  # no running event loop
            return self._embeddings.embed_query(text)
        coroutine.close()
        return self._embeddings.embed_query(text)


class _Watched:
    """Awaits a coroutine and notes for how long it keeps the event loop at most."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.longest = 0.0
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        proceed: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            started = time.perf_counter()
            try:
                waiting = proceed(value)
            except StopIteration as stop:
                return stop.value
            finally:
                self.longest = max(self.longest, time.perf_counter() - started)
            try:
                value = yield waiting
                proceed = self._coroutine.send
            except BaseException as error:
                value = error
                proceed = self._coroutine.throw


async def _within(timeout: float | None, call: Awaitable[Any]) -> Any:
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(call, timeout)
    async with asyncio.timeout(timeout):  # without a task more
        return await call


def _unavailable(error: Exception) -> EmbeddingUnavailableError:
    if isinstance(error, SuspendedError):
        return EmbeddingUnavailableError("suspended", suspended=True)
    let_through(error)
    late = isinstance(error, (TimeoutError, asyncio.TimeoutError))
    return EmbeddingUnavailableError("TimeoutError" if late else type(error).__name__)


def _is_native(kind: type[Embeddings], method: str) -> bool:
    """Tell whether a method gives way to the loop.

    A coroutine without await never does, nor does one that awaits such methods of its own only.
    """
    function = inspect.getattr_static(kind, method, None)
    if function in (Embeddings.aembed_query, Embeddings.aembed_documents):
        return False
    if not inspect.iscoroutinefunction(function):
        return True
    names = function.__code__.co_names
    own = [n for n in names if n != method and inspect.iscoroutinefunction(getattr(kind, n, None))]
    waits = sum(step.opname in _WAITS for step in dis.get_instructions(function.__code__))
    return waits > len(own) or any(_is_native(kind, name) for name in own)
