"""`enable_streaming()`: all chat models of the process, also those that libraries make.

Rule of this module: it replaces public methods of `BaseChatModel` and can take that back.
"""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from langchain_core.language_models import BaseChatModel

from .call import Manner
from .classes import GENERATES, STREAMS, entered
from .replay import Replay
from .wrapping import checked_manner

__all__ = ["enable_streaming"]

_LOGGER = logging.getLogger("langchain_redis_semcache")
_LOCK = threading.Lock()
_ACTIVE: list[_Switch] = []
_INSTALLED: dict[str, tuple[Any, Any]] = {}


class _Switch(AbstractContextManager[Any]):
    """What `enable_streaming` returns: called, or left as a block, it undoes it."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.refused: set[type[Any]] = set()

    def __call__(self) -> None:
        with _LOCK:
            if self in _ACTIVE:
                _ACTIVE.remove(self)
            if not _ACTIVE:
                _restore()

    def __enter__(self) -> _Switch:
        return self

    def __exit__(self, *_: Any) -> None:
        self()


def enable_streaming(*, replay: Replay = "few", racing: bool = False) -> _Switch:
    """Serve the streams of every chat model in this process from its cache.

    What is returned undoes it, called or as a `with` block. It may be switched on several times;
    the last one's arguments, which are those of `cached`, count for models that are not `cached()`
    themselves.
    """
    switch = _Switch(checked_manner(replay, racing))
    with _LOCK:
        if not _ACTIVE:
            _patch()
        _ACTIVE.append(switch)
    return switch


def _patch() -> None:
    for name in (*STREAMS, *GENERATES):
        original = vars(BaseChatModel).get(name)
        if original is not None:
            ours = _served(name, original)
            _INSTALLED[name] = (original, ours)
            setattr(BaseChatModel, name, ours)


def _restore() -> None:
    for name, (original, ours) in _INSTALLED.items():
        # Somebody else's patch on top of ours stays; ours below it lets everything through.
        if vars(BaseChatModel)[name] is ours:
            setattr(BaseChatModel, name, original)
    _INSTALLED.clear()


def _served(name: str, original: Any) -> Any:
    core_asks = name in GENERATES

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(_view(self, core_asks), *args, **kwargs)

    return method


def _view(model: BaseChatModel, core_asks: bool) -> BaseChatModel:
    active = _ACTIVE[-1:]
    if not active or type(model) in active[0].refused:
        return model
    try:
        return entered(model, active[0].manner, core_asks=core_asks)
    except Exception as error:
        # A class of a kind that cannot be derived from or copied: it works as ever.
        active[0].refused.add(type(model))
        _LOGGER.warning(
            "semcache: %s cannot be streamed from the cache (%s); its streams go by the model",
            type(model).__name__,
            type(error).__name__,
            extra={
                "semcache_event": "NotStreamed",
                "semcache_model": type(model).__name__,
                "semcache_error": type(error).__name__,
            },
        )
        return model
