from __future__ import annotations

from typing import Any

import pytest

from tests.models.lab import Counted, CountingCache


@pytest.fixture
def cache() -> CountingCache:
    return CountingCache()


@pytest.fixture
def counted(cache: CountingCache) -> Counted:
    return cache.counted


@pytest.fixture
def made(cache: CountingCache) -> Any:
    """Makes models of a class that go to the cache and count with it."""

    def make(kind: type[Any], **fields: Any) -> Any:
        return kind(**{"cache": cache, "counted": cache.counted, **fields})

    return make
