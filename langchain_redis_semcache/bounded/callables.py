"""The two ways to call what an application gave us: in a thread, or awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Ways: TypeAlias = tuple[Callable[[], Any], Callable[[], Awaitable[Any]] | None]


def ways(subject: Any, method: str, *args: Any) -> Ways:
    """Return how to call `subject.method` or `subject` itself, sync and (or None) async.

    Its async twin is `amethod`; a coroutine function serves both ways.
    """
    plain = getattr(subject, method, None) or subject
    twin = getattr(subject, f"a{method}", None)
    if twin is None and _is_async(plain):
        twin = plain

    def call() -> Any:
        result = plain(*args)
        # Whatever was not awaited would count as a yes.
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    return call, None if twin is None else lambda: twin(*args)


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _is_async(function: Any) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - to look at it, not to test for it
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def is_late(error: BaseException) -> bool:
    """Tell whether a call did not end in time; Python 3.10 has two classes for that."""
    return isinstance(error, (TimeoutError, asyncio.TimeoutError))
