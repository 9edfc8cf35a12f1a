"""A policy that lets the traffic speak: neighbours that were answered alike vouch for a question.

Where the model has answered a question whose near neighbours it had answered too, the answers are
compared behind the call; equal ones form a group. A later question all of whose nearest neighbours
belong to one group is served from it at a larger distance.

Rule of this module: it decides and names groups; comparing and storing is the flows'.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._checks import check_threshold
from ..entry.query import text
from ..errors import ConfigurationError
from .decision import (
    Candidate,
    Decision,
    Policy,
    Weighed,
    is_learner,
    is_policy,
    penalty,
)
from .second_opinions import Judge, usable

__all__ = ["Agreement"]

WITNESSES = 3
"""Two cost a set of deliberate look-alikes its precision (docs/quality.md)."""


@dataclass(frozen=True, slots=True)
class Witness(Weighed):
    """Too far to be served alone, near enough to vouch."""


class Agreement:
    """Serve near candidates by another policy, farther ones where the nearest were answered alike.

    Guards keep their veto: what they object to is neither served nor a witness. Identical questions
    and candidates that the other policy accepts need no witnesses.

    Args:
        policy: Judges the near ones, e.g. `DistancePolicy(0.10)`.
        up_to: No candidate beyond this distance is served or vouches.
        witnesses: So many nearest candidates must belong to one group.
        judge: Says whether two answers to one question say the same, `judge(question, cached,
            fresh)`, sync or async. By default answers do that are the same text, or near enough
            when embedded. See `langchain_redis_semcache.policies`.
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
        if not is_policy(policy) or isinstance(policy, Agreement) or is_learner(policy):
            raise ConfigurationError(
                "policy must be one that decides by itself, e.g. Agreement(DistancePolicy(0.10)), "
                f"not a {type(policy).__name__}"
            )
        if isinstance(witnesses, bool) or not isinstance(witnesses, int) or witnesses < 2:
            raise ConfigurationError(f"witnesses must be 2 or more, e.g. 3, not {witnesses!r}")
        if judge is not None and not usable(judge, "judge"):
            raise ConfigurationError("judge must be callable as judge(question, cached, fresh)")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise ConfigurationError(f"share must be above 0 and at most 1, not {share!r}")
        self._policy = policy
        self._reach = check_threshold(up_to, "up_to")
        self._dice = random.Random()
        self._share = share
        self.witnesses = witnesses
        self.judge: Any = judge

    @property
    def distance_threshold(self) -> float:
        return self._reach

    @property
    def candidates(self) -> int:
        """How many nearest entries are looked at: guards may object to some."""
        return 2 * self.witnesses

    def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
        policy = self._policy
        near = policy.decide(asked, candidate, min(threshold, policy.distance_threshold))
        if near.accepted:
            return near
        wide = policy.decide(asked, candidate, min(threshold, self._reach))
        return Witness(False, "no_agreement", None, penalty(wide)) if wide.accepted else wide

    def agreed(self, witnesses: Sequence[Candidate]) -> Candidate | None:
        """Return the nearest of the witnesses, nearest first, where they vouch for it together."""
        nearest = witnesses[: self.witnesses]
        groups = {group_of(one) for one in nearest}
        together = len(nearest) == self.witnesses and len(groups) == 1 and "" not in groups
        return nearest[0] if together else None

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


def group_of(candidate: Candidate) -> str:
    """Return the group that an entry belongs to; "" for none."""
    return text(candidate.fields.get(b"group"))


def groups(entry: str, equal: Sequence[Candidate]) -> dict[str, str]:
    """Return the group of an entry and of those whose answers equal its, as far as they change.

    All join the group of the nearest that has one; else they found one, named by the entry.
    """
    named = [group for one in equal if (group := group_of(one))]
    group = named[0] if named else entry
    changed = {one.entry: group for one in equal if group_of(one) != group}
    return {entry: group, **changed} if equal else {}
