"""Chat models whose streams are answered from the cache and stored in it.

Rule of this room: it stands on the public face of the package and on the methods that LangChain
gives to those who write chat models (`_stream`, `_generate` and their async twins); the caching
itself is the cache's business.
"""

from .everywhere import enable_streaming
from .replay import Replay
from .wrapping import cached

__all__ = ["Replay", "cached", "enable_streaming"]
