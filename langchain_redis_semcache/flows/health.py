"""Whether the cache can be reached: for a probe that is asked every few seconds.

Rule of this module: one round trip, no embedding, and an answer rather than an exception.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .._causes import refusal
from .._effects import ErrorReply, Flow, RedisUnavailableError, Send
from .lookup import Core


@dataclass(frozen=True)
class Health:
    """Whether Redis answered; true where it did. Chat calls go on either way."""

    ok: bool
    seconds: float
    """What the answer took, or how long it was waited for."""
    says: str
    breakers: Mapping[str, str] = field(default_factory=dict)
    """What this process makes of its own calls: see `Stats.breakers`."""

    def __bool__(self) -> bool:
        return self.ok


def health(core: Core, seconds: float) -> Flow[Health]:
    """Read a key that nobody writes, as a lookup would, in at most so many seconds."""
    breakers = core.calls.reporter.stats().breakers
    started = time.perf_counter()
    # No PING: who may use the cache need not be allowed to.
    probe = ("HMGET", f"{core.settings.schema.root}health", "response")
    try:
        (reply,) = yield Send([probe], timeout=seconds)
    except RedisUnavailableError as error:
        return Health(False, time.perf_counter() - started, error.cause, breakers)
    spent = time.perf_counter() - started
    if isinstance(reply, ErrorReply):
        return Health(False, spent, f"Redis refuses to read: {refusal(reply)}", breakers)
    return Health(True, spent, f"Redis answers in {spent * 1000:.1f} ms", breakers)
