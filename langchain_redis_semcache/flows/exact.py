"""The identical question: its key is computable, so its entry is fetched directly.

Rule of this module: an alias is a pointer, one more wording of an entry that exists. It is followed
only to the very answer that it was made for: what was deleted, replaced or has expired is gone
under every wording. An entry says itself of which question in which scope it is, so that one that
was asked for by somebody else is told from ours.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from .._effects import Command, ErrorReply, Flow
from ..entry import query
from ..entry.candidate import Candidate
from ..question.digest import raw
from .audit import Learning
from .calls import Asked, Calls, Result
from .scopes import KnownScopes
from .search import SearchIndex
from .serve import Server
from .shared import Shared


class ExactLookup:
    """Finds the entry of an identical question, under its own key or another's."""

    def __init__(
        self,
        calls: Calls,
        server: Server,
        search: SearchIndex,
        scopes: KnownScopes,
        shared: Shared,
        fields: tuple[str, ...],
        learning: Learning | None,
    ) -> None:
        self._calls = calls
        self._server = server
        self._search = search
        self._scopes = scopes
        self._shared = shared
        self._learning = learning
        self._fields = ("response", "created_at", "of", "scope", "prompt", *fields)

    def look(self, asked: Asked) -> Flow[Result | None]:
        """Return the hit, or a miss where nothing else can be tried, or None: go on."""
        fetched = self._fetched(asked)
        commands: list[Command] = [("HMGET", asked.key, *fetched)]
        if self._learning is not None:
            commands += self._learning.refresh()
        known = asked.exact_only or asked.scope in self._scopes
        apart = not known and self._search.apart()
        count = None if known or apart else self._search.count(asked.scope)
        if count is not None:
            commands.append(count)
        asking = self._shared.due()
        commands += asking
        scope, prompt = raw(asked.scope), raw(asked.text)
        replies = yield from self._calls.send(
            asked, commands, ours=lambda replies: _is_entry_of(replies[0], fetched, scope, prompt)
        )
        reply, *others = replies
        if asking and len(replies) == len(commands):
            self._shared.heard(others.pop())
            if (closed := self._shared.closed("lookup")) is not None:
                return Result(None, closed)
        empty = count is not None and bool(others) and self._is_empty(asked, others.pop())
        if self._learning is not None and others:
            self._learning.absorb(others[0])
        if isinstance(reply, ErrorReply):
            return self._refused(asked, reply)
        self._calls.reporter.recovered("redis")
        fields = _read(reply, fetched)
        if fields is None:
            if apart:
                send = partial(self._calls.send, asked)
                counted = yield from self._search.counted(send, asked.scope)
                empty = counted is not None and self._is_empty(asked, counted)
            return self._alone(asked, empty)
        found = Candidate(asked.key, asked.text, 0.0, None, fields)
        if fields[b"of"] is not None:
            return (yield from self._follow(asked, found))
        return (yield from self._server.serve(asked, found, "exact"))

    def _is_empty(self, asked: Asked, counted: Any) -> bool:
        """Tell whether nothing of this scope can be near; a scope that has something is known.

        Also where there is a hit: who only ever asks identical questions need not count each time.
        """
        if self._search.is_empty(counted):
            return True
        if not isinstance(counted, ErrorReply):
            self._scopes.add(asked.scope)
        return False

    def _alone(self, asked: Asked, empty: bool) -> Result | None:
        """Return a miss where there is nothing in this scope that could be near."""
        return self._calls.miss(asked, "no_candidate") if empty else None

    def _follow(self, asked: Asked, alias: Candidate) -> Flow[Result | None]:
        target = query.text(alias.fields[b"of"])
        ours = target.startswith(self._calls.settings.schema.start(asked.scope))
        if not ours or not self._server.authentic(alias):
            self._calls.failed("lookup", "entry", "Unsigned" if ours else "Unreadable")
            return None
        fetched = self._fetched(asked)
        fetch, scope = ("HMGET", target, *fetched), raw(asked.scope)
        (reply,) = yield from self._calls.send(
            asked, [fetch], ours=lambda replies: _is_entry_of(replies[0], fetched, scope)
        )
        if isinstance(reply, ErrorReply):
            return self._refused(asked, reply)
        fields = _read(reply, fetched)
        if fields is None or fields[b"response"] is None:
            return None
        if fields[b"created_at"] != alias.fields[b"created_at"]:
            return None
        question = query.text(fields[b"prompt"])
        if self._calls.settings.schema.key(asked.scope, question) != target:
            self._calls.failed("lookup", "entry", "Misplaced")
            return None
        found = Candidate(target, question, 0.0, None, fields)
        return (yield from self._server.serve(asked, found, "exact"))

    def _fetched(self, asked: Asked) -> tuple[str, ...]:
        """Return the fields that are wanted of an entry, each once."""
        more = self._server.wanted(asked)
        return self._fields if not more else tuple(dict.fromkeys((*self._fields, *more)))

    def _refused(self, asked: Asked, reply: ErrorReply) -> Result | None:
        # A key of another type under our name is nobody's answer; the store replaces it.
        stage = "entry" if reply.code == "WRONGTYPE" else "redis"
        self._calls.failed("lookup", stage, reply)
        return None if stage == "entry" else self._calls.miss(asked, "redis_unavailable")


def _is_entry_of(
    reply: Any, fetched: tuple[str, ...], scope: bytes, prompt: bytes | None = None
) -> bool:
    """Tell whether a reply is nothing, an error, or an entry of this scope and question."""
    if not isinstance(reply, (list, tuple)):
        return isinstance(reply, ErrorReply)
    if len(reply) != len(fetched):
        return False
    if reply[3] == scope and (prompt is None or reply[4] == prompt):
        return True
    return reply[0] is None and reply[2] is None


def _read(reply: Any, fetched: tuple[str, ...]) -> dict[bytes, Any] | None:
    if not isinstance(reply, (list, tuple)) or len(reply) != len(fetched):
        return None
    if reply[0] is None and reply[2] is None:
        return None
    return dict(zip(_names(fetched), reply, strict=True))


@lru_cache
def _names(fields: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(name.encode() for name in fields)
