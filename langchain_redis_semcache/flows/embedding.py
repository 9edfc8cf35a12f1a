"""The vectors of questions: one call of the embedder per miss, by whichever flow needs it first.

Rule of this module: what the lookup found out, the update that follows does not ask again.
"""

from __future__ import annotations

import time

from .._effects import OVERLOADED, Embed, EmbeddingUnavailableError, Flow, NotDoneError
from ..entry.vector import VectorError, pack
from ..events import Operation
from ..question.digest import WIDTH
from .calls import Asked, Calls
from .recent_vectors import FAILED, VectorMemory


class Embedding:
    """The vectors of one cache's questions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.memory = VectorMemory()
        self.drop = self.memory.drop_all

    def remembered(self, asked: Asked) -> tuple[bytes | None, bool]:
        """Return the vector of the lookup before, and whether there is one to be had otherwise.

        The embedder that has just failed the lookup is not asked once more.
        """
        vector = self.memory.get(asked.key[-WIDTH:])
        if vector == FAILED:
            self.memory.drop(asked.key[-WIDTH:])
            return None, False
        return vector, vector is None

    def has(self, asked: Asked) -> bool:
        """Tell whether a vector is there already."""
        return bool(self.memory.get(asked.key[-WIDTH:]))

    def vector(self, operation: Operation, asked: Asked) -> Flow[bytes | None]:
        """Return the packed embedding of the question, from the last lookup where possible."""
        remembered = asked.key[-WIDTH:]  # the digest of the text, whatever the scope
        vector = self.memory.get(remembered)
        if vector:
            return vector
        if asked.options.meanwhile is not None:
            asked.options.meanwhile()
        started = time.perf_counter()
        asked_embedder = True
        try:
            numbers = yield Embed(asked.text)
            vector = pack(numbers, self._calls.settings.schema.vector_type)
        except EmbeddingUnavailableError as error:
            asked_embedder = not error.suspended
            self._not_embedded(operation, asked, error)
            return None
        except VectorError as error:
            self._not_embedded(operation, asked, NotDoneError(str(error)))
            return None
        finally:
            if asked_embedder:
                spent = time.perf_counter() - started
                asked.embedding_seconds += spent
                self._calls.reporter.spent("embedding", spent)
        self._calls.reporter.recovered("embedding")
        if asked.options.remember:
            self.memory.put(remembered, vector)
        return vector

    def _not_embedded(self, operation: Operation, asked: Asked, error: NotDoneError) -> None:
        # The update that follows must not wait for the embedder once more.
        if operation == "lookup" and asked.options.remember:
            self.memory.put(asked.key[-WIDTH:], FAILED)
        asked.overloaded = error.label == OVERLOADED
        if not asked.overloaded:
            self._calls.failed(operation, "embedding", error)
