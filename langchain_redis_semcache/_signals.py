"""What a signal handler raises is the application's own, wherever it strikes: it goes through.

A soft time limit (Celery's, RQ's, one made with SIGALRM) raises wherever the main thread happens to
be, often while it waits for Redis. To swallow that would take the limit away from its owner. Its
class says nothing, since anything may be raised; its traceback names the handler.
"""

from __future__ import annotations

import functools
import inspect
import signal
import sys
import threading
from types import CodeType, FrameType, TracebackType
from typing import Any


def let_through(error: BaseException) -> None:
    """Raise again what a signal handler raised; return where anything else went wrong.

    To be called first wherever every exception is caught.
    """
    own = raised_by_signal(error)
    if own is not None:
        raise own


def raised_by_signal(error: BaseException) -> BaseException | None:
    """Return what a signal handler raised, be it this error or what a library made it from."""
    if threading.current_thread() is not threading.main_thread():
        return None  # handlers run in the main thread only
    handlers = _handlers()
    if not handlers:
        return None
    callers = _callers(error.__traceback__)
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        trace = one.__traceback__
        if trace is not None and trace.tb_frame in callers:
            return None  # the application was already handling it when it called us
        while trace is not None:
            if trace.tb_frame.f_code in handlers:
                return one
            trace = trace.tb_next
        one = one.__cause__ or one.__context__
    return None


def _handlers() -> set[CodeType]:
    found = map(_code, map(signal.getsignal, range(1, signal.NSIG)))
    return {code for code in found if code is not None}


def _code(handler: Any) -> CodeType | None:
    """Return the code whose frame is in the traceback of what the handler raises."""
    if isinstance(handler, functools.partial):
        return _code(handler.func)
    if not inspect.isroutine(handler):
        handler = getattr(handler, "__call__", None)  # noqa: B004 - to look at it, not to test for it
    code = getattr(handler, "__code__", None)  # a method has that of its function
    return code if isinstance(code, CodeType) else None


def _callers(trace: TracebackType | None) -> set[FrameType]:
    """Return the running frames around the one in which an error was caught."""
    caught = None if trace is None else trace.tb_frame
    running: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame is caught:
            running.clear()
        else:
            running.append(frame)
        frame = frame.f_back
    return set(running)
