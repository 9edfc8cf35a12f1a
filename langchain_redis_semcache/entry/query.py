"""FT.SEARCH: how the nearest entries are asked for, and its replies in RESP2 and RESP3.

Each search gives the distance a name of its own, so that a reply shows which search it answers.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from .._effects import Command, ErrorReply
from ..question.digest import raw
from .candidate import Candidate
from .engine import Engine, is_partial

_FIELDS = ("prompt", "response", "created_at")
CANDIDATES = 4
"""The nearest may be vetoed by a guard while the next is right; more than a few never matter."""
EF_RUNTIME = 64
"""Finds what 32 loses among real sentences in many scopes; docs/benchmarks.md has the numbers."""


@dataclass(frozen=True)
class Search:
    """The searches of one index, as commands."""

    index: str
    hnsw: bool
    fields: tuple[str, ...] = ()
    """What is wanted of an entry besides `_FIELDS`; each costs a lookup per candidate."""
    candidates: int = CANDIDATES
    milliseconds: int = 400
    """For the server to give up in: nobody waits for what comes later."""
    engine: Engine = field(default_factory=Engine)
    vector_field: str = "vector"
    distances_only: bool = False
    """Nothing is wanted of an entry but how far away it is."""
    size: Command = field(init=False)
    """What tells how many entries the index has; FT.INFO may be forbidden."""

    def __post_init__(self) -> None:
        size = ("FT.SEARCH", self.index, "*", "NOCONTENT", "LIMIT", 0, 0, "DIALECT", 2)
        object.__setattr__(self, "size", size)

    def knn(self, vector: bytes, distance: str) -> Command:
        """Return the search among all scopes: cheap at every size of the index."""
        return self._search("*", vector, distance)

    def knn_within(self, scope: str, vector: bytes, distance: str) -> Command:
        """Return the search within one scope."""
        return self._search(f"@scope:{{{scope}}}", vector, distance)

    def count(self, scope: str) -> Command:
        """Return what tells whether a scope has an entry: FT.SEARCH would count all there are."""
        command: Command = ("FT.AGGREGATE", self.index, f"@scope:{{{scope}}}", "LIMIT", 0, 1)
        return (*command, "TIMEOUT", self.milliseconds, "DIALECT", 2)

    def _search(self, where: str, vector: bytes, distance: str) -> Command:
        # The exact search within a scope has no use for a width.
        option = f" EF_RUNTIME {EF_RUNTIME}" if self.hnsw and where == "*" else ""
        query = f"{where}=>[KNN {self.candidates} @{self.vector_field} $v{option} AS {distance}]"
        fields: tuple[str, ...] = (distance,)
        if not self.distances_only:
            fields += (*_FIELDS, *self.fields)
        command: Command = ("FT.SEARCH", self.index, query, "PARAMS", 2, "v", vector)
        command += ("RETURN", len(fields), *fields)
        if self.engine.sorts:
            command += ("SORTBY", distance)
        if self.engine.insists:
            command += ("ALLSHARDS",)
        command += ("LIMIT", 0, self.candidates, "TIMEOUT", self.milliseconds)
        return (*command, "DIALECT", 2)

    def read(self, reply: Any, distance: str) -> Iterator[Candidate]:
        """Read a reply, nearest first."""
        found = parse(reply, distance)
        return found if self.engine.sorts else iter(sorted(found, key=attrgetter("distance")))


def fresh_name() -> str:
    """Return a name for the distance that no other search has."""
    return f"d{_NAMES.getrandbits(64):x}"


# Proxies share one connection among processes, so that counting would not do.
_NAMES = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_NAMES.seed)


def belongs(reply: Any, distance: str) -> bool:
    """Tell whether a reply can be that to the search which gave the distance this name."""
    if isinstance(reply, ErrorReply) or is_partial(reply):
        return True
    documents = _documents(reply)
    if documents:
        name = distance.encode()
        return all(not fields or _has(fields, name) for _, fields in documents)
    # Nothing was found: in RESP2, in RESP3, or in RESP3 read as pairs.
    if isinstance(reply, (list, tuple)):
        return bool(reply) and (isinstance(reply[0], int) or "results" in map(text, reply[::2]))
    return isinstance(reply, Mapping) and _get(reply, "results") is not None


def parse(reply: Any, distance: str) -> Iterator[Candidate]:
    """Read a reply of either protocol, in its order, nearest first; one by one, as most are not
    looked at. Documents without a usable distance are left out.
    """
    name = distance.encode()
    for key, fields in _documents(reply):
        fields = _fields(fields)
        far, key = _number(fields.get(name)), text(key)
        if far is not None and key:
            # The server's rounding can leave identical vectors slightly below zero.
            question = text(fields.get(b"prompt"))
            near = radius(fields.get(b"radius"))
            yield Candidate(key, question, max(0.0, far), near, fields)


def is_exhausted(reply: Any, distance: str, threshold: float, candidates: int = CANDIDATES) -> bool:
    """Tell whether a search looked beyond the threshold: then no further entry can be within.

    Entries that expired meanwhile take a place in the reply without having a distance.
    """
    if len(_documents(reply)) < candidates:
        return True
    return any(candidate.distance > threshold for candidate in parse(reply, distance))


def farthest(reply: Any, distance: str, candidates: int = CANDIDATES) -> float:
    """Return how far a search has looked: infinitely far where it found less than it might have."""
    if len(_documents(reply)) < candidates:
        return math.inf
    return max((candidate.distance for candidate in parse(reply, distance)), default=0.0)


def parse_count(reply: Any) -> int | None:
    """Read how many documents were found, in either protocol; zero is exact."""
    if isinstance(reply, Mapping):
        reply = [_get(reply, "total_results")]
    elif isinstance(reply, (list, tuple)) and reply and text(reply[0]):  # RESP3 read as pairs
        return parse_count(dict(zip(map(text, reply[::2]), reply[1::2], strict=False)))
    first = reply[0] if isinstance(reply, (list, tuple)) and reply else None
    return first if isinstance(first, int) else None


def parse_keys(reply: Any) -> list[str]:
    """Read the reply to a search with NOCONTENT."""
    if isinstance(reply, (list, tuple)) and reply and isinstance(reply[0], int):
        return [text(key) for key in reply[1:]]
    return [text(key) for key, _ in _documents(reply)]


def _documents(reply: Any) -> list[tuple[Any, Any]]:
    """Return keys and fields as they were sent."""
    if isinstance(reply, (list, tuple)) and reply and isinstance(reply[0], int):  # RESP2
        return list(zip(reply[1::2], reply[2::2], strict=False))
    if isinstance(reply, Mapping):  # RESP3
        results = _get(reply, "results")
        if not isinstance(results, list):
            return []
        return [
            (_get(item, "id"), _get(item, "extra_attributes"))
            for item in results
            if isinstance(item, Mapping)
        ]
    if isinstance(reply, (list, tuple)) and len(reply) % 2 == 0:  # RESP3 read as pairs
        return _documents(dict(zip(map(text, reply[::2]), reply[1::2], strict=True)))
    return []


def _get(mapping: Mapping[Any, Any], name: str) -> Any:
    return mapping.get(name.encode(), mapping.get(name))


def _has(fields: Any, name: bytes) -> bool:
    """Tell whether there is a field of this name: nothing is made of most documents but that."""
    if isinstance(fields, list) and name in fields[:-1:2]:
        return True
    return name in _fields(fields)


def _fields(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, (list, tuple)):  # None: the document expired during the search
        try:
            value = dict(zip(value[::2], value[1::2], strict=False))
        except TypeError:  # names that are lists
            return {}
    if not isinstance(value, dict):
        return {}
    if value and isinstance(next(iter(value)), str):  # from a client that decodes
        return {raw(k): v for k, v in value.items() if isinstance(k, str)}
    return value


def text(value: Any) -> str:
    """Decode what is meant to be text; an attacker's bytes must not raise."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def radius(value: Any) -> float | None:
    """Read an entry's radius; what cannot be read keeps it from being served by meaning."""
    if value is None:
        return None
    number = _number(value)
    return number if number is not None and number >= 0 else 0.0


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
