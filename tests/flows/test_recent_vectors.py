"""Vectors wait for the update that follows, in bounded memory."""

from __future__ import annotations

import threading

from langchain_redis_semcache.flows.recent_vectors import DEFAULT_CAPACITY, VectorMemory


def test_remembers() -> None:
    """What was put in last is there until it is dropped."""
    memory = VectorMemory()
    assert memory.get("a") is None
    memory.put("a", b"1")
    memory.put("a", b"2")
    assert memory.get("a") == b"2"
    memory.drop("a")
    memory.drop("a")
    assert memory.get("a") is None


def test_bounded() -> None:
    """The oldest goes first, and what was put in again is young."""
    memory = VectorMemory(capacity=2)
    for name in ("a", "b", "a", "c"):
        memory.put(name, name.encode())
    assert [memory.get(name) for name in "abc"] == [b"a", None, b"c"]


def test_threads() -> None:
    """Threads may use it at the same time."""
    memory = VectorMemory()

    def work(name: str) -> None:
        for n in range(500):
            memory.put(f"{name}{n}", b"v")
            memory.get(f"{name}{n - 1}")
            memory.drop(f"{name}{n - 2}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [memory.get(f"{name}{n}") for name in "abcd" for n in range(500)]
    assert sum(vector is not None for vector in kept) <= DEFAULT_CAPACITY
    assert memory.get("a499") == b"v" or len(kept) > DEFAULT_CAPACITY
