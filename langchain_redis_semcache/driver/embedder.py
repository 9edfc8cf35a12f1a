"""Calls of the user's embedding object: in time, off the event loop, suspended while it fails.

Rule of this module: the event loop is for embedders whose word there is for that they give way to
it, LangChain's or the application's. All others run in threads.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from langchain_core.embeddings import Embeddings
from typing_extensions import override

from .._causes import told
from .._checks import seconds
from .._effects import OVERLOADED, EmbeddingUnavailableError
from .._signals import let_through
from ..bounded.awaited import in_time, within
from ..bounded.breaker import Breaker, OverloadedError, State, SuspendedError
from ..bounded.callables import is_late
from ..bounded.threads import Workers
from ..configuration import Prefilter
from ..events import BreakerChanged
from ..reporting.reporter import Reporter

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
    if isinstance(inner, Embeddings):  # as in LangChain's CacheBackedEmbeddings
        return embedding_id(inner)
    kind = type(embeddings)
    parts = [f"{kind.__module__}.{kind.__qualname__}"]
    for name in _MODEL_ATTRIBUTES:
        value = getattr(embeddings, name, None)
        if isinstance(value, (str, int)):
            parts.append(f"{name}={value}")
    return " ".join(parts)


class AwaitedEmbeddings(Embeddings):
    """Embeddings of which you know that their `aembed_query` never blocks the event loop.

    The cache awaits it there, instead of calling `embed_query` in a thread.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self.underlying_embeddings = embeddings

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.underlying_embeddings.embed_documents(texts)

    @override
    def embed_query(self, text: str) -> list[float]:
        return self.underlying_embeddings.embed_query(text)

    @override
    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return await self.underlying_embeddings.aembed_documents(texts)

    @override
    async def aembed_query(self, text: str) -> list[float]:
        return await self.underlying_embeddings.aembed_query(text)


def gives_way(embeddings: Embeddings) -> bool:
    """Whether its `aembed_query` may be awaited on the event loop.

    Of others' code nothing tells but its author's word: a coroutine that computes, or calls a
    blocking client, looks like any other.
    """
    if isinstance(embeddings, AwaitedEmbeddings):
        return True
    inner = getattr(embeddings, "underlying_embeddings", None)
    if isinstance(inner, Embeddings) and not gives_way(inner):
        return False
    author = next(kind for kind in type(embeddings).__mro__ if "aembed_query" in vars(kind))
    package = author.__module__.partition(".")[0]
    # What LangChain's packages override waits for a client of theirs, or for a thread.
    return author is not Embeddings and (package == "langchain" or package.startswith("langchain_"))


class Embedder:
    def __init__(
        self,
        embeddings: Embeddings,
        workers: Workers,
        timeout: float | None,
        reporter: Reporter,
        subject: Literal["embedding", "prefilter"] = "embedding",
    ) -> None:
        self._embeddings = embeddings
        self.workers = workers
        self._timeout = timeout

        # Embedders fail one by one (a strange text, a rate limit) as well as altogether.
        def changed(state: State) -> None:
            reporter.emit(BreakerChanged(subject, state))

        self.breaker = Breaker(changed, failures=3, first=1.0, longest=10.0)
        self._on_loop = gives_way(embeddings)

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
                try:
                    return await self._awaited(text)
                except NotImplementedError:  # the class has the other way only
                    self._on_loop = not self._on_loop
                    return await self._awaited(text)
        except Exception as error:
            raise _unavailable(error) from None

    async def _awaited(self, text: str) -> Any:
        if self._on_loop:
            return await within(self._timeout, self._embeddings.aembed_query(text))
        return await in_time(
            self.workers, lambda: self._embeddings.embed_query(text), self._timeout
        )


def made(
    embeddings: Embeddings,
    prefilter: Prefilter | None,
    limit: float | timedelta | None,
    reporter: Reporter,
) -> tuple[Embedder, Embedder]:
    """Return the embedder and the prefilter's; without a prefilter nothing asks the second one.

    Each has threads of its own: one that hangs must not keep Redis from being reached.
    """
    timeout = None
    if limit is not None:
        timeout = seconds("embedding", limit, "e.g. Limits(embedding=2)")
    real = Embedder(embeddings, Workers(), timeout, reporter)
    if prefilter is None:
        return real, real
    return real, Embedder(prefilter.embeddings, Workers(), timeout, reporter, "prefilter")


def _unavailable(error: Exception) -> EmbeddingUnavailableError:
    if isinstance(error, OverloadedError):
        return EmbeddingUnavailableError(OVERLOADED, suspended=True)
    if isinstance(error, SuspendedError):
        return EmbeddingUnavailableError("suspended", suspended=True)
    let_through(error)
    label = "TimeoutError" if is_late(error) else type(error).__name__
    return EmbeddingUnavailableError(label, cause=told(error))
