"""Whole runs of an agent, and results of its tools, answered from the cache.

Rule of this room: it stands on the public face of the package and on the hooks that LangChain
gives to middleware. What a run may be answered from is decided in `flow`, once for sync and async.
"""

try:
    from .middleware import SemanticCacheMiddleware
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("langchain", "langgraph"):
        raise
    hint = f'{error}: pip install "langchain-redis-semcache[agents]"'
    raise ModuleNotFoundError(hint, name=error.name) from error

__all__ = ["SemanticCacheMiddleware"]
