"""One streamed call as a generator: it yields what is to be done, and does nothing itself.

Rule of this module: sync and async streams are the same flow; the drivers carry it out.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from .collecting import Collected
from .replay import ODDITIES, Replay, as_chunks

__all__ = ["Flow", "Give", "Leave", "Lookup", "Mark", "Pull", "Store"]
__all__ += ["raced", "replayed", "streamed"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the cache."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Return metadata that say where the answer is going to be stored, or None."""


@dataclass(frozen=True, slots=True)
class Pull:
    """Get the model's next chunk, None at the end."""


@dataclass(slots=True)  # frozen would take twice as long, once a chunk
class Give:
    """Hand a chunk to the consumer, who may never come back."""

    chunk: ChatGenerationChunk


@dataclass(frozen=True, slots=True)
class Store:
    """Store the answer."""

    answers: Sequence[ChatGeneration]


@dataclass(frozen=True, slots=True)
class Leave:
    """Store nothing, for this reason."""

    reason: str


Flow: TypeAlias = Generator[Lookup | Mark | Pull | Give | Store | Leave, Any, None]

_LOOKUP, _MARK, _PULL = Lookup(), Mark(), Pull()


def streamed(replay: Replay, output_version: str | None) -> Flow:
    """Answer a stream from the cache, or by the model, whose answer is stored once complete.

    What ends it early (an error, a cancelled task, a closed generator) ends this flow as well, in
    front of the store.
    """
    answer = yield _LOOKUP
    if answer is not None:
        for chunk in as_chunks(answer, replay):
            yield Give(chunk)
        return
    collected = Collected()
    marked = False
    while (chunk := (yield _PULL)) is not None:
        if collected.add(chunk) and not marked:
            marked = True  # sums of chunks would say it twice
            metadata = (yield _MARK) or {}
            # Not in place: what was collected is stored, and without the mark.
            chunk.message.response_metadata = {**chunk.message.response_metadata, **metadata}
        yield Give(chunk)
    yield _kept(collected, output_version)


def _kept(collected: Collected, output_version: str | None) -> Store | Leave:
    if not collected.finished:
        return Leave("no_finish_reason")
    try:
        return Store([collected.answer(output_version)])
    except ODDITIES:  # the consumer has had it all the same
        return Leave("contradictory_chunks")


def replayed(answer: ChatGeneration | None, replay: Replay) -> Flow:
    """Stream what LangChain has looked up itself, or else the model; LangChain stores it."""
    if answer is not None:
        for chunk in as_chunks(answer, replay):
            yield Give(chunk)
        return
    while (chunk := (yield _PULL)) is not None:
        yield Give(chunk)


def raced(replay: Replay) -> Flow:
    """Stream what the lookup that LangChain has begun finds, or the model; LangChain stores it."""
    yield from replayed((yield _LOOKUP), replay)
