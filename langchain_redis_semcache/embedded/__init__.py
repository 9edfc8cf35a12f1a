"""A real server and real embeddings from wheels: what a first try needs beside the package.

Nothing here downloads anything, needs an account, or is used by the rest of the package.
"""

from .embeddings import LocalEmbeddings
from .failures import EmbeddedRedisError
from .redis import EmbeddedRedis

__all__ = ["EmbeddedRedis", "EmbeddedRedisError", "LocalEmbeddings"]
