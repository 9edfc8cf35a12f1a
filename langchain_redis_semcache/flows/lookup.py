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
from ..entry import query
from ..entry.documents import FIELD as DOCUMENTS
from ..events import Bypassed, Hit, Miss, Stored
from ..policies.agreement import Agreement
from ..policies.decision import Doubtful, Measured, is_learner
from ..policies.verified import Verified
from ..reporting.reporter import Reporter
from .agreement import FIELDS, SIGNED_FIELDS, Agreeing
from .audit import CHECK, Learning
from .calls import Asked, Calls, Result
from .embedding import Embedding
from .exact import ExactLookup
from .flights import Ticket
from .nearby import Nearby
from .options import CallOptions, OptionStack, read_now
from .prefilter import PREFILTERED, Prefilter
from .recording import recorder
from .scopes import KnownScopes
from .search import SearchIndex
from .serve import Server
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
        self._nearby = Nearby(
            self.calls, self._server, self.search, self.threshold, self.learning, self._agreeing
        )
        self.prefilter = self._prefilter(reporter)
        self.surroundings = Surroundings(settings)
        self._exact = ExactLookup(
            self.calls, self._server, self.search, *known, tuple(fields), self.learning
        )
        self.together: Together | None = None
        if settings.single_flight is not None:
            self.together = Together(self.calls, self._exact, settings.single_flight)
        flights = None if self.together is None else self.together.flights
        self.store = Store(
            self.calls,
            self.embedding,
            self.search,
            *known,
            self.surroundings,
            flights,
            self.prefilter,
        )
        self._recorder = recorder(self.calls, self.shared)
        self._reporter = reporter
        self._options = options

    def _prefilter(self, reporter: Reporter) -> Prefilter | None:
        settings = self.settings
        if settings.prefilter is None:
            return None
        schema = settings.schema.beside(settings.prefilter.embedding_id)
        about = ((), query.CANDIDATES, settings.redis_seconds, settings.is_cluster)
        search = SearchIndex(schema, reporter, settings.create_index, *about, distances_only=True)
        search.engine = self.search.engine
        return Prefilter(self.calls, search, settings.prefilter.lost, self._nearby.find)

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
        self.forget_indexes()  # it may come back empty
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
        filtered = None if self.embedding.has(asked) else self.prefilter
        if filtered is not None and (yield from filtered.ends(asked)):
            return miss(PREFILTERED)
        vector = yield from self.embedding.vector("lookup", asked)
        if vector is None:
            return miss(OVERLOADED if asked.overloaded else "embedding_failed")
        result = yield from self._nearby.find(asked, vector)
        if filtered is not None:
            filtered.learn(asked, result)
        return result

    def threshold(self, options: CallOptions) -> float:
        """Return the distance threshold of a call: its own, the shared one or the policy's."""
        if options.distance_threshold is not None:
            return options.distance_threshold
        return self.shared.threshold(self.settings.policy.distance_threshold)

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

    def forget_indexes(self) -> None:
        """The indexes were dropped, or may have been: the next store makes sure of them."""
        self.search.forget()
        if self.prefilter is not None:
            self.prefilter.search.forget()

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
        for one in (self.learning, self._agreeing, self.prefilter):
            if one is not None:
                one.drop()


def _in_turn(flows: Iterable[Flow[None] | None]) -> Flow[None]:
    for flow in flows:
        if flow is not None:
            yield from flow
