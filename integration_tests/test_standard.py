"""LangChain's own standard suites, sync and async."""

from __future__ import annotations

import pytest
from langchain_core.caches import BaseCache
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from langchain_redis_semcache import RedisSemanticCache


class TestSync(SyncCacheTestSuite):
    """The sync suite."""

    @pytest.fixture
    def cache(self, cache: RedisSemanticCache) -> BaseCache:
        return cache


class TestAsync(AsyncCacheTestSuite):
    """The async suite."""

    @pytest.fixture
    async def cache(self, cache: RedisSemanticCache) -> BaseCache:
        return cache
