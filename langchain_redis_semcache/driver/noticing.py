"""Noticing that a model has failed in a thread: LangChain tells a cache nothing of it.

Rule of this module: one handler per process, made when the first cache wants it. A task needs none:
its end is noticed by itself.
"""

from __future__ import annotations

import threading
import weakref
from contextvars import ContextVar
from typing import Any, Protocol

from langchain_core.callbacks import BaseCallbackHandler
from typing_extensions import override

__all__ = ["notice_failures"]


class Leads(Protocol):
    """Whoever has to hear of it."""

    def left(self, caller: Any) -> None: ...


_everybody: weakref.WeakSet[Any] = weakref.WeakSet()


class _Failures(BaseCallbackHandler):
    """Hears of a model's error in the thread in which it was raised."""

    run_inline = True
    ignore_agent = ignore_chain = ignore_retriever = ignore_retry = ignore_custom_event = True

    @override
    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the default would have LangChain write all messages into one text."""

    @override
    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        me = threading.current_thread()
        for one in list(_everybody):
            one.left(me)


_FAILURES = _Failures()
_handler: ContextVar[Any] = ContextVar("semcache_noticing", default=_FAILURES)
_registered = False


def notice_failures(flights: Leads) -> None:
    """Tell these flights, as long as they exist, which thread's model has failed."""
    global _registered
    _everybody.add(flights)
    if not _registered:
        from langchain_core.tracers.context import register_configure_hook

        _registered = True
        register_configure_hook(_handler, inheritable=False)
