"""A policy that measures its own error rate on live traffic and sets its threshold by it.

Rule of this module: it decides and counts, and imports neither redis nor asyncio. A share of what
would be hits is answered by the model after all, and where the model answers, its answer is
compared with the cached one. Nothing is served by meaning before the evidence allows it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .._checks import check_threshold
from ..errors import ConfigurationError
from ..guards import DEFAULT_GUARDS, Guard
from .anytime import doubted
from .decision import Candidate, Measured
from .distance import DEFAULT_THRESHOLD, DistancePolicy
from .drift import Drift
from .evidence import Evidence
from .fingerprint import fingerprint
from .second_opinions import usable

if TYPE_CHECKING:
    from .second_opinions import Judge

__all__ = ["AuditPolicy", "AuditReport"]

REFRESH_SECONDS = 5.0
"""How long a process goes without the verdicts of the others."""
# How much the neighbourhood of a question with another answer is avoided; 1 to 2 do equally well.
_WARINESS = 2.0
_CHECKED_SHARE = 0.2
_ENOUGH_CHECKS = 1000
_NEAREST = 1e-6


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit knows, over all processes."""

    threshold: float
    """The working threshold: what is nearer is served."""
    judged: int
    """Verdicts about candidates within it."""
    wrong: int
    error_rate: float | None
    """Estimated share of wrong answers among the hits by meaning; None before there is evidence."""
    upper_bound: float
    """Of the error rate, one-sided, 95 %, at whatever time it is looked at."""
    judge_checked: int = 0
    """How often the judge was asked about two answers of the model to one question."""
    judge_sensitivity: float | None = None
    """The share of these that it called right; the error rate is corrected by it."""

    def __str__(self) -> str:
        if self.error_rate is None:
            return f"threshold {self.threshold:.3f}, no evidence yet"
        return (
            f"threshold {self.threshold:.3f}, error rate {self.error_rate:.2%} "
            f"(95 % upper bound {self.upper_bound:.2%}, {self.wrong} wrong of {self.judged} judged)"
            + self._judge()
        )

    def _judge(self) -> str:
        if self.judge_sensitivity is None:
            return ""
        return f", the judge right in {self.judge_sensitivity:.1%} of {self.judge_checked} checks"


