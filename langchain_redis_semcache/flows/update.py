"""What an update does: an answer that may be kept is stored, with its TTL, in one transaction.

Where its question was not embedded by the lookup, that happens behind the call: until then the
entry is found by the identical question.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.outputs import Generation

from .._effects import (
    LARGE,
    OVERLOADED,
    Behind,
    Command,
    ErrorReply,
    Flow,
    RedisUnavailableError,
    Work,
)
from .._signals import let_through
from ..entry import documents
from ..entry.answer import EncodeError, encode, has_tool_calls
from ..entry.origin import MARK, note, stored
from ..entry.schema import tag_id
from ..entry.scripts import extend
from ..events import Bypassed, Miss, Stored
from ..question.digest import raw
from .calls import Asked, Calls
from .embedding import Embedding
from .flights import Flights
from .options import CallOptions
from .prefilter import Prefilter
from .scopes import KnownScopes
from .search import SearchIndex
from .shared import Shared
from .surroundings import Surroundings


class Store:
    """The update flow of one cache."""

    def __init__(
        self,
        calls: Calls,
        embedding: Embedding,
        search: SearchIndex,
        scopes: KnownScopes,
        shared: Shared,
        surroundings: Surroundings,
        flights: Flights | None = None,
        prefilter: Prefilter | None = None,
    ) -> None:
        self._calls = calls
        self._embedding = embedding
        self._settings = calls.settings
        self._search = search
        self._scopes = scopes
        self._shared = shared
        self._surroundings = surroundings
        self._flights = flights
        self._prefilter = prefilter
        self._embeds_first = False
        """Scripts are refused: a vector has to be stored with its entry."""

    def update(
        self, prompt: str, llm_string: str, generations: Sequence[Generation], options: CallOptions
    ) -> Flow[Stored | Bypassed | None]:
        """Store an answer, or say why not; None where something failed, which has been reported."""
        if not options.update:
            return Bypassed("update", options.reason)
        asked = yield from self._calls.read("update", prompt, llm_string, options)
        if isinstance(asked, Miss):
            return None
        if isinstance(asked, Bypassed):
            return asked
        event: Stored | Bypassed | None = None
        try:
            event = yield from self._store(asked, generations)
        finally:
            if self._flights is not None:
                ended = self._flights.stored if isinstance(event, Stored) else self._flights.failed
                ended(asked.key)
        return event

    def mark(self, prompt: str, llm_string: str, options: CallOptions) -> Flow[Any]:
        """Return metadata for an answer that is handed out before it is stored, or None."""
        if not (self._settings.mark_hits and options.update):
            return None
        asked = yield from self._calls.read("update", prompt, llm_string, options)
        return {MARK: stored(asked.key)} if isinstance(asked, Asked) else None

    def _store(
        self, asked: Asked, generations: Sequence[Generation]
    ) -> Flow[Stored | Bypassed | None]:
        refusal = self._settings.admission(asked.text, generations)
        if refusal is not None:
            return Bypassed("update", refusal)
        if self._shared.is_stale():  # the model took its time, and nobody asked meanwhile
            yield from self._shared.ask(self._shared.due())
        if (closed := self._shared.closed("update")) is not None:
            return closed
        try:
            data = yield Work(lambda: encode(generations), _size(generations))
        except EncodeError:
            return Bypassed("update", "not_plain_data")
        except TimeoutError:
            return Bypassed("update", OVERLOADED)
        if len(data) > self._settings.max_answer_bytes:
            return Bypassed("update", "answer_too_large")
        vector, later = None, False
        # A tool call is served on an exact match only: it has no place in the index.
        exact_only = asked.exact_only or has_tool_calls(generations)
        if not exact_only and self._search.works():
            vector, later = self._embedding.remembered(asked)
            if later and self._embeds_first:
                vector, later = (yield from self._embedding.vector("update", asked)), False
        fields = self._fields(asked, data)
        fields |= yield from self._said_of_scope(asked)
        try:
            if vector is not None:
                yield from self._ensure(asked, vector)
                fields |= yield from self._found_by(asked, fields, vector)
            commands = self._entry(asked, fields)
            replies = yield from self._calls.send(asked, commands, atomic=True, write=True)
        except RedisUnavailableError as error:
            if error.label == OVERLOADED:
                return Bypassed("update", OVERLOADED)
            self._calls.failed("update", "store", error)
            return None
        refused = next((r for r in replies if isinstance(r, ErrorReply)), None)
        if refused is not None:
            self._calls.failed("update", "store", refused)
            return None
        self._kept(asked, generations)
        if vector is not None:
            self._scopes.add(asked.scope)
            yield from self._follow(asked, vector)
        if later:
            yield Behind(partial(self._attach, asked, fields))
        return Stored(
            entry=asked.key,
            size=len(data),
            model=asked.model,
            embedding_seconds=asked.embedding_seconds,
            redis_seconds=asked.redis_seconds,
            seconds=time.perf_counter() - asked.began,
        )

    def _kept(self, asked: Asked, generations: Sequence[Generation]) -> None:
        """Take note that an answer is stored, and say so on its messages."""
        self._calls.reporter.recovered("store")
        self._calls.reporter.recovered("entry")
        if self._settings.mark_hits:
            note(generations, stored(asked.key))
        self._surroundings.stored(asked)

    def _attach(self, asked: Asked, fields: dict[bytes, bytes]) -> Flow[None]:
        """Embed a question whose answer has been stored, so that it is found by meaning too."""
        vector = yield from self._embedding.vector("update", asked)
        if vector is None:
            return
        try:
            yield from self._ensure(asked, vector)
            added = yield from self._found_by(asked, fields, vector)
            command = extend(asked.key, fields[b"response"], added)
            (reply,) = yield from self._calls.send(asked, [command], write=True)
        except RedisUnavailableError as error:
            self._calls.failed("update", "vector", error)
            return
        if isinstance(reply, ErrorReply):
            self._embeds_first = reply.code == "NOPERM"
            self._calls.failed("update", "vector", reply)
            return
        self._calls.reporter.recovered("vector")
        yield from self._follow(asked, vector)
        self._scopes.add(asked.scope)

    def _said_of_scope(self, asked: Asked) -> Flow[dict[bytes, bytes]]:
        """Return what explains the scope of an entry; an entry without it is as good."""
        try:
            if len(asked.prompt) <= LARGE:
                return self._surroundings.fields(asked)
            found: dict[bytes, bytes] = yield Work(
                lambda: self._surroundings.fields(asked), len(asked.prompt)
            )
            return found
        except Exception as error:
            let_through(error)
            self._calls.raised("update", "surroundings", error)
            return {}

    def _ensure(self, asked: Asked, vector: bytes) -> Flow[None]:
        if not self._search.apart():
            yield from self._search.ensure(partial(self._calls.send, asked, write=True), vector)

    def _follow(self, asked: Asked, vector: bytes) -> Flow[None]:
        """Do what comes behind a store with a vector."""
        yield from self._search.ensure_behind(vector)
        if self._prefilter is not None:
            yield from self._prefilter.follow(asked, vector)

    def _fields(self, asked: Asked, data: bytes) -> dict[bytes, bytes]:
        """Return what an entry says, without a vector."""
        options, settings = asked.options, self._settings
        fields: dict[bytes, bytes] = {b"prompt": raw(asked.text), b"response": data}
        fields[b"created_at"] = f"{time.time():.6f}".encode()
        lifetime = self._lifetime(asked)
        if lifetime is not None and (settings.sliding or settings.signer is not None):
            fields[b"ttl"] = str(lifetime).encode()  # an entry keeps the ttl it was given
        if asked.reading.question.overlap is not None:
            fields[b"documents"] = documents.named(asked.reading.question.tags)
        if settings.signer is not None:
            fields[b"signature"] = settings.signer.sign(asked.key, fields)
        fields[b"scope"] = raw(asked.scope)
        if asked.model:
            fields[b"model"] = raw(asked.model)
        if asked.reading.namespace:
            fields[b"namespace"] = raw(asked.reading.namespace)
        if tags := tuple(dict.fromkeys((*options.tags, *asked.reading.question.tags))):
            fields[b"tags"] = raw(", ".join(tags))
            fields[b"tag_ids"] = ",".join(tag_id(tag) for tag in tags).encode()
        return fields

    def _found_by(
        self, asked: Asked, fields: Mapping[bytes, bytes], vector: bytes
    ) -> Flow[dict[bytes, bytes]]:
        """Return the fields by which an entry is found, and the signature over them."""
        added = {b"vector": self._search.masked(vector, asked.scope)}
        if self._settings.signer is not None:
            added[b"signature"] = self._settings.signer.sign(asked.key, {**fields, **added})
        if self._prefilter is not None:
            added |= yield from self._prefilter.fields(asked)
        return added

    def _lifetime(self, asked: Asked) -> int | None:
        own = asked.options.ttl
        ttl = self._shared.ttl(self._settings.ttl) if own is None else own
        return None if ttl is None else max(1, int(ttl * 1000))

    def _entry(self, asked: Asked, fields: Mapping[bytes, bytes]) -> list[Command]:
        """Return the commands that replace an entry, with its TTL, as one transaction."""
        pairs = [part for pair in fields.items() for part in pair]
        # Whatever was there before, of whatever type, leaves no field behind.
        commands: list[Command] = [("UNLINK", asked.key), ("HSET", asked.key, *pairs)]
        lifetime = self._lifetime(asked)
        if lifetime is not None:
            commands.append(("PEXPIRE", asked.key, lifetime))
        return commands


def _size(generations: Sequence[Generation]) -> int:
    return sum(len(generation.text) for generation in generations)
