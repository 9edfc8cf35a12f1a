"""Options hold inside of their block, in its thread or task, and nowhere else."""

from __future__ import annotations

import asyncio
import threading

import pytest

from langchain_redis_semcache.flows.options import CallOptions, OptionStack, read_now


def test_blocks_nest() -> None:
    """An inner block changes what it names and keeps the rest; leaving undoes it."""
    stack = OptionStack()
    with stack.using(ttl=5.0, tags=("a",)):
        with stack.using(ttl=9.0):
            assert stack.current() == CallOptions(ttl=9.0, tags=("a",))
        assert stack.current() == CallOptions(ttl=5.0, tags=("a",))
    assert stack.current() == CallOptions()


def test_undone_by_an_error() -> None:
    """A block that ends with an exception is undone as well."""
    stack = OptionStack()
    with pytest.raises(KeyError), stack.using(lookup=False):
        raise KeyError
    assert stack.current() == CallOptions()


def test_two_stacks() -> None:
    """One cache's options are not another's."""
    one, two = OptionStack(), OptionStack()
    with one.using(update=False):
        assert two.current() == CallOptions()


def test_threads_and_tasks() -> None:
    """Another thread and another task see nothing of a block; a child task does."""
    stack = OptionStack()
    seen: list[CallOptions] = []

    async def inside() -> CallOptions:
        return stack.current()

    async def block() -> CallOptions:
        with stack.using(ttl=1.0):
            return await asyncio.create_task(inside())

    async def main() -> list[CallOptions]:
        return list(await asyncio.gather(block(), inside()))

    with stack.using(ttl=2.0):
        thread = threading.Thread(target=lambda: seen.append(stack.current()))
        thread.start()
        thread.join()
    assert seen == [CallOptions()]
    assert asyncio.run(main()) == [CallOptions(ttl=1.0), CallOptions()]


def test_read_now() -> None:
    """What was read once is told again whatever has become of its source, a failure included."""
    tenants = ["alice"]
    source = read_now(tenants.pop)
    failing = read_now(tenants.pop)
    tenants.append("bob")
    assert [source(), source()] == ["alice", "alice"]
    for _ in range(2):
        with pytest.raises(IndexError):
            failing()
