"""Answers that are in the cache before anybody asks: given ones, or a model's.

Rule of this module: what is stored is what the application's own call would have stored, under its
own key; what is there already is left alone, so that warming can be resumed. Nothing is looked up
by meaning: each question gets its own answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from .._effects import Ask, AskFailedError, Flow
from ..errors import ConfigurationError
from ..events import Stored
from .admin import send
from .asked import Asked
from .held import strings
from .lookup import Core
from .options import CallOptions, OptionStack

Row = str | tuple[str, str] | Mapping[str, Any]
Outcome = Literal["stored", "present", "refused", "failed"]
PATIENCE = 600.0
"""Seconds for one answer of the model."""


def warm(
    core: Core, options: OptionStack, rows: Iterable[Row], model: Any, system: str | None
) -> Iterator[Flow[Sequence[Outcome]]]:
    """Return flows to be run one after the other; each is about one question."""
    current = replace(options.current(), lookup=False, update=True)
    for row in rows:
        question, answer = _read(row)
        if question:
            yield _warm(core, current, (question, answer), model, system)


def _warm(
    core: Core,
    options: CallOptions,
    row: tuple[str, str | None],
    model: Any,
    system: str | None,
) -> Flow[Sequence[Outcome]]:
    from langchain_core.messages import HumanMessage, SystemMessage

    question, answer = row
    given: Any = [HumanMessage(question)]
    if system:
        given = [SystemMessage(system), *given]
    prompt, llm_string = strings(question if _completes(model) and not system else given, model)
    asked = yield from core.calls.read("update", prompt, llm_string, options)
    if not isinstance(asked, Asked):
        return ["refused"]
    (there,) = yield from send([("HMGET", asked.key, "response")], ("wrongtype",))
    if isinstance(there, (list, tuple)) and there[0] is not None:
        return ["present"]
    if answer is None:
        try:
            generations = yield Ask(_Model(model), "answer", (given, prompt), PATIENCE)
        except AskFailedError:
            return ["failed"]
    else:
        generations = _told(answer, model)
    event = yield from core.store.update(prompt, llm_string, generations, options)
    if event is None:
        return ["failed"]
    core.calls.reporter.emit(event)
    return ["stored" if isinstance(event, Stored) else "refused"]


def _read(row: Row) -> tuple[str, str | None]:
    if isinstance(row, str):
        return row, None
    question, answer = (row.get("question"), row.get("answer")) if isinstance(row, Mapping) else row
    if not isinstance(question, str) or not (answer is None or isinstance(answer, str)):
        raise ConfigurationError(
            'warm takes questions, pairs of question and answer, or {"question": .., "answer": ..}'
        )
    return question, answer


def _completes(model: Any) -> bool:
    from langchain_core.language_models import BaseLLM

    return isinstance(getattr(model, "bound", model), BaseLLM)


def _told(answer: str, model: Any) -> list[Any]:
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, Generation

    if _completes(model):
        return [Generation(text=answer)]
    return [ChatGeneration(message=AIMessage(answer))]


class _Model:
    """Asks a model past every cache, with what is bound to it."""

    def __init__(self, model: Any) -> None:
        kwargs: dict[str, Any] = {}
        while hasattr(model, "bound"):
            kwargs, model = {**model.kwargs, **kwargs}, model.bound
        self._model = model.model_copy(update={"cache": False})
        self._kwargs = kwargs

    def answer(self, given: Any, prompt: str) -> list[Any]:
        asked = prompt if _completes(self._model) else given
        generations: list[Any] = self._model.generate([asked], **self._kwargs).generations[0]
        return generations

    async def aanswer(self, given: Any, prompt: str) -> list[Any]:
        asked = prompt if _completes(self._model) else given
        found = await self._model.agenerate([asked], **self._kwargs)
        generations: list[Any] = found.generations[0]
        return generations
