"""What is known of the runs under way: which were begun here, and what has been said in them.

Rule of this module: messages prove nothing, since a client may have sent them, ids included; an
answer counts only where all that was said since the question is known from here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from langchain_core.caches import BaseCache
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from .words import Words

__all__ = ["Run", "Runs", "let_go", "question_of"]

MOST = 4096
"""Runs that end in an error are forgotten when so many others have begun."""


class Run:
    """One run, from its question on."""

    def __init__(self, view: BaseCache, words: Words) -> None:
        self.view = view
        """The cache with the tenant and the options of the moment at which the run began."""
        self.objection: str | None = None
        """Why the answer may not be stored."""
        self._words = _digest(words)
        self._said: set[bytes] = set()

    def object(self, reason: str) -> None:
        """Keep the first reason."""
        self.objection = self.objection or reason
        let_go(self.view)

    def said(self, message: BaseMessage) -> None:
        """Take note of what the model or a tool has said."""
        self._said.add(_fingerprint(message))

    def examine(self, words: Words, since: Iterable[BaseMessage]) -> None:
        """Object to another beginning, and to whatever was not said here."""
        if _digest(words) != self._words:
            self.object("run_changed")
        if not all(map(self._was_said, since)):
            self.object("unknown_messages")

    def _was_said(self, message: BaseMessage) -> bool:
        if _fingerprint(message) in self._said:
            return True
        # What had no id was given one by the graph.
        return _fingerprint(message.model_copy(update={"id": None})) in self._said


class Runs:
    """The runs under way, by the id of the message that asked; bounded, safe under threads.

    Several may have one id, where clients give them: the last is found, and tells its messages
    from those of the others.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def begin(self, question: str, run: Run) -> Run:
        with self._lock:
            self._runs.pop(question, None)
            self._runs[question] = run
            while len(self._runs) > self._most:
                self._runs.popitem(last=False)
        return run

    def get(self, question: str | None) -> Run | None:
        return None if question is None else self._runs.get(question)

    def end(self, question: str, run: Run) -> None:
        with self._lock:
            if self._runs.get(question) is run:
                del self._runs[question]


def let_go(view: BaseCache) -> None:
    """Say that nobody need wait for an answer, to a cache in which others may."""
    tell = getattr(view, "let_go", None)
    if tell is not None:
        tell()


def question_of(messages: Sequence[BaseMessage]) -> int | None:
    """Return where the last human message stands."""
    for position in range(len(messages) - 1, -1, -1):
        if isinstance(messages[position], HumanMessage):
            return position
    return None


def _fingerprint(message: BaseMessage) -> bytes:
    if isinstance(message, AIMessage):
        return _digest(("ai", message.id, message.content, message.tool_calls))
    if isinstance(message, ToolMessage):
        return _digest(("tool", message.content, message.tool_call_id, message.status))
    return b""


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()
