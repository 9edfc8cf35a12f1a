"""The two drivers of a streamed call; what they do, the flow decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.outputs import ChatGenerationChunk

from .call import Question
from .flow import Flow, Give, Lookup, Mark, Pull, Store
from .racing import Ahead

__all__ = ["arun", "run"]


def run(
    flow: Flow, question: Question, live: Callable[[], Iterator[ChatGenerationChunk]]
) -> Iterator[ChatGenerationChunk]:
    """Run a flow in this thread; `live` starts the model's own stream."""
    source: Any = None
    reply: Any = None
    try:
        while (step := _next(flow, reply)) is not None:
            reply = None
            if isinstance(step, Give):
                yield step.chunk
            elif isinstance(step, Pull):
                if source is None:
                    question.call.permit()
                    source = iter(live())
                reply = next(source, None)
            elif isinstance(step, Lookup):
                reply = question.lookup()
            elif isinstance(step, Mark):
                reply = question.mark()
            elif isinstance(step, Store):
                question.update(step.answers)
            else:
                question.leave(step.reason)
    finally:
        flow.close()
        if hasattr(source, "close"):
            source.close()
        question.let_go()


async def arun(
    flow: Flow, question: Question, live: Callable[[], AsyncIterator[ChatGenerationChunk]]
) -> AsyncIterator[ChatGenerationChunk]:
    """Do as a task what `run` does; where models race, this one starts during the lookup."""
    source: Any = None
    reply: Any = None

    def begin() -> None:
        nonlocal source
        source = Ahead(question.call.apermit, live)

    try:
        while (step := _next(flow, reply)) is not None:
            reply = None
            if isinstance(step, Give):
                yield step.chunk
            elif isinstance(step, Pull):
                if source is None:
                    await question.call.apermit()
                    source = aiter(live())
                reply = await anext(source, None)
            elif isinstance(step, Lookup):
                reply = await question.alookup(begin)
                if reply is not None and source is not None:
                    source.drop()
                    source = None
            elif isinstance(step, Mark):
                reply = await question.amark()
            elif isinstance(step, Store):
                await question.aupdate(step.answers)
            else:
                question.leave(step.reason)
    finally:
        flow.close()
        if hasattr(source, "aclose"):
            await source.aclose()
        question.let_go()


def _next(flow: Flow, reply: Any) -> Any:
    try:
        return flow.send(reply)
    except StopIteration:
        return None
