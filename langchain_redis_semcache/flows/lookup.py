"""What a lookup and an update do, as generators: they yield requests and import no I/O.

Every step that can fail turns into a miss or into "not stored", and an event; both drivers run
the same code, so sync and async cannot decide differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from langchain_core.outputs import Generation

from .._effects import OVERLOADED, Flow, Later, RedisUnavailableError
from .._reporter import Reporter
from ..entry import query
from ..entry.candidate import Candidate
from ..entry.documents import FIELD as DOCUMENTS
from ..events import Bypassed, Hit, Miss, Stored
from ..policies.agreement import Agreement
from ..policies.decision import Decision, Doubtful, Measured, is_compared, is_learner
from ..policies.verified import Verified
from .agreement import FIELDS, SIGNED_FIELDS, Agreeing
from .audit import CHECK, Learning
from .calls import Asked, Calls, Judged, Result
from .embedding import Embedding
from .exact import ExactLookup
from .flights import Ticket
from .options import CallOptions, OptionStack, read_now
from .recording import recorder
from .scopes import KnownScopes
from .search import SearchIndex
from .serve import OTHER_DOCUMENTS, Server
from .settings import Settings
from .shared import Shared
from .surroundings import Surroundings
from .together import Together
from .totals import Totals
from .update import Store
from .verify import Verification

__all__ = ["Core", "Settings"]


class Core:
    """The flows of one cache."""

    def __init__(self, settings: Settings, reporter: Reporter, options: OptionStack) -> None:
        self.settings = settings
        self.calls = Calls(settings, reporter)
        self.embedding = Embedding(self.calls)
        self.learning: Learning | None = None
        self._verification: Verification | None = None
        self._agreeing: Agreeing | None = None
        self._server = Server(self.calls)
        policy = settings.policy
        # Each field costs the server a lookup per candidate: only what these settings use.
        fields: list[str] = []
        if settings.sliding or settings.signer is not None:
            fields.append("ttl")
        if settings.signer is not None:
            fields += ["signature", "vector", DOCUMENTS]
        searched = list(fields)
        agreement = policy if isinstance(policy, Agreement) else None
        learner = policy if agreement is None else agreement.learner
        if learner is not None and is_learner(learner):
            of = "" if agreement is None else agreement.evidence
            self.learning = Learning(self.calls, learner, of)
            searched.append("radius")
        if agreement is not None:
            self._agreeing = Agreeing(self.calls, self._server, agreement, self.learning)
            searched += FIELDS if settings.signer is None else SIGNED_FIELDS
        elif isinstance(policy, Verified):
            self._verification = Verification(self.calls, self._server, policy)
        count = query.CANDIDATES if agreement is None else agreement.candidates
        about = (tuple(searched), count, settings.redis_seconds, settings.is_cluster)
        self.search = SearchIndex(settings.schema, reporter, settings.create_index, *about)
        self._scopes = KnownScopes()
        self.shared = Shared(self.calls)
        self.totals = Totals(settings.schema, reporter, settings.disabled)
        known = self._scopes, self.shared
        self.surroundings = Surroundings(settings)
        self._exact = ExactLookup(
            self.calls, self._server, self.search, *known, tuple(fields), self.learning
        )
        self.together: Together | None = None
        if settings.single_flight is not None:
            self.together = Together(self.calls, self._exact, settings.single_flight)
        flights = None if self.together is None else self.together.flights
        self.store = Store(
            self.calls, self.embedding, self.search, *known, self.surroundings, flights
        )
        self._recorder = recorder(self.calls, self.shared)
        self._reporter = reporter
        self._options = options

    @property
    def has_aliases(self) -> bool:
        """Whether wordings that a verifier approves become aliases."""
        return self._verification is not None

    # -- lookup ------------------------------------------------------------------------------

    def at_call(self) -> CallOptions:
        """Return the options and the namespace of now, for a lookup and an update that come later.

        A namespace that cannot be read now fails then, as an event of its call.
        """
        options, source = self._options.current(), self.settings.namespace
        return replace(options, namespace=read_now(source)) if callable(source) else options

    def lookup(
        self, prompt: str, llm_string: str, options: CallOptions | None = None
    ) -> Flow[list[Generation] | None]:
        options = options or self._options.current()
        ticket = None
        if self.together is not None:
            ticket = yield from self.together.begin(options)
        result = yield from self.look(prompt, llm_string, options, ticket)
        asked = result.asked
        result = yield from self._second_look(result)
        if self.together is not None and ticket is not None:
            result = yield from self.together.end(ticket, result)
        hit = result.event
        if asked is not None and isinstance(hit, Miss):
            hit = self.surroundings.explained(hit, asked)
        self._reporter.emit(hit)
        if isinstance(hit, Hit) and result.refresh is not None:
            yield from self._server.refresh_ttl(hit.entry, result.refresh)
        yield from self.totals.plan(hit)
        if isinstance(hit, Hit) and self._recorder is not None:
            recording = self._recorder.drawn(asked, result.found, hit)
            if recording is not None:
                yield Later(recording)
        counting = self.search.counting()
        if counting is not None:
            yield Later(counting)
        return result.generations

    def look(
        self, prompt: str, llm_string: str, options: CallOptions, ticket: Ticket | None = None
    ) -> Flow[Result]:
        """Find the answer to a call; the event says why there is or is none."""
        if not options.lookup:
            return Result(None, Bypassed("lookup", options.reason))
        if (closed := self.shared.closed("lookup")) is not None:
            if asking := self.shared.due():
                yield Later(self.shared.ask(asking))  # nobody waits for what Redis takes to say
            return Result(None, closed)
        asked = yield from self.calls.read("lookup", prompt, llm_string, options)
        if isinstance(asked, (Bypassed, Miss)):
            return Result(None, asked)
        return (yield from self.find(asked, ticket))

    def find(self, asked: Asked, ticket: Ticket | None = None) -> Flow[Result]:
        """Find the answer to a call that has been read."""
        try:
            result = yield from self._exact.look(asked)
            if self.together is not None and ticket is not None:
                result = yield from self.together.look(asked, ticket, result)
            if result is None:
                result = yield from self._semantic(asked)
        except RedisUnavailableError as error:
            result = self._unanswered(asked, error)
        result.asked = asked
        return result

    def _unanswered(self, asked: Asked, error: RedisUnavailableError) -> Result:
        if error.label == OVERLOADED:
            return self.calls.miss(asked, OVERLOADED)
        self.search.forget()  # it may come back empty
        self.calls.failed("lookup", "redis", error)
        foreign = error.label == "ForeignReply"
        return self.calls.miss(asked, "foreign_reply" if foreign else "redis_unavailable")

    def _second_look(self, result: Result) -> Flow[Result]:
        """Do what a lookup does and `explain` does not: verify, and learn."""
        if result.asked is None:
            return result
        if not result.judged:
            return self._checked(result.asked, result)
        asked, last = result.asked, result.judged[-1]
        if self._verification is not None and isinstance(last.decision, Doubtful):
            return (yield from self._verification.verify(asked, last.candidate))
        if self._agreeing is not None and isinstance(result.event, Miss):
            self._agreeing.remember(asked, result.judged)
        if self.learning is not None:
            self._learn(self.learning, asked, result)
        return result

    def _learn(self, learning: Learning, asked: Asked, result: Result) -> None:
        """Note that a candidate was served, or keep one until its answer can be compared."""
        for one in result.judged:
            decision = one.decision
            if not isinstance(decision, Measured):
                continue
            if decision.accepted and isinstance(result.event, Hit):
                learning.learner.served(decision)
            elif decision.compare and self._server.authentic(one.candidate):
                learning.remember(asked.key, asked.text, one.candidate, decision)

    def _checked(self, asked: Asked, result: Result) -> Result:
        """Have the model answer an identical question once more, if the judge is to be checked."""
        hit, found = result.event, result.found
        if self.learning is None or found is None or not isinstance(hit, Hit):
            return result
        if hit.kind != "exact" or not self.learning.learner.checks():
            return result
        self.learning.remember(asked.key, asked.text, found, CHECK)
        return self.calls.miss(asked, CHECK.reason, found)

    def _semantic(self, asked: Asked) -> Flow[Result]:
        miss = partial(self.calls.miss, asked)
        if asked.exact_only:
            return miss("exact_only")
        if not self.search.works():
            return miss("search_unavailable")
        vector = yield from self.embedding.vector("lookup", asked)
        if vector is None:
            return miss(OVERLOADED if asked.overloaded else "embedding_failed")
        threshold = self.threshold(asked.options)
        send = partial(self.calls.send, asked)
        more = self._server.wanted(asked)
        nearest = yield from self.search.nearest(send, asked.scope, vector, more)
        if isinstance(nearest, str):
            return miss(nearest)
        judged: list[Judged] = []
        result = yield from self._judge(asked, nearest.ours, threshold, judged)
        if result is None and nearest.hides(len(judged), threshold):
            # Entries of other scopes stand among the nearest, within the threshold, which the
            # masks make rare.
            rest = yield from self.search.within(send, asked.scope, vector, more)
            if isinstance(rest, str):
                if not judged:
                    return miss(rest)
                rest = ()
            seen = {one.candidate.entry for one in judged}
            others = (candidate for candidate in rest if candidate.entry not in seen)
            result = yield from self._judge(asked, others, threshold, judged)
        if result is None and self._agreeing is not None:
            result = yield from self._agreeing.serve(asked, judged, threshold)
        return self._refused(asked, judged) if result is None else result

    def threshold(self, options: CallOptions) -> float:
        """Return the distance threshold of a call: its own, the shared one or the policy's."""
        if options.distance_threshold is not None:
            return options.distance_threshold
        return self.shared.threshold(self.settings.policy.distance_threshold)

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
                    self.calls.failed("lookup", "entry", flaw)
                decision = Decision(False, "unreadable_entry" if near else "distance")
                judged.append(Judged(candidate, decision))
                continue
            if not self._server.is_supported(asked, candidate):
                # Before a verifier is asked about it, or a judge learns from it.
                near = candidate.distance <= threshold
                decision = Decision(False, OTHER_DOCUMENTS if near else "distance")
                judged.append(Judged(candidate, decision))
                continue
            decision = self.settings.policy.decide(asked.text, candidate, threshold)
            if decision.accepted and self.learning is not None and asked.options.remember:
                decision = self.learning.drawn(decision)  # not in `explain`: a draw has an effect
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
            return self.calls.miss(asked, "no_candidate")
        # The nearest one's reason: it is what a reader of the event would look at.
        telling = (
            one
            for one in judged
            if isinstance(one.decision, Doubtful) or one.decision.reason == "audit"
        )
        nearest = next(telling, judged[0])
        decision = nearest.decision
        result = self.calls.miss(asked, decision.reason, nearest.candidate, decision.guard)
        result.judged = judged
        return result

    def update(
        self,
        prompt: str,
        llm_string: str,
        generations: Sequence[Generation],
        options: CallOptions | None = None,
    ) -> Flow[None]:
        options = options or self._options.current()
        event = yield from self.store.update(prompt, llm_string, generations, options)
        if event is not None:
            self._reporter.emit(event)
        yield from self.totals.plan()
        if isinstance(event, Stored):
            # One after the other: what the first has asked the judge, the second need not.
            verdicts: dict[str, bool] = {}
            comparing = [
                one.compare(event.entry, generations, verdicts)
                for one in (self.learning, self._agreeing)
                if one is not None
            ]
            if any(flow is not None for flow in comparing):
                yield Later(_in_turn(comparing))

    def land(self) -> None:
        """Let go of those who wait for another call: the cache is being closed."""
        if self.together is not None:
            self.together.flights.release()

    def drop(self) -> None:
        """Forget what was asked and answered lately: the entries are gone, or the cache is."""
        self.calls.drop()
        self.embedding.drop()
        self._scopes.drop()
        self.surroundings.drop()
        for one in (self.learning, self._agreeing):
            if one is not None:
                one.drop()


def _in_turn(flows: Iterable[Flow[None] | None]) -> Flow[None]:
    for flow in flows:
        if flow is not None:
            yield from flow
