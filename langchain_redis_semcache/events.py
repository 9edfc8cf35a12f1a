"""What happened in a lookup or an update, for whoever wants to know.

Events are frozen and carry no prompt, no answer and no credential. Listeners are called in the
thread or task of the chat call: they must be quick, and what they raise is swallowed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "Audited",
    "BreakerChanged",
    "Bypassed",
    "Counted",
    "Embedded",
    "Event",
    "Failed",
    "Feedback",
    "Hit",
    "Listener",
    "Miss",
    "Observer",
    "Prefiltered",
    "SettingsChanged",
    "Stored",
    "VerifierAsked",
    "Waited",
    "Warned",
]

Operation = Literal["lookup", "update"]


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer was served from the cache."""

    kind: Literal["exact", "semantic"]
    distance: float
    """Cosine distance of the two questions; 0.0 for an exact hit."""
    entry: str
    """The entry's key, as `delete_entry` takes it."""
    age: float
    """Seconds since the answer was stored."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0
    seconds: float = 0.0
    """That the lookup took until its answer was there."""
    input_tokens: int = 0
    """That the model had counted when it gave this answer; 0 where it counted none."""
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Miss:
    """No stored answer was good enough; `reason` says why."""

    reason: str
    distance: float | None = None
    """Distance of the nearest candidate, where there was one."""
    entry: str | None = None
    guard: str | None = None
    """The guard that objected, where one did."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0
    seconds: float = 0.0
    differs: str = ""
    """Where this process has stored an answer to the identical question in another scope: what
    differs, e.g. "system prompt" or "parameter seed, tools"."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer was stored."""

    entry: str
    size: int
    """Bytes of the encoded answer."""
    model: str = ""
    embedding_seconds: float = 0.0
    redis_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Bypassed:
    """The cache was not asked, or an answer was not stored, on purpose."""

    operation: Operation
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something did not work; the chat call went on without it."""

    operation: Operation
    stage: str
    """What failed: "redis", "store", "search", "embedding", "entry", "namespace", ..."""
    error: str
    """The exception's class and, for Redis, the error code; never its message. "suspended" where
    nothing was tried, since it had failed shortly before."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedder was called, for a lookup or behind a store, whatever came of it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Counted:
    """How many entries and aliases of this embedding model can be searched.

    Asked behind a lookup, at most once a minute, and only where an `Observer` listens.
    """

    entries: int


@dataclass(frozen=True, slots=True)
class VerifierAsked:
    """The verifier was asked about a candidate."""

    approved: bool | None
    """None where it failed or took too long."""
    seconds: float
    distance: float
    entry: str


@dataclass(frozen=True, slots=True)
class Prefiltered:
    """A lookup that the prefilter had ended was made after all, behind the call."""

    lost: bool
    """Whether it would have been a hit."""
    distance: float
    """Of the nearest entry, by the prefilter's measure."""


@dataclass(frozen=True, slots=True)
class Audited:
    """A stored answer that was not served was compared with the model's."""

    right: bool
    """Whether the stored one would have done."""
    distance: float
    entry: str
    why: Literal["audit", "explore", "agreement", "check"]
    """"audit": it would have been a hit; "explore": it was too far; "agreement": do neighbours
    answer alike?; "check": what does the judge say of two answers to one question?"""


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """Calls to Redis or to the embedder were suspended, are being tried, or work again."""

    subject: Literal["redis", "search", "store", "embedding", "prefilter"]
    """"store": writing to Redis; "search": searching all shards of a cluster."""
    state: Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Waited:
    """A lookup waited for an identical one that was having the model answer."""

    landed: bool
    """Whether its answer came; otherwise this call went on by itself."""
    seconds: float
    entry: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """Somebody said of an answer whether it is right; the entry of a wrong one has been removed."""

    entry: str
    right: bool


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """What all processes of this name share was changed, by `semcache off` for one."""

    on: bool
    """Whether answers are served and stored."""
    distance_threshold: float | None
    """None is what the cache was constructed with."""
    ttl: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """A setting is probably not meant: said once, when the cache is made."""

    setting: str
    reason: str


Event: TypeAlias = (
    Hit
    | Miss
    | Stored
    | Bypassed
    | Failed
    | Embedded
    | Counted
    | VerifierAsked
    | Audited
    | Prefiltered
    | BreakerChanged
    | Waited
    | Feedback
    | SettingsChanged
    | Warned
)


class Listener(Protocol):
    """Anything that takes an event."""

    def __call__(self, event: Event, /) -> None: ...


class Observer:
    """A listener that needs more than events, as those of `observe` do; to be subclassed."""

    def __call__(self, event: Event, /) -> None:
        """Take an event."""

    def of(self, name: str) -> Observer:
        """Return the listener of the cache of this name, which is being made."""
        return self

    def around(self, operation: Operation) -> AbstractContextManager[object] | None:
        """Return what is entered before a call and left behind it, in its thread or task."""
        return None
