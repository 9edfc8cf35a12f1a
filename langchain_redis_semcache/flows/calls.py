"""One call, read: its question, its scope, its key; and what lookup and update do alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .._causes import refusal, told
from .._effects import Command, ErrorReply, Flow, NotDoneError, Send, Work
from .._signals import let_through
from ..admission import CallAdmission, CompleteAnswers
from ..entry.candidate import Candidate
from ..entry.schema import hidden
from ..events import Bypassed, Failed, Miss, Operation
from ..question.prompt import (
    REMEMBERED_CHARS,
    Question,
    read,
    read_with,
)
from ..question.scope import read_model, scope
from ..question.way import way
from ..reporting.reporter import Reporter
from .asked import Asked, Judged, Result
from .options import CallOptions
from .readings import Reading, Readings
from .settings import Settings

__all__ = ["INDISTINCT", "Asked", "Calls", "Judged", "Result", "Settings"]

INDISTINCT = "indistinct_model"


class Calls:
    """Reads calls, sends their commands, and reports what fails."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        self._way = way(settings.context, settings.question, settings.parameters)
        self._readings = Readings()
        admission = settings.admission
        self._leaves_alone = (
            admission.leaves_alone if isinstance(admission, CallAdmission) else None
        )
        # Ours goes by nothing but what a reading holds: asked once for each, not at each call.
        self._asks_once = type(admission) is CompleteAnswers

    def drop(self) -> None:
        """Forget what was asked."""
        self._readings.drop()

    def read(
        self, operation: Operation, prompt: str, llm_string: str, options: CallOptions
    ) -> Flow[Asked | Bypassed | Miss]:
        """Read a call, or say why it cannot be cached."""
        began = time.perf_counter()
        settings = self.settings
        try:
            source = options.namespace or settings.namespace
            namespace = source() if callable(source) else source
            if not isinstance(namespace, str):
                raise TypeError("namespace is not a string")
        except Exception as error:
            let_through(error)
            # Without its tenant a call must see no entry at all.
            self.raised(operation, "namespace", error)
            return Miss("namespace_failed")
        hook = settings.question
        try:
            if hook is not None:
                question = yield Work(lambda: read_with(hook, prompt), len(prompt))
                if question is None:
                    return Bypassed(operation, "question_hook")
                reading = self._interpret(question, llm_string, namespace)
            elif (size := len(prompt) + len(llm_string)) <= REMEMBERED_CHARS:
                digest, known = self._readings.get(prompt, llm_string, namespace)
                reading = known or self._read(prompt, llm_string, namespace)
                if known is None:
                    self._readings.put(digest, reading)
            else:
                reading = yield Work(lambda: self._read(prompt, llm_string, namespace), size)
            refused = self._refused(reading)
        except Exception as error:
            let_through(error)
            self.raised(operation, "question", error)
            return Miss("question_failed")
        self.reporter.recovered("namespace")
        self.reporter.recovered("question")
        if not reading.distinct:
            self.reporter.once(Failed("lookup", "model", "ObjectsWithoutRepr"))
        if refused is not None:
            return Bypassed(operation, refused)
        return Asked(reading, options, began, prompt, llm_string)

    def _read(self, prompt: str, llm_string: str, namespace: str) -> Reading:
        return self._interpret(read(prompt, self.settings.context), llm_string, namespace)

    def _interpret(self, question: Question, llm_string: str, namespace: str) -> Reading:
        model = read_model(llm_string, self.settings.parameters)
        question = self.limited(question)
        schema = self.settings.schema
        parts = (model.identity, self._way, question.context)
        eligible = scope(namespace, *parts)
        key = schema.key(eligible, question.text)
        shown = hidden(namespace) if namespace and self.settings.hides_namespaces else namespace
        about = (model.label, model.temperature, model.distinct, shown)
        reading = Reading(question, eligible, key, *about)
        if self._asks_once:
            reading.left_alone = self._left_alone(reading)
        return reading

    def _refused(self, reading: Reading) -> str | None:
        """Say why nobody or the owner of the cache wants to have this call answered from it."""
        if not reading.distinct:
            return INDISTINCT
        return reading.left_alone if self._asks_once else self._left_alone(reading)

    def _left_alone(self, reading: Reading) -> str | None:
        if self._leaves_alone is None:
            return None
        return self._leaves_alone(reading.question.text, reading.temperature)

    def limited(self, question: Question) -> Question:
        """Texts that are empty or that an embedder may cut are compared as they are."""
        limit = self.settings.max_question_chars
        if question.exact_only is None:
            if limit is not None and len(question.text) > limit:
                return replace(question, exact_only="long_question")
            if not question.text.strip():
                return replace(question, exact_only="no_text")
        return question

    def send(
        self,
        asked: Asked,
        commands: Sequence[Command],
        *,
        atomic: bool = False,
        write: bool = False,
        ours: Callable[[Sequence[Any]], bool] | None = None,
    ) -> Flow[Sequence[Any]]:
        started = time.perf_counter()
        riding, asked.riding = asked.riding, ()
        if riding and ours is not None:
            ours = partial(_beginning, ours, len(commands))
        try:
            sent = [*commands, *riding] if riding else commands
            replies: Sequence[Any] = yield Send(sent, atomic, write, ours=ours)
            if not riding:
                return replies
            asked.rode = replies[len(commands) :]
            return replies[: len(commands)]
        finally:
            spent = time.perf_counter() - started
            asked.redis_seconds += spent
            self.reporter.spent("redis", spent)

    def failed(
        self, operation: Operation, stage: str, error: str | NotDoneError | ErrorReply
    ) -> None:
        """Report a failure, and at DEBUG what is known of its cause."""
        label, cause = error, ""
        if isinstance(error, NotDoneError):
            label, cause = error.label, error.cause
        elif isinstance(error, ErrorReply):
            label, cause = error.code, refusal(error)
        self.reporter.emit(Failed(operation, stage, str(label)))
        self.reporter.explain(stage, cause)

    def raised(self, operation: Operation, stage: str, error: Exception) -> None:
        """Report what code of the application raised."""
        self.failed(operation, stage, NotDoneError(type(error).__name__, cause=told(error)))

    def miss(
        self,
        asked: Asked,
        reason: str,
        nearest: Candidate | None = None,
        guard: str | None = None,
    ) -> Result:
        """Return a miss, and what it cost."""
        event = Miss(
            reason=reason,
            distance=None if nearest is None else nearest.distance,
            entry=None if nearest is None else nearest.entry,
            guard=guard,
            model=asked.model,
            embedding_seconds=asked.embedding_seconds,
            redis_seconds=asked.redis_seconds,
            seconds=time.perf_counter() - asked.began,
        )
        return Result(None, event)


def _beginning(ours: Callable[[Sequence[Any]], bool], count: int, replies: Sequence[Any]) -> bool:
    return ours(replies[:count])
