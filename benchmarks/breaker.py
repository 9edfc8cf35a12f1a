"""When should a breaker open? The same calls under several rules, on a simulated clock.

    python benchmarks/breaker.py

Calls arrive at random, so many a second. A good one takes 2 ms. "Slow" ones never end and cost the
call its timeout of 0.5 s; "broken" ones fail after 2 ms, as where a connection is reset. In an
outage all are slow. Of each rule: the share of calls that were suspended without need (0.25 s and
more at a time), and the share that waited for a timeout. What is simulated is the real Breaker with
the pauses of the cache; nothing is measured, so the numbers are the same on every machine.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from langchain_redis_semcache.bounded.breaker import Breaker, SuspendedError
from langchain_redis_semcache.driver.drivers import FIRST_PAUSE, LONGEST_PAUSE

SECONDS = 600.0
TIMEOUT, QUICK = 0.5, 0.002
RATES = (1, 10, 100, 1000)


@dataclass
class Run:
    """One rule under one kind of trouble."""

    failures: int
    attempts: bool
    rate: float
    fails: Callable[[float], float | None]
    """After how long the call that begins at a time fails, or None."""
    now: float = 0.0
    suspended: int = 0
    waited: int = 0
    total: int = 0
    ends: list[tuple[float, int, ExitStack, bool]] = field(default_factory=list)

    def shares(self) -> tuple[float, float]:
        """Return the shares of calls that were suspended and that waited for a timeout."""
        breaker = Breaker(
            lambda _: None,
            failures=self.failures,
            first=FIRST_PAUSE,
            longest=LONGEST_PAUSE,
            clock=lambda: self.now,
        )
        number, begins = itertools.count(), 0.0
        while begins < SECONDS:
            begins += random.expovariate(self.rate)
            self._end_until(begins)
            self.now = begins
            self.total += 1
            call = ExitStack()
            try:
                call.enter_context(breaker.attempt() if self.attempts else breaker)
            except SuspendedError:
                self.suspended += 1
                continue
            failed = self.fails(begins)
            self.waited += failed == TIMEOUT
            ends = begins + (QUICK if failed is None else failed)
            heapq.heappush(self.ends, (ends, next(number), call, failed is not None))
        return self.suspended / self.total, self.waited / self.total

    def _end_until(self, moment: float) -> None:
        while self.ends and self.ends[0][0] <= moment:
            self.now, _, call, failed = heapq.heappop(self.ends)
            error = TimeoutError() if failed else None
            call.__exit__(type(error) if error else None, error, None)


RULES = {
    "one failure": (1, False),
    "2 in a row": (2, False),
    "5 in a row": (5, False),
    "ours": (1, True),
}


def some(share: float, seconds: float) -> Callable[[float], float | None]:
    return lambda _: seconds if random.random() < share else None


def outage(begins: float) -> float | None:
    return TIMEOUT if begins % 60 < 10 else None


TROUBLES: dict[str, Callable[[float], float | None]] = {
    "1 % slow": some(0.01, TIMEOUT),
    "5 % slow": some(0.05, TIMEOUT),
    "30 % slow": some(0.3, TIMEOUT),
    "1 % broken": some(0.01, QUICK),
    "10 s of outage a minute": outage,
}


def main() -> None:
    print("Suspended / waited for a timeout, in percent of the calls.\n")
    print("| trouble | calls a second | " + " | ".join(RULES) + " |")
    print("|---" * (len(RULES) + 2) + "|")
    for trouble, fails in TROUBLES.items():
        for rate in RATES:
            cells = []
            for failures, attempts in RULES.values():
                random.seed(1)
                suspended, waited = Run(failures, attempts, rate, fails).shares()
                cells.append(f"{suspended:.1%} / {waited:.2%}".replace("%", ""))
            print(f"| {trouble} | {rate} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
