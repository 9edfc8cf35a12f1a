"""One call, read: its question, its scope, its key; and what lookup and update do alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .._effects import (
    Command,
    Embed,
    EmbeddingUnavailableError,
    Flow,
    Send,
    Work,
)
from .._signals import let_through
from ..admission import Admission, is_time_sensitive
from ..entry.schema import Schema
from ..entry.signing import Signer
from ..entry.vector import VectorError, pack
from ..events import Bypassed, Failed, Miss, Operation, Reporter
from ..policies.distance import Policy
from ..policies.verify import Verification
from ..question.digest import WIDTH
from ..question.prompt import (
    REMEMBERED_CHARS,
    ContextMode,
    Question,
    QuestionHook,
    read,
    read_with,
)
from ..question.scope import Model, read_model, scope
from ..question.way import way
from .options import CallOptions
from .recent_vectors import FAILED, VectorMemory

INDISTINCT = "indistinct_model"


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
    verification: Verification | None = None


@dataclass(slots=True)
class Reading:
    """What a prompt, an llm_string and a namespace mean; the same for every call with these."""

    question: Question
    scope: str
    key: str
    model: str
    refused: str | None


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
        self._way = way(settings.context, settings.question)
        # Repeats are what a cache is for, and every miss is read twice: saves 4 µs, or the parsing
        # of a conversation.
        self._reading = lru_cache(maxsize=256)(self._read)

    def read(
        self, operation: Operation, prompt: str, llm_string: str, options: CallOptions
    ) -> Flow[Asked | Bypassed | Miss]:
        """Read a call, or say why it cannot be cached."""
        settings = self.settings
        try:
            source = options.namespace or settings.namespace
            namespace = source() if callable(source) else source
            if not isinstance(namespace, str):
                raise TypeError("namespace is not a string")
        except Exception as error:
            let_through(error)
            # Without its tenant a call must see no entry at all.
            self.failed(operation, "namespace", type(error).__name__)
            return Miss("namespace_failed")
        hook = settings.question
        try:
            if hook is not None:
                question = yield Work(lambda: read_with(hook, prompt), len(prompt))
                if question is None:
                    return Bypassed(operation, "question_hook")
                reading = self._interpret(question, llm_string, namespace)
            elif (size := len(prompt) + len(llm_string)) <= REMEMBERED_CHARS:
                reading = self._reading(prompt, llm_string, namespace)
            else:
                reading = yield Work(lambda: self._read(prompt, llm_string, namespace), size)
        except Exception as error:
            let_through(error)
            self.failed(operation, "question", type(error).__name__)
            return Miss("question_failed")
        self.reporter.recovered("namespace")
        self.reporter.recovered("question")
        if reading.refused is not None:
            if reading.refused == INDISTINCT:
                self.reporter.once(Failed("lookup", "model", "ObjectsWithoutRepr"))
            return Bypassed(operation, reading.refused)
        return Asked(reading.question, reading.scope, reading.key, reading.model, options)

    def _read(self, prompt: str, llm_string: str, namespace: str) -> Reading:
        return self._interpret(read(prompt, self.settings.context), llm_string, namespace)

    def _interpret(self, question: Question, llm_string: str, namespace: str) -> Reading:
        model = read_model(llm_string)
        question = self._limited(question)
        schema = self.settings.schema
        parts = (model.identity, self._way, question.context)
        eligible = scope(schema.embedding_id, namespace, *parts)
        key = schema.key(eligible, question.text)
        refused = self._refused(question, model)
        return Reading(question, eligible, key, model.label, refused)

    def _refused(self, question: Question, model: Model) -> str | None:
        """Say why nobody or the owner of the cache wants to have this call answered from it."""
        settings, temperature = self.settings, model.temperature
        if not model.distinct:
            return INDISTINCT
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
        remembered = asked.key[-WIDTH:]  # the digest of the text, whatever the scope
        vector = self.memory.get(remembered)
        if vector:
            return vector
        if vector == FAILED and operation == "update":
            self.memory.drop(remembered)
            return None
        started = time.perf_counter()
        asked_embedder = True
        try:
            numbers = yield Embed(asked.text)
            vector = pack(numbers, self.settings.schema.vector_type)
        except EmbeddingUnavailableError as error:
            asked_embedder = not error.suspended
            self._not_embedded(operation, asked, error.label)
            return None
        except VectorError as error:
            self._not_embedded(operation, asked, str(error))
            return None
        finally:
            if asked_embedder:
                spent = time.perf_counter() - started
                asked.embedding_seconds += spent
                self.reporter.spent("embedding", spent)
        self.reporter.recovered("embedding")
        if asked.options.remember:
            self.memory.put(remembered, vector)
        return vector

    def _not_embedded(self, operation: Operation, asked: Asked, error: str) -> None:
        # The update that follows must not wait for the embedder once more.
        if operation == "lookup" and asked.options.remember:
            self.memory.put(asked.key[-WIDTH:], FAILED)
        self.failed(operation, "embedding", error)

    def send(
        self,
        asked: Asked,
        commands: Sequence[Command],
        *,
        atomic: bool = False,
        write: bool = False,
    ) -> Flow[Sequence[Any]]:
        started = time.perf_counter()
        try:
            replies: Sequence[Any] = yield Send(commands, atomic, write)
            return replies
        finally:
            spent = time.perf_counter() - started
            asked.redis_seconds += spent
            self.reporter.spent("redis", spent)

    def failed(self, operation: Operation, stage: str, error: str) -> None:
        self.reporter.emit(Failed(operation, stage, error))
