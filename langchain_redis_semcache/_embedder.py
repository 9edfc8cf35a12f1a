"""Calls of the user's embedding object: in time, off the event loop, suspended while it fails."""

from __future__ import annotations

import asyncio
import dis
import inspect
from typing import Any

from langchain_core.embeddings import Embeddings

from ._breaker import Breaker, State, SuspendedError
from ._requests import EmbeddingUnavailableError
from ._workers import Workers
from .events import BreakerChanged, Reporter

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
        timeout: float,
        reporter: Reporter,
    ) -> None:
        self._embeddings = embeddings
        self._workers = workers
        self._timeout = timeout

        # Embedders fail one by one (a strange text, a rate limit) as well as altogether.
        def changed(state: State) -> None:
            reporter.emit(BreakerChanged("embedding", state))

        self.breaker = Breaker(changed, failures=3, first=1.0, longest=30.0)
        self._native = _is_native(type(embeddings))

    def embed(self, text: str) -> Any:
        """Embed in a worker thread: a call that hangs cannot be ended, only left behind."""
        try:
            with self.breaker:
                return self._workers.run(lambda: self._embeddings.embed_query(text), self._timeout)
        except Exception as error:
            raise _unavailable(error) from None

    async def aembed(self, text: str) -> Any:
        try:
            with self.breaker:
                call: Any
                if self._native:
                    call = self._embeddings.aembed_query(text)
                else:
                    call = asyncio.wrap_future(self._workers.submit(lambda: self._step(text)))
                return await asyncio.wait_for(call, self._timeout)
        except Exception as error:
            raise _unavailable(error) from None

    def _step(self, text: str) -> Any:
        """Run in a thread what would block the loop: LangChain's default, or no await at all."""
        if type(self._embeddings).aembed_query is Embeddings.aembed_query:
            return self._embeddings.embed_query(text)
        coroutine = self._embeddings.aembed_query(text)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise RuntimeError("aembed_query was expected not to wait")


def _unavailable(error: Exception) -> EmbeddingUnavailableError:
    if isinstance(error, SuspendedError):
        return EmbeddingUnavailableError("suspended", suspended=True)
    late = isinstance(error, (TimeoutError, asyncio.TimeoutError))
    return EmbeddingUnavailableError("TimeoutError" if late else type(error).__name__)


def _is_native(kind: type[Embeddings]) -> bool:
    """Tell whether `aembed_query` gives way to the loop: a coroutine without await never does."""
    function = inspect.getattr_static(kind, "aembed_query", None)
    if function is Embeddings.aembed_query:
        return False
    if not inspect.iscoroutinefunction(function):
        return True
    waits = {"SEND", "YIELD_FROM"}
    return any(step.opname in waits for step in dis.get_instructions(function.__code__))
