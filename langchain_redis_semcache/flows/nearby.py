"""Which of the entries near a question is served: nearest first, until it is decided.

Rule of this module: it finds and decides, and does nothing about it; what the lookup does with a
doubtful or a compared candidate is the lookup's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from .._effects import Flow
from ..entry.candidate import Candidate
from ..events import Hit, Miss
from ..policies.decision import Decision, Doubtful, is_compared
from .agreement import Agreeing
from .asked import Asked, Judged, Result
from .audit import Learning
from .calls import Calls
from .options import CallOptions
from .search import SearchIndex
from .serve import OTHER_DOCUMENTS, Server

Eligible: TypeAlias = Callable[[Iterator[Candidate]], Iterable[Candidate]]


class Nearby:
    """What is near, for one cache."""

    def __init__(
        self,
        calls: Calls,
        server: Server,
        search: SearchIndex,
        threshold: Callable[[CallOptions], float],
        learning: Learning | None,
        agreeing: Agreeing | None,
    ) -> None:
        self._calls = calls
        self._server = server
        self._search = search
        self._threshold = threshold
        self._learning = learning
        self._agreeing = agreeing

    def find(self, asked: Asked, vector: bytes, eligible: Eligible = iter) -> Flow[Result]:
        """Find what is near this vector, among the eligible."""
        miss = partial(self._calls.miss, asked)
        threshold = self._threshold(asked.options)
        send = partial(self._calls.send, asked)
        more = self._server.wanted(asked)
        nearest = yield from self._search.nearest(send, asked.scope, vector, more)
        if isinstance(nearest, str):
            return miss(nearest)
        judged: list[Judged] = []
        result = yield from self._judge(asked, eligible(nearest.ours), threshold, judged)
        if result is None and nearest.hides(len(judged), threshold):
            # Entries of other scopes stand among the nearest, within the threshold, which the
            # masks make rare.
            rest = yield from self._search.within(send, asked.scope, vector, more)
            if isinstance(rest, str):
                if not judged:
                    return miss(rest)
                rest = ()
            seen = {one.candidate.entry for one in judged}
            others = (candidate for candidate in rest if candidate.entry not in seen)
            result = yield from self._judge(asked, eligible(others), threshold, judged)
        if result is None and self._agreeing is not None:
            result = yield from self._agreeing.serve(asked, judged, threshold)
        return self._refused(asked, judged) if result is None else result

    def _judge(
        self,
        asked: Asked,
        candidates: Iterable[Candidate],
        threshold: float,
        judged: list[Judged],
    ) -> Flow[Result | None]:
        """Add to those judged until it is decided what becomes of the call; else return None."""
        for candidate in candidates:
            flaw = self._server.flaw(candidate, "semantic")
            if flaw is not None:
                near = candidate.distance <= threshold
                if near:  # of those farther away nobody would have heard
                    self._calls.failed("lookup", "entry", flaw)
                decision = Decision(False, "unreadable_entry" if near else "distance")
                judged.append(Judged(candidate, decision))
                continue
            if not self._server.is_supported(asked, candidate):
                # Before a verifier is asked about it, or a judge learns from it.
                near = candidate.distance <= threshold
                decision = Decision(False, OTHER_DOCUMENTS if near else "distance")
                judged.append(Judged(candidate, decision))
                continue
            decision = self._calls.settings.policy.decide(asked.text, candidate, threshold)
            if decision.accepted and self._learning is not None and asked.options.remember:
                decision = self._learning.drawn(decision)  # not in `explain`: a draw has an effect
            if decision.accepted:
                result = yield from self._server.serve(asked, candidate, "semantic")
                if isinstance(result.event, Hit):
                    result.judged = [*judged, Judged(candidate, decision)]
                    return result
                reason = result.event.reason if isinstance(result.event, Miss) else ""
                decision = Decision(False, reason)
            judged.append(Judged(candidate, decision))
            if isinstance(decision, Doubtful) or is_compared(decision):
                return self._refused(asked, judged)
        return None

    def _refused(self, asked: Asked, judged: list[Judged]) -> Result:
        """Return the miss that comes of the candidates."""
        if not judged:
            return self._calls.miss(asked, "no_candidate")
        # The nearest one's reason: it is what a reader of the event would look at.
        telling = (
            one
            for one in judged
            if isinstance(one.decision, Doubtful) or one.decision.reason == "audit"
        )
        nearest = next(telling, judged[0])
        decision = nearest.decision
        result = self._calls.miss(asked, decision.reason, nearest.candidate, decision.guard)
        result.judged = judged
        return result
