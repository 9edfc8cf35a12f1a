"""Whole runs of an agent, and results of its tools, answered from the cache.

Rule of this room: it stands on the public face of the package and on the hooks that LangChain
gives to middleware. What a run may be answered from is decided in `flow`, once for sync and async.
"""

from .middleware import SemanticCacheMiddleware

__all__ = ["SemanticCacheMiddleware"]
