"""Whatever an application gives us can be called in a thread, and awaited where it can be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from langchain_redis_semcache.bounded.callables import ways


class Both:
    def verify(self, text: str) -> str:
        return f"sync {text}"

    async def averify(self, text: str) -> str:
        return f"async {text}"


class OnlyAsync:
    async def verify(self, text: str) -> str:
        return f"async {text}"


class AsyncCall:
    async def __call__(self, text: str) -> str:
        return f"async {text}"


async def coroutine(text: str) -> str:
    return f"async {text}"


@pytest.mark.parametrize(
    ("subject", "sync", "awaited"),
    [
        (Both(), "sync x", "async x"),
        (OnlyAsync(), "async x", "async x"),
        (AsyncCall(), "async x", "async x"),
        (coroutine, "async x", "async x"),
        (lambda text: f"sync {text}", "sync x", None),
        (lambda text: coroutine(text), "async x", None),
    ],
)
def test_whatever_is_given_can_be_called_both_ways(
    subject: Any, sync: str, awaited: str | None
) -> None:
    """A coroutine is never taken for a verdict."""
    call, acall = ways(subject, "verify", "x")
    assert call() == sync
    if acall is None:
        assert awaited is None
    else:

        async def run() -> Any:
            assert acall is not None
            return await acall()

        assert asyncio.run(run()) == awaited