class AuditPolicy:
    """Serve within the largest distance at which few answers are wrong, measured as it goes.

    It starts with no hits by meaning (identical questions are always served) and loosens as
    verdicts come in: 88 near candidates without an error allow 5 %, 222 allow 2 %, 446 allow 1 %.
    The bound holds at whatever time it is looked at: an error rate at the limit opens the cache
    once in 20 times at most, however long it goes on.
    An entry whose answer was wrong for some question keeps away from that question's neighbourhood
    from then on. Each cache needs a policy object of its own.

    Args:
        max_error_rate: What the 95 % upper bound of the error rate of hits by meaning must not
            exceed.
        audit_rate: Share of would-be hits that the model answers. The others cost nothing.
        judge: Decides whether the cached answer would have been right: `judge(question, cached,
            fresh)` returns a bool, sync or async. By default answers are right that are the same
            text, or near enough when embedded. See `langchain_redis_semcache.policies`.
        mode: "observe" measures what a fixed `threshold` does and changes nothing else.
        threshold: The threshold to observe.
        guards: What may object to a candidate, by name.
        explore_up_to: Candidates up to this distance are compared when the model answers anyway.
        check_judge: A fifth of the *identical* questions is answered by the model as well, until up
            to 1,000 of these answers have shown how often the judge calls a right one wrong; only
            once it has called one wrong, and no more of them than there are verdicts. False for a
            judge that makes no mistakes.
        seed: Makes the draws repeatable; by default they are not.
    """

    def __init__(
        self,
        max_error_rate: float = 0.02,
        audit_rate: float = 0.05,
        judge: Judge | None = None,
        mode: Literal["enforce", "observe"] = "enforce",
        *,
        threshold: float = DEFAULT_THRESHOLD,
        guards: Mapping[str, Guard] = DEFAULT_GUARDS,
        explore_up_to: float = 0.4,
        check_judge: bool = True,
        seed: int | str | None = None,
    ) -> None:
        _share("max_error_rate", max_error_rate, "e.g. max_error_rate=0.02")
        _share("audit_rate", audit_rate, "e.g. audit_rate=0.05")
        if judge is not None and not usable(judge, "judge"):
            raise ConfigurationError("judge must be callable as judge(question, cached, fresh)")
        if mode not in ("enforce", "observe"):
            raise ConfigurationError(f"mode must be 'enforce' or 'observe', not {mode!r}")
        reach = check_threshold(explore_up_to)
        if not reach or (mode == "observe" and check_threshold(threshold) > reach):
            raise ConfigurationError("explore_up_to must be above zero and not below threshold")
        self.judge = judge
        self._limit = float(max_error_rate)
        self.audit_share = float(audit_rate)
        self._enforcing = mode == "enforce"
        self._fixed = float(threshold)
        self._within = DistancePolicy(reach, guards)
        self._check_judge = bool(check_judge)
        self._seed = seed
        self._chance = random.Random(seed)
        self._guards = guards
        self._evidence = Evidence(reach, self._series(None))
        self._drift = Drift(self._limit)
        self._claimed = False
        self._fresh_until = -math.inf

    @property
    def distance_threshold(self) -> float:
        return self._within.distance_threshold

    @property
    def report(self) -> AuditReport:
        """What is known by now, as of the last few seconds."""
        threshold = self._working_threshold()
        known = self._evidence.estimate(threshold)
        checks = self._evidence.checks
        return AuditReport(
            threshold=threshold,
            judged=known.judged,
            wrong=known.wrong,
            error_rate=known.rate,
            upper_bound=known.upper_bound,
            judge_checked=int(checks[0]),
            judge_sensitivity=1 - doubted(checks) if checks[0] else None,
        )

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Measured:
        decision = self._within.decide(asked, candidate, min(threshold, self.distance_threshold))
        if not decision.accepted:
            return Measured(False, decision.reason, decision.guard, decision.penalty)
        penalty = decision.penalty
        distance = candidate.distance + penalty
        score = self._scaled(distance, candidate.radius) if self._enforcing else distance
        limit = self._working_threshold()
        if score >= limit:
            reason = "distance" if distance >= limit else "entry_radius"
            return Measured(False, reason, None, penalty, score, compare=True)
        if self.audit_share >= 1:  # no need to draw: `explain` may say it for certain
            return Measured(False, "audit", None, penalty, score, compare=True)
        return Measured(True, "accepted", None, penalty, score)

    def audits(self) -> bool:
        # Drawn for every call: were it drawn once for a pair, one popular question with a wrong
        # neighbour would be audited always or never.
        return self._chance.random() < self.audit_share

    def checks(self) -> bool:
        if not self._check_judge or self._chance.random() >= _CHECKED_SHARE:
            return False
        right, wrong = self._evidence.within(self.distance_threshold)
        return bool(wrong) and self._evidence.checks[0] < min(_ENOUGH_CHECKS, right + wrong)

    def claim(self, embeddings: Any, beside: str = "") -> None:
        """Become the policy of the cache with these embeddings, beside another policy or alone."""
        if self._claimed:
            raise ConfigurationError(
                "this policy belongs to another cache, whose evidence would be mixed with this "
                f"one's: make one {type(self).__name__}(...) for each cache"
            )
        self._claimed = True
        self._evidence.belongs_to(self._series(embeddings, beside))

    # -- learning ----------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether it is time to read the shared counts; says so once."""
        now = time.monotonic()
        if now < self._fresh_until:
            return False
        self._fresh_until = now + REFRESH_SECONDS
        return True

    def absorb(self, counts: Mapping[str, int]) -> None:
        """Take over the shared counts."""
        threshold = self._working_threshold()
        before = self._evidence.within(threshold)
        self._evidence.absorb(counts)
        after = self._evidence.within(threshold)
        if sum(after) < sum(before) / 2:
            self._drift.settle()  # another process has raised the alarm
        elif any(before):  # else this process has just begun
            self._watch(*(max(0, b - a) for a, b in zip(before, after, strict=True)))

    def served(self, decision: Measured) -> None:
        """Count a hit by meaning."""
        if decision.score is not None:
            self._evidence.met(decision.score)

    def judged(self, decision: Measured, right: bool) -> None:
        """Count a verdict about a candidate that was not served."""
        if decision.score is not None and decision.score < self.distance_threshold:
            served = decision.score < self._working_threshold()
            self._evidence.judged(decision.score, right)
            if served:
                self._watch(int(right), int(not right))

    def checked(self, right: bool) -> None:
        """Count a verdict about an answer to the identical question."""
        self._evidence.checked(right)

    def drain(self) -> dict[str, int]:
        """Return what is to be added to the shared counts."""
        return self._evidence.drain()

    def start_afresh(self) -> None:
        """Renew the lock in a forked process, and draw otherwise than its siblings."""
        self._evidence.renew_lock()
        if self._seed is None:
            self._chance.seed()

    # ----------------------------------------------------------------------------------------

    def _working_threshold(self) -> float:
        if not self._enforcing:
            return self._fixed
        return self._evidence.largest_threshold(self._limit)

    def _watch(self, right: int, wrong: int) -> None:
        """Begin anew where what is served has become wrong: old evidence speaks of another time."""
        if self._enforcing and self._drift.hear(right, wrong, doubted(self._evidence.checks)):
            self._drift.settle()
            self._evidence.forget()

    def _series(self, embeddings: Any, beside: str = "") -> str:
        mode = "enforce" if self._enforcing else "observe"
        return f"{mode}:{fingerprint(self.judge, self._guards, embeddings, beside)}"

    def _scaled(self, distance: float, radius: float | None) -> float:
        """Count distance from an entry double and more that has a wrong question near it."""
        if radius is None or not radius < self.distance_threshold:
            return distance
        closeness = self.distance_threshold / max(radius, _NEAREST)
        return float(distance * closeness**_WARINESS)


def _share(argument: str, value: Any, example: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ConfigurationError(f"{argument} must be a share above 0, {example}, not {value!r}")
