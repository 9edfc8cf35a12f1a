"""The middleware refuses nonsense when it is made."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache.agents import SemanticCacheMiddleware
from tests.agents.lab import a_cache


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cache": InMemoryCache()}, "takes a RedisSemanticCache"),
        ({"tools": "search_docs"}, r"tools=\('search_docs',\)"),
        ({"tools": [print]}, r"tools=\('search_docs',\)"),
        ({"tools": [""]}, r"tools=\('search_docs',\)"),
        ({"tools": 1}, r"tools=\('search_docs',\)"),
        ({"tool_results": "search_docs"}, r"tool_results=\('search_docs',\)"),
    ],
)
def test_nonsense(arguments: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused, with what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        SemanticCacheMiddleware(**{"cache": a_cache([]), **arguments})


@pytest.mark.parametrize("missing", ["langchain", "langgraph"])
def test_without_langchain(missing: str) -> None:
    """Who lacks the extra is told its name."""
    script = f"import sys; sys.modules[{missing!r}] = None; import langchain_redis_semcache.agents"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'pip install "langchain-redis-semcache[agents]"' in ran.stderr.splitlines()[-1]
