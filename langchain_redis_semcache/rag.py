"""Prompts with documents in them whose question the cache knows.

Rule of this module: it renders and marks; what a mark means is said in `question.marks`. Nothing
here raises because of the cache: a prompt that cannot be marked is served to an identical one only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.prompts import BaseChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor
from pydantic import BaseModel
from typing_extensions import override

from ._signals import let_through
from .errors import ConfigurationError
from .question import marks
from .question.canonical import canonical

__all__ = ["KeyedPrompt", "keyed"]

Inputs = dict[str, Any]
_LOGGER = logging.getLogger("langchain_redis_semcache")
# No template holds a NUL, and what stands in for a variable is the same in every process.
_STAND_IN = "\0{}\0"
_ESCAPED = (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"))


def keyed(
    prompt: BaseChatPromptTemplate,
    *,
    question: str = "question",
    documents: str | Iterable[str] = (),
    identical: Callable[[Inputs], Hashable] | None,
    tags: Callable[[Inputs], Iterable[str]] | None = None,
    overlap: float | None = None,
) -> KeyedPrompt:
    """Return the prompt as one whose question alone the cache compares by meaning.

    Everything else in the prompt must be identical as ever, except the documents.

    Args:
        prompt: Stands in a chain, or anywhere, as before: `keyed(prompt, ...) | model`.
        question: The variable that holds what the user asked.
        documents: The variables that hold what was retrieved for it. Another answer of the
            retriever is not another scope: `identical` says what is.
        identical: Gets the prompt's inputs and returns what must be identical beside the prompt,
            e.g. the version of the knowledge base and the filters, made of str, bytes, numbers,
            None, tuple and frozenset. None: nothing.
        tags: Gets the inputs and returns the tags of the entry, e.g. the documents' ids, so that
            `cache.delete_tagged` withdraws what was made from a document.
        overlap: Serve an answer only if this share (above 0, up to 1) of the documents behind it
            and of those retrieved now is the same, e.g. 0.5; `tags` names the documents then, and
            nothing else.
    """
    names = (documents,) if isinstance(documents, str) else tuple(documents)
    if not isinstance(prompt, BaseChatPromptTemplate):
        raise ConfigurationError(
            "keyed() takes a chat prompt, e.g. keyed(ChatPromptTemplate.from_messages([...]), ...)"
        )
    known = {*prompt.input_variables, *prompt.optional_variables}
    lists = {
        message.variable_name
        for message in getattr(prompt, "messages", ())
        if isinstance(message, MessagesPlaceholder)
    }
    for name in (question, *names):
        if name not in known or name in lists:
            raise ConfigurationError(
                f"question and documents must be variables of the prompt's texts "
                f"({', '.join(sorted(known - lists))}), not {name!r}"
            )
    for argument, given in (("identical", identical), ("tags", tags)):
        if given is not None and not callable(given):
            raise ConfigurationError(
                f"{argument} must be a function of the prompt's inputs, e.g. "
                f"{argument}=lambda inputs: inputs['version'], or None"
            )
    if overlap is not None:
        _check_overlap(overlap, tags)
    return KeyedPrompt(prompt, question, names, identical, tags, overlap)


def _check_overlap(overlap: Any, tags: object) -> None:
    if isinstance(overlap, bool) or not isinstance(overlap, (int, float)) or not 0 < overlap <= 1:
        raise ConfigurationError(
            "overlap must be a share above 0 and up to 1, e.g. overlap=0.5: half of the documents"
        )
    if tags is None:
        raise ConfigurationError(
            "overlap= compares the documents that tags= names: write e.g. "
            "tags=lambda inputs: [document.id for document in inputs['docs']]"
        )


class KeyedPrompt(Runnable[Inputs, PromptValue]):
    """A prompt that tells the cache what of it is the question; `keyed` makes it."""

    renders = True
    """It does nothing else: `explain` may."""

    def __init__(
        self,
        prompt: BaseChatPromptTemplate,
        question: str,
        documents: Sequence[str],
        identical: Callable[[Inputs], Hashable] | None,
        tags: Callable[[Inputs], Iterable[str]] | None,
        overlap: float | None,
    ) -> None:
        self.prompt = prompt
        self._question = question
        self._stand_ins = {name: _STAND_IN.format(name) for name in (question, *documents)}
        self._identical = identical
        self._tags = tags
        self._overlap = overlap
        # A selector of examples may embed the question, in time that is not the event loop's.
        self._selects = any(
            getattr(message, "example_selector", None) is not None
            for message in getattr(prompt, "messages", ())
        )

    @override
    def invoke(
        self, input: Inputs, config: RunnableConfig | None = None, **kwargs: Any
    ) -> PromptValue:
        return self._marked(input, self.prompt.invoke(input, config, **kwargs))

    @override
    async def ainvoke(
        self, input: Inputs, config: RunnableConfig | None = None, **kwargs: Any
    ) -> PromptValue:
        value = await self.prompt.ainvoke(input, config, **kwargs)
        if self._selects:
            return await run_in_executor(config, self._marked, input, value)
        return self._marked(input, value)

    @override
    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        return self.prompt.get_input_schema(config)

    def _marked(self, inputs: Any, value: PromptValue) -> PromptValue:
        messages = value.to_messages()
        if not messages or not isinstance(messages[-1], HumanMessage):
            return value
        if not isinstance(inputs, dict):
            inputs = {self._question: inputs}
        try:
            found = self._marks(inputs, messages)
        except Exception as error:
            let_through(error)
            # Which of the application's functions it was, its traceback says; no text of a user.
            kind = type(error).__name__
            _LOGGER.warning(
                "semcache: a function given to keyed() failed, or its prompt is another one for "
                "each question (%s); the call is served to an identical one only",
                kind,
                extra={"semcache_event": "KeyedFailed", "semcache_error": kind},
            )
            found = [None] * (len(messages) - 1) + [marks.unsealed()]
        return ChatPromptValue(messages=list(map(_with, messages, found)))

    def _is_framed(self, inputs: Inputs, question: str, frames: Sequence[BaseMessage]) -> bool:
        """Tell whether the frames, with the question put in, are what the prompt makes of it.

        They are not where it chooses examples by the question, or draws something anew each time.
        """
        stand_in = self._stand_ins[self._question]
        asked = self.prompt.format_messages(
            **{**inputs, **self._stand_ins, self._question: question}
        )
        escaped = question  # as Mustache does
        for character, written in _ESCAPED:
            escaped = escaped.replace(character, written)
        return any(
            [message.content for message in asked]
            == [_filled(frame.content, stand_in, one) for frame in frames]
            for one in dict.fromkeys((question, escaped))
        )

    def _marks(
        self, inputs: Inputs, messages: Sequence[BaseMessage]
    ) -> list[dict[str, Any] | None]:
        """Return the mark of each message that is not the same whatever is asked."""
        question = inputs[self._question]
        frames = self.prompt.format_messages(**{**inputs, **self._stand_ins})
        if not isinstance(question, str) or len(frames) != len(messages):
            raise TypeError("the question is no str, or decides how many messages there are")
        if not self._is_framed(inputs, question, frames):
            raise TypeError("the prompt is another one for this question, not only around it")
        identical = canonical(None if self._identical is None else self._identical(inputs))
        tags = () if self._tags is None else tuple(self._tags(inputs))
        if not all(isinstance(tag, str) and tag for tag in tags):
            raise TypeError("tags must be non-empty strings")
        of, found = marks.rendering(), []
        for message, framed in zip(messages, frames, strict=True):
            same = message.content == framed.content and message is not messages[-1]
            frame = marks.frame(framed.content)
            mark = marks.Mark(of, frame, question, identical, tags, self._overlap)
            found.append(None if same else marks.sealed(mark, message.content))
        return found


def _filled(content: Any, stand_in: str, text: str) -> Any:
    """Put a text in the place of what stands in for it."""
    if isinstance(content, str):
        return content.replace(stand_in, text)
    if isinstance(content, dict):
        return {key: _filled(value, stand_in, text) for key, value in content.items()}
    if isinstance(content, list):
        return [_filled(value, stand_in, text) for value in content]
    return content


def _with(message: BaseMessage, mark: dict[str, Any] | None) -> BaseMessage:
    if mark is None:
        return message
    additional = {**message.additional_kwargs, marks.MARK: mark}
    return message.model_copy(update={"additional_kwargs": additional})
