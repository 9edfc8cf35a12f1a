"""Per-call options: what the `with` blocks of a cache set, read by the calls inside.

A ContextVar per cache, so that blocks work in threads and tasks and never leak out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from .._signals import let_through


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What applies to the current call instead of the cache's own settings."""

    lookup: bool = True
    update: bool = True
    reason: str = ""
    """Why a lookup or an update is left out."""
    tags: tuple[str, ...] = ()
    ttl: float | None = None
    distance_threshold: float | None = None
    remember: bool = True
    """Whether the update that follows may use what this lookup finds out."""
    namespace: Callable[[], str] | None = None
    """The namespace as it was read before, for calls that are made later than they are meant."""
    meanwhile: Callable[[], None] | None = None
    """Told when a lookup goes on to embed the question, which takes its time."""
    caller: Any = None
    """Who makes the call, where another task makes it in his place."""


_DEFAULT = CallOptions()


class OptionStack:
    """The options in force in the current context."""

    def __init__(self) -> None:
        self._current: ContextVar[CallOptions] = ContextVar("semcache_options", default=_DEFAULT)

    def current(self) -> CallOptions:
        return self._current.get()

    @contextmanager
    def using(self, **changes: Any) -> Iterator[None]:
        """Change the given options inside of the block."""
        token = self._current.set(replace(self._current.get(), **changes))
        try:
            yield
        finally:
            self._current.reset(token)


def read_now(source: Callable[[], str]) -> Callable[[], str]:
    """Return a source of what this one says now, the exception that it raises included."""
    try:
        value = source()
    except Exception as error:
        let_through(error)
        return partial(_raise, error)
    return lambda: value


def _raise(error: Exception) -> NoReturn:
    raise error
