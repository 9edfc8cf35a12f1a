"""One call, read: its question, its scope, its key; and what lookup and update do alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._codec import VectorError, pack
from ._digest import digest
from ._memory import VectorMemory
from ._options import CallOptions
from ._prompt import ContextMode, Question, QuestionHook, read, read_with
from ._requests import (
    Command,
    Embed,
    EmbeddingUnavailableError,
    Flow,
    Send,
    Work,
)
from ._schema import Schema
from ._scope import read_model, scope
from ._signing import Signer
from .admission import Admission, is_time_sensitive
from .events import Bypassed, Failed, Miss, Operation, Reporter
from .policy import Policy


@dataclass(frozen=True)
class Settings:
    """The constructor's arguments, checked."""

    schema: Schema
    policy: Policy
    admission: Admission
    namespace: str | Callable[[], str]
    context: ContextMode
    question: QuestionHook | None
    ttl: float | None
    refresh_ttl: bool
    mark_hits: bool
    max_question_chars: int | None
    max_answer_bytes: int
    create_index: bool
    signer: Signer | None
    max_temperature: float | None = None
    skip_time_sensitive: bool = False


@dataclass(slots=True)
class Asked:
    """One call, read."""

    question: Question
    scope: str
    key: str
    model: str
    options: CallOptions
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0

    @property
    def text(self) -> str:
        return self.question.text


class Calls:
    """Reads calls, embeds their questions, sends their commands, and reports what fails."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        self.memory = VectorMemory()

    def read(
        self, operation: Operation, prompt: str, llm_string: str, options: CallOptions
    ) -> Flow[Asked | Bypassed | Miss]:
        """Read a call, or say why it cannot be cached."""
        settings = self.settings
        try:
            namespace = settings.namespace() if callable(settings.namespace) else settings.namespace
            if not isinstance(namespace, str):
                raise TypeError("namespace is not a string")
        except Exception as error:
            # Without its tenant a call must see no entry at all.
            self.failed(operation, "namespace", type(error).__name__)
            return Miss("namespace_failed")
        hook = settings.question
        question: Question | None
        try:
            if hook is None:
                question = yield Work(lambda: read(prompt, settings.context), len(prompt))
            else:
                question = yield Work(lambda: read_with(hook, prompt), len(prompt))
            model = read_model(llm_string)
        except Exception as error:
            self.failed(operation, "question", type(error).__name__)
            return Miss("question_failed")
        if question is None:
            return Bypassed(operation, "question_hook")
        question = self._limited(question)
        refused = self._refused(question, model.temperature)
        if refused is not None:
            return Bypassed(operation, refused)
        eligible = scope(settings.schema.embedding_id, namespace, model, question.context)
        key = settings.schema.key(eligible, question.text)
        return Asked(question, eligible, key, model.label, options)

    def _refused(self, question: Question, temperature: float | None) -> str | None:
        """Say why the owner of the cache wants nothing to do with this call."""
        settings = self.settings
        limit = settings.max_temperature
        if limit is not None and temperature is not None and temperature > limit:
            return "temperature"
        if settings.skip_time_sensitive and is_time_sensitive(question.text):
            return "time_sensitive"
        return None

    def _limited(self, question: Question) -> Question:
        """Texts that are empty or that an embedder may cut are compared as they are."""
        limit = self.settings.max_question_chars
        if question.exact_only is None:
            if limit is not None and len(question.text) > limit:
                return Question(question.text, question.context, "long_question")
            if not question.text.strip():
                return Question(question.text, question.context, "no_text")
        return question

    def vector(self, operation: Operation, asked: Asked) -> Flow[bytes | None]:
        """Return the packed embedding of the question, from the last lookup where possible."""
        remembered = digest(asked.text)
        vector = self.memory.get(remembered)
        if vector is not None:
            return vector
        started = time.perf_counter()
        asked_embedder = True
        try:
            numbers = yield Embed(asked.text)
            vector = pack(numbers, self.settings.schema.vector_type)
        except EmbeddingUnavailableError as error:
            asked_embedder = not error.suspended
            self.failed(operation, "embedding", error.label)
            return None
        except VectorError as error:
            self.failed(operation, "embedding", str(error))
            return None
        finally:
            if asked_embedder:
                spent = time.perf_counter() - started
                asked.embedding_seconds += spent
                self.reporter.spent("embedding", spent)
        self.reporter.recovered("embedding")
        self.memory.put(remembered, vector)
        return vector

    def send(
        self, asked: Asked, commands: Sequence[Command], *, atomic: bool = False
    ) -> Flow[Sequence[Any]]:
        started = time.perf_counter()
        try:
            replies: Sequence[Any] = yield Send(commands, atomic)
            return replies
        finally:
            spent = time.perf_counter() - started
            asked.redis_seconds += spent
            self.reporter.spent("redis", spent)

    def failed(self, operation: Operation, stage: str, error: str) -> None:
        self.reporter.emit(Failed(operation, stage, error))
