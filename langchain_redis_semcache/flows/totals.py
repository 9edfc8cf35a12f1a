"""What all processes of a name have counted: each adds its own, behind the calls, now and then.

Rule of this module: counting keeps nobody waiting, and that it fails is said once; what is kept is
bounded, and holds no question, no answer and no entry's key.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from .._effects import Behind, Command, ErrorReply, Flow, RedisUnavailableError, Send, Soon, as_text
from ..entry.schema import Schema
from ..entry.scripts import script
from ..events import Event, Failed, Hit
from ..question.digest import digest
from ..reporting.reporter import Reporter
from ..reporting.tally import as_stats
from ..stats import Stats

PAUSE = 3.0
"""Seconds from the first call that is not told to the telling."""
LATE = 15.0
"""Seconds after which that is done by the caller's own way: threads may have no client."""
PATIENCE = 0.5
MOST_FIELDS = 256
MOST_ENTRIES = 256
"""Of which one telling says how often they were served."""
LONGEST_NAME = 80
SLOTS = 3
"""Hexadecimal digits: 4096 entries are counted, those that are served most."""


def key_of(root: str) -> str:
    return f"{root}stats"


def served_key_of(root: str) -> str:
    return f"{root}served"


def slot_of(entry: str) -> tuple[str, str]:
    """Return where an entry is counted, and by what name."""
    name = digest("served", entry)
    return name[:SLOTS], name[SLOTS:20]


class Totals:
    """What this process has still to tell."""

    def __init__(
        self,
        schema: Schema,
        reporter: Reporter,
        disabled: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = schema.root
        self._reporter = reporter
        self._clock = clock
        self._told: Mapping[str, float] = {}
        self._served: Counter[str] = Counter()
        self._planned = float("-inf")
        self._told_at = clock()
        self._refused = disabled

    def served(self, entry: str) -> None:
        if len(self._served) < MOST_ENTRIES or entry in self._served:
            self._served[entry] += 1

    def plan(self, event: Event | None = None) -> Flow[None]:
        """Have what was counted told soon, where that is not planned yet."""
        if isinstance(event, Hit):
            self.served(event.entry)
        now = self._clock()
        if now < self._planned or self._refused:
            return
        self._planned = now + PAUSE
        if now - self._told_at > LATE:
            yield Behind(self.tell)
        else:
            yield Soon(PAUSE, self.tell)

    def tell(self) -> Flow[None]:
        """Add to the totals what was counted since the last time."""
        with self._reporter.lock:
            sums = self._reporter.tally.sums()
            told, self._told = self._told, sums
            served, self._served = self._served, Counter()
        more = {name: total - told.get(name, 0) for name, total in sums.items()}
        commands = self._commands(
            {name: added for name, added in more.items() if added > 0}, served
        )
        if not commands or self._refused:
            self._told_at = self._clock()
            return
        try:
            replies = yield Send(commands, timeout=PATIENCE)
        except RedisUnavailableError:
            # Told next time, if twice where only the reply was lost.
            with self._reporter.lock:
                self._told = {name: total - more[name] for name, total in sums.items()}
            return
        self._told_at = self._clock()
        refusal = next((reply for reply in replies if isinstance(reply, ErrorReply)), None)
        if refusal is not None:
            self._refused = True
            self._reporter.once(Failed("update", "totals", refusal.code))

    def _commands(self, more: Mapping[str, float], served: Mapping[str, int]) -> list[Command]:
        commands: list[Command] = []
        if more:
            pairs = [part for name, n in more.items() for part in (name[:LONGEST_NAME], n)]
            begun = f"{time.time():.3f}"
            head = ("EVAL", script("sum"), 1, key_of(self._root))
            commands.append((*head, begun, MOST_FIELDS, *pairs))
        if served:
            triples = [part for entry, count in served.items() for part in (*slot_of(entry), count)]
            commands.append(("EVAL", script("served"), 1, served_key_of(self._root), *triples))
        return commands


def read_totals(reply: Any) -> Stats:
    """Read what is kept of a name."""
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=False)
    )
    sums = {as_text(name): number for name, text in pairs if (number := _number(text)) is not None}
    sums.pop("fields", None)
    return as_stats(sums, {}, sums.pop("since", None))


def asking_served(root: str, entry: str) -> Command:
    return ("HMGET", served_key_of(root), slot_of(entry)[0])


def read_served(reply: Any, entry: str) -> int | None:
    """Read how often at least an entry was served; None where that is not known."""
    if not isinstance(reply, (list, tuple)) or not reply or reply[0] is None:
        return None
    owner, _, count = as_text(reply[0]).partition(" ")
    return int(count) if owner == slot_of(entry)[1] and count.isdigit() else None


def _number(stored: Any) -> float | None:
    try:
        return float(as_text(stored))
    except ValueError:
        return None
