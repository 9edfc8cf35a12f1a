"""A policy that lets the traffic speak: neighbours that were answered alike vouch for a question.

Where the model has answered a question whose near neighbours it had answered too, the answers are
compared behind the call; equal ones form a group. A later question all of whose nearest neighbours
belong to one group is served from it at a larger distance. Beside an audit the distance of such a
question counts half: what is served is what the audit has measured, with agreement or without.

Rule of this module: it decides and names groups; comparing and storing is the flows'.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._checks import check_threshold
from ..entry.query import text
from ..errors import ConfigurationError
from ..guards.content import content
from .decision import (
    Candidate,
    Decision,
    Learner,
    Policy,
    Weighed,
    is_compared,
    is_learner,
    is_policy,
    penalty,
)
from .second_opinions import Judge, usable

__all__ = ["Agreement"]

WITNESSES = 3
"""Two cost a set of deliberate look-alikes its precision (docs/quality.md)."""

_VOUCHED = 0.5
"""What the distance of a question counts for which neighbours vouch, where an audit decides. With
0.33 to 0.67 the audit serves nearly the same."""


@dataclass(frozen=True, slots=True)
class Witness(Weighed):
    """Too far to be served alone, near enough to vouch."""


class Agreement:
    """Serve near candidates by another policy, farther ones where the nearest were answered alike.

    Guards keep their veto: what they object to is neither served nor a witness. Identical questions
    and candidates that the other policy accepts need no witnesses. Wordings with the same words of
    content are one witness: that they were answered alike says nothing of a question with others.

    With an `AuditPolicy` everything is served within its threshold only, whose error rate it
    measures as ever; neighbours that agree halve the distance that is compared with it.

    Args:
        policy: Judges the near ones, e.g. `DistancePolicy(0.10)`, or `AuditPolicy(0.02)`.
        up_to: No candidate beyond this distance is served for its neighbours, or vouches.
        witnesses: So many nearest candidates must belong to one group.
        judge: Says whether two answers to one question say the same, `judge(question, cached,
            fresh)`, sync or async. By default answers do that are the same text, or near enough
            when embedded. See `langchain_redis_semcache.policies`. An audit's own, if there is one.
        share: Of the misses with neighbours, how many have their answers compared: what a judge
            costs, it costs at most `witnesses` times for each of them.
    """

    def __init__(
        self,
        policy: Policy,
        up_to: float = 0.30,
        witnesses: int = WITNESSES,
        judge: Judge | None = None,
        share: float = 1.0,
    ) -> None:
        if not is_policy(policy) or isinstance(policy, Agreement):
            raise ConfigurationError(
                "policy must be one that decides by itself, e.g. Agreement(DistancePolicy(0.10)) "
                f"or Agreement(AuditPolicy(0.02)), not a {type(policy).__name__}"
            )
        if isinstance(witnesses, bool) or not isinstance(witnesses, int) or witnesses < 2:
            raise ConfigurationError(f"witnesses must be 2 or more, e.g. 3, not {witnesses!r}")
        if judge is not None and not usable(judge, "judge"):
            raise ConfigurationError("judge must be callable as judge(question, cached, fresh)")
        self.learner: Learner | None = policy if is_learner(policy) else None
        if self.learner is not None and judge is not None:
            raise ConfigurationError(
                "the audit's judge compares for both: Agreement(AuditPolicy(judge=...))"
            )
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise ConfigurationError(f"share must be above 0 and at most 1, not {share!r}")
        self._policy = policy
        self._reach = check_threshold(up_to, "up_to")
        self._dice = random.Random()
        self._share = share
        self.witnesses = witnesses
        self.judge: Any = judge if self.learner is None else self.learner.judge

    @property
    def distance_threshold(self) -> float:
        return self._reach if self.learner is None else self._policy.distance_threshold

    @property
    def candidates(self) -> int:
        """How many nearest entries are looked at: not all of them vouch."""
        return 3 * self.witnesses

    @property
    def evidence(self) -> str:
        """What an audit's evidence belongs to beside the audit's own settings."""
        return f"agreement {self._reach:g} {self.witnesses}"

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        policy = self._policy
        near = policy.decide(asked, candidate, min(threshold, policy.distance_threshold))
        if self.learner is not None:
            open_yet = near.accepted or is_compared(near)
            return Witness(False, "no_agreement", None, penalty(near)) if open_yet else near
        if near.accepted:
            return near
        wide = policy.decide(asked, candidate, min(threshold, self._reach))
        return Witness(False, "no_agreement", None, penalty(wide)) if wide.accepted else wide

    def settle(
        self, asked: str, witnesses: Sequence[Candidate], threshold: float
    ) -> tuple[Candidate, Decision] | None:
        """Decide about the nearest of the witnesses, nearest first; None where it is no hit.

        With an audit, whatever that decides: a refusal is compared with the fresh answer.
        """
        agreed = self.agreed(witnesses)
        if self.learner is None:
            return None if agreed is None else (agreed, Decision(True, "agreement"))
        if not witnesses:
            return None
        nearest = witnesses[0]
        counted = nearest if agreed is None else _nearer(nearest)
        decision = self.learner.decide(asked, counted, min(threshold, self.distance_threshold))
        if decision.accepted and agreed is not None:
            decision = replace(decision, reason="agreement")
        return nearest, decision

    def agreed(self, witnesses: Sequence[Candidate]) -> Candidate | None:
        """Return the nearest of the witnesses, nearest first, where they vouch for it together."""
        found: dict[frozenset[str], Candidate] = {}
        for one in witnesses:
            if one.distance <= self._reach and len(found) < self.witnesses:
                found.setdefault(content(one.question), one)
        groups = {group_of(one) for one in found.values()}
        together = len(found) == self.witnesses and len(groups) == 1 and "" not in groups
        return witnesses[0] if together else None

    def to_compare(self, witnesses: Sequence[Candidate]) -> list[Candidate]:
        """Choose whose answers are compared with the fresh one: of each group the nearest."""
        if self._dice.random() >= self._share:
            return []
        chosen: list[Candidate] = []
        for one in witnesses:
            group = group_of(one)
            if not group or group not in map(group_of, chosen):
                chosen.append(one)
        return chosen[: self.witnesses]


def _nearer(one: Candidate) -> Candidate:
    distance = one.distance * _VOUCHED
    return Candidate(one.entry, one.question, distance, one.radius, one.fields)


def group_of(candidate: Candidate) -> str:
    """Return the group that an entry belongs to; "" for none."""
    return text(candidate.fields.get(b"group"))


def groups(entry: str, equal: Sequence[Candidate]) -> dict[str, str]:
    """Return the group of an entry and of those whose answers equal its, as far as they change.

    All join the group of the nearest that has one; else they found one, named by the entry.
    """
    named = [group for group in map(group_of, equal) if group]
    group = named[0] if named else entry
    changed = {one.entry: group for one in equal if group_of(one) != group}
    return {entry: group, **changed} if equal else {}
