"""What the core asks its driver to do, and what can come back: the seam between both.

Neither side knows the other: the core imports no redis and no asyncio, the drivers decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Argument: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Argument, ...]


OVERLOADED = "overloaded"
"""The label of what was not tried, since more was under way than could be done in time."""
LARGE = 64 * 1024
"""Work on more than this many bytes takes about a millisecond: off the event loop with it."""


# Not frozen: that alone would double what it costs to make one.
@dataclass(slots=True)
class Send:
    """Send these commands in one round trip; the answer is one reply (or `ErrorReply`) each."""

    commands: Sequence[Command]
    atomic: bool = False
    """All or none of them, as one transaction."""
    write: bool = False
    """It changes data: that can be refused or hang while reading works."""
    timeout: float | None = None
    """Seconds for this request alone, whatever the budget and the breaker say: administration."""
    ours: Callable[[Sequence[Any]], bool] | None = None
    """Whether these replies can be those to this request: other ones end their connection."""


@dataclass(slots=True)
class Embed:
    """Embed this text; the answer is what the embedder returned, unchecked."""

    text: str
    cheap: bool = False
    """By the prefilter's embedder."""


@dataclass(slots=True)
class Work:
    """Compute this; a driver with an event loop moves it off the loop where it is large.

    Whoever asks gets a TimeoutError where that takes too long.
    """

    function: Callable[[], Any]
    size: int
    """Characters or bytes that the function goes over."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Call what the application gave us and may take long; the answer is what it returns."""

    subject: Any
    """An object with `method` and, where it can, `a` + method; or a callable, sync or async."""
    method: str
    arguments: tuple[Any, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class Later:
    """Run this flow without anybody waiting for it; the answer is whether it will be run."""

    flow: Flow[None]


@dataclass(frozen=True, slots=True)
class Soon:
    """Run this flow in a thread in so many seconds, unless the process has ended by then."""

    seconds: float
    make: Callable[[], Flow[None]]


@dataclass(frozen=True, slots=True)
class Behind:
    """Run this flow behind the call, whatever becomes of the call: it is part of a store."""

    make: Callable[[], Flow[None]]
    """Makes the flow, where it is run: a loop that ends leaves it to a thread."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Say who makes this call: its thread or its task; None where it must not wait for others."""


@dataclass(frozen=True, slots=True)
class Await:
    """Wait for another call's job; the answer is its result, None where that takes too long."""

    job: Any
    """A `bounded.threads.Job`."""
    timeout: float


Request: TypeAlias = Send | Embed | Work | Ask | Later | Soon | Behind | Caller | Await
Flow: TypeAlias = Generator[Request, Any, T]


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error that Redis answered to one command."""

    code: str
    """Its first word, such as OOM, NOPERM, WRONGTYPE or ERR."""
    text: str
    """The whole of it: for recognising it, never for a log."""


class NotDoneError(Exception):
    """Something asked for was not done; `label` is fit for a log at any level."""

    def __init__(self, label: str, *, suspended: bool = False, cause: str = "") -> None:
        super().__init__(label)
        self.label = label
        self.suspended = suspended
        """Nothing was tried."""
        self.cause = cause or label
        """The whole of it, as `_causes.told` says it: for DEBUG, and for owners."""


class RedisUnavailableError(NotDoneError):
    """A round trip did not take place or was not finished in time."""


class EmbeddingUnavailableError(NotDoneError):
    """The embedder raised, timed out or is suspended."""


class AskFailedError(NotDoneError):
    """What was asked raised or took too long."""


def as_text(reply: object) -> str:
    """Return a string that Redis answered, whether the client in between decodes or not."""
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
