"""What becomes of a cache object when it is left, copied, pickled, or its process is forked."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

from typing_extensions import Never, Self


class Lifetime(ABC):
    """An object with connections: closed by `with`, shared by copies, made anew in a fork."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    async def aclose(self) -> None: ...

    @abstractmethod
    def _start_afresh(self) -> None:
        """Forget the parent's connections and threads, in a forked process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the cache itself: copies of a model share one."""
        return self

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> Never:
        raise TypeError(
            "a RedisSemanticCache holds connections and cannot be pickled: make one in each "
            "process, e.g. set_llm_cache(RedisSemanticCache(...)) when it starts, and pickle "
            "models with cache=None"
        )


def forget_after_fork(one: Lifetime) -> None:
    """Arrange that a child process starts afresh.

    It has none of the parent's threads, its locks may have been held by one of them, and the
    parent's sockets are not its own.
    """
    reference = weakref.ref(one)

    def in_child() -> None:
        alive = reference()
        if alive is not None:
            alive._start_afresh()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
