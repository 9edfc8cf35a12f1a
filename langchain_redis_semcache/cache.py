"""The public face: constructor and one-line methods; what happens is decided in `flows/`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.embeddings import Embeddings
from typing_extensions import Never, override

from ._causes import told
from ._checks import one_of, seconds
from ._signals import let_through
from .admission import Admission, CompleteAnswers
from .configuration import Index, Limits, Prefilter, Recording, SingleFlight, Sliding
from .errors import ConfigurationError
from .face.administration import Administration
from .face.blocks import Blocks
from .face.insight import Insight
from .face.lifetime import Lifetime, forget_after_fork

if TYPE_CHECKING:
    from ._effects import Flow
    from .driver.drivers import Drivers
    from .events import Listener, Operation
    from .policies.decision import Policy
    from .question.parameters import Parameters
    from .question.prompt import ContextMode, QuestionHook
    from .stats import Stats

__all__ = ["RedisSemanticCache"]

T = TypeVar("T")


class RedisSemanticCache(Lifetime, Blocks, Insight, Administration, BaseCache):
    """Answer repeated and paraphrased questions from Redis instead of by the model.

    Nothing is connected, embedded or created by the constructor.

    Args:
        embeddings: Embeds the questions; `OpenAIEmbeddings(model="text-embedding-3-small")` by
            default.
        redis_url: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://; by default
            $REDIS_URL, else redis://localhost:6379.
        distance_threshold: Largest cosine distance (0 to 2) of a hit. By default what is known for
            the embedding model, and a cautious 0.05 for others: see docs/quality.md.
        ttl: Seconds (or a timedelta) that an entry lives; `Sliding(seconds)` begins anew whenever
            it is served; None keeps entries until Redis evicts them.
        name: Names the entries and the index; caches with different names share nothing.
        prefix: Put behind the name, for calls written for langchain-redis.
        redis_client: A sync client to use instead of a URL. It is called in a worker thread, so
            that its own timeouts and retries cannot hold up a chat call.
        async_redis_client: A `redis.asyncio` client for `alookup` and `aupdate`.
        namespace: Tenant, user or topic: entries of one are never served to another. A callable
            is read at every call.
        context: What beside the question must be identical: "full" (system prompt and all earlier
            turns), "system" (the system prompt only) or "none".
        question: Names the question and what must be identical itself, e.g. for RAG prompts:
            gets the messages, returns (text, identical), or None to leave the call alone.
        parameters: Which parameters of calls cannot change an answer, beside those known not to,
            e.g. `Parameters(irrelevant=("trace",))`.
        admission: Decides what may be stored; by default complete answers only.
        policy: Decides about candidates instead of `distance_threshold`: with guards of your own,
            a verifier or an audit; see `langchain_redis_semcache.policies`.
        limits: How long Redis and the embedder may take, and how large anything may be.
        index: How vectors are kept and searched.
        signing_key: Secret of at least 16 bytes (or a list of them, the one to sign with first):
            entries that were not signed with one are not served.
        namespaces: How entries name theirs: "readable" to who looks at them, or "hidden", as a
            digest.
        mark_hits: Say in `response_metadata["semcache"]` where a chat message came from that
            has been served, or just been stored.
        usage: What a hit says of tokens: those that the model used for it once, or "zero", so
            that no tool bills them again; the original is in the mark.
        single_flight: Identical questions at the same moment ask the model once, e.g.
            `SingleFlight(wait=15)`: see docs/single_flight.md.
        recording: Keep some of the hits for review, e.g. `Recording(share=0.05)`; none by default.
        prefilter: A cheaper embedder, e.g. `LocalEmbeddings()`: where nothing is near by it the
            model is asked at once, and the question embedded behind the call: docs/prefilter.md.
        listeners: Called with every event of `langchain_redis_semcache.events`.
    """

    def __init__(
        self,
        embeddings: Embeddings | None = None,
        redis_url: str | None = None,
        distance_threshold: float | None = None,
        ttl: float | timedelta | Sliding | None = None,
        name: str | None = None,
        prefix: str | None = None,
        redis_client: Any | None = None,
        *,
        async_redis_client: Any | None = None,
        namespace: str | Callable[[], str] = "",
        context: ContextMode = "full",
        question: QuestionHook | None = None,
        parameters: Parameters | None = None,
        admission: Admission | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        index: Index | None = None,
        signing_key: str | bytes | Sequence[str | bytes] | None = None,
        namespaces: Literal["readable", "hidden"] = "readable",
        mark_hits: bool = True,
        usage: Literal["original", "zero"] = "original",
        single_flight: SingleFlight | None = None,
        recording: Recording | None = None,
        prefilter: Prefilter | Embeddings | None = None,
        listeners: Iterable[Listener] = (),
        **unknown: Never,
    ) -> None:
        # What a cache runs on takes its time to import, redis and openai half a second: not
        # before one is made.
        from ._arguments import (
            checked,
            checked_embeddings,
            checked_listeners,
            chosen_policy,
            disabled,
            joined_name,
            unknown_argument,
        )
        from .bounded.threads import Workers
        from .driver.drivers import Drivers
        from .driver.embedder import embedding_id as identify
        from .driver.embedder import made
        from .driver.noticing import notice_failures
        from .entry.engine import SENTENCES
        from .entry.schema import Schema
        from .entry.signing import Signer
        from .flows.by_hand import ByHand
        from .flows.lookup import Core
        from .flows.options import OptionStack
        from .flows.settings import CheapModel, Settings
        from .question.parameters import Parameters
        from .reporting.reporter import Reporter
        from .transport.connect import open_links

        for argument in unknown:
            raise unknown_argument(argument)
        limits = checked(Limits, "limits", limits, "Limits(redis=0.5)")
        index = checked(Index, "index", index, "Index(kind='flat')")
        if single_flight is not None:
            example = "SingleFlight(wait=15)"
            checked(SingleFlight, "single_flight", single_flight, example)
        if recording is not None:
            checked(Recording, "recording", recording, "Recording(share=0.05)")
        self.name = joined_name(name, prefix)
        embeddings = checked_embeddings(embeddings)
        model = identify(embeddings)
        filtered = Prefilter.of(prefilter, embeddings)
        self._reporter = Reporter(self.name, checked_listeners(listeners), sentences=SENTENCES)
        self._options = OptionStack()
        one_of("context", context, ("full", "system", "none"))
        one_of("namespaces", namespaces, ("readable", "hidden"))
        one_of("usage", usage, ("original", "zero"))
        if not isinstance(namespace, str) and not callable(namespace):
            raise ConfigurationError("namespace must be a str or a callable that returns one")
        for hook_name, hook in (("question", question), ("admission", admission)):
            if hook is not None and not callable(hook):
                raise ConfigurationError(f"{hook_name} must be a callable: see its type")
        lifetime = ttl.ttl if isinstance(ttl, Sliding) else ttl
        budget = seconds("redis", limits.redis, "e.g. Limits(redis=0.5)")
        settings = Settings(
            schema=Schema(self.name, index.embedding_id or model, index.vector, index.kind),
            policy=chosen_policy(policy, distance_threshold, model, self._reporter),
            admission=CompleteAnswers() if admission is None else admission,
            namespace=namespace,
            context=context,
            question=question,
            ttl=None if lifetime is None else seconds("ttl", lifetime, "e.g. ttl=86400, ttl=None"),
            sliding=isinstance(ttl, Sliding),
            mark_hits=mark_hits,
            zero_usage=usage == "zero",
            hides_namespaces=namespaces == "hidden",
            disabled=disabled(self._reporter),
            max_question_chars=limits.question_chars,
            max_answer_bytes=limits.answer_bytes,
            create_index=index.create,
            parameters=checked(
                Parameters, "parameters", parameters, "Parameters(irrelevant=('trace',))"
            ),
            signer=None if signing_key is None else Signer(signing_key),
            single_flight=single_flight,
            recording=recording,
            prefilter=CheapModel.of(filtered, identify),
            redis_seconds=budget,
            is_cluster=lambda: self._links.shards.many,
        )
        self._core = Core(settings, self._reporter, self._options)
        self._by_hand = ByHand(self._core, self._options)
        if self._core.together is not None:
            notice_failures(self._core.together.flights)
        workers = Workers()
        self._links = open_links(redis_url, redis_client, async_redis_client, workers, budget)
        embedders = made(embeddings, filtered, limits.embedding, self._reporter)
        self._drivers: Drivers = Drivers(self._links, embedders, budget, self._reporter)
        self._workers = workers
        if self._core.learning is not None:
            self._core.learning.claim(embeddings)
        forget_after_fork(self)

    def __repr__(self) -> str:
        from ._arguments import without_urls

        # A model may be named by an endpoint, with credentials in it.
        embedding = without_urls(self._core.settings.schema.embedding_id)
        return f"RedisSemanticCache(name={self.name!r}, embedding={embedding!r})"

    # -- BaseCache ---------------------------------------------------------------------------

    @override
    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return self._run("lookup", self._core.lookup(prompt, llm_string))

    @override
    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return await self._arun("lookup", self._core.lookup(prompt, llm_string))

    @override
    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        self._run("update", self._core.update(prompt, llm_string, return_val))

    @override
    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        await self._arun("update", self._core.update(prompt, llm_string, return_val))

    @override
    def clear(self, **kwargs: Any) -> None:
        """Remove all entries and indexes of this name, those of other embedding models included.

        Raises `CacheUnavailableError` where that did not work. There is no clearing of less:
        `clear(llm_string=...)` is refused, `delete_tagged` and namespaces are for that.
        """
        _refuse_less(kwargs)
        self._core.drop()
        self._drivers.run(self._by_hand.clear())

    @override
    async def aclear(self, **kwargs: Any) -> None:
        """Remove what `clear` removes."""
        _refuse_less(kwargs)
        self._core.drop()
        await self._drivers.arun(self._by_hand.clear())

    # -- looking at it and undoing -----------------------------------------------------------

    @property
    def stats(self) -> Stats:
        """Counts since this object was made."""
        return self._reporter.stats()

    def at_call(self, *, behind: bool = False) -> BaseCache:
        """Return a view that keeps the namespace and the options of now, whenever it is used.

        With `behind` its updates return before the answer is stored; `close()` waits for that.
        """
        from .face.at_call import AtCall

        stores = self._drivers.background.stores if behind else None
        return AtCall(self._core, self._run, self._arun, stores)

    # -- life cycle --------------------------------------------------------------------------

    def setup(self) -> None:
        """Connect, embed one text and create the index now; raises where something is wrong.

        Optional: for applications that want to fail at start rather than run without a cache.
        """
        self._drivers.run(self._by_hand.setup())

    async def asetup(self) -> None:
        """Do what `setup` does."""
        await self._drivers.arun(self._by_hand.setup())

    @override
    def close(self) -> None:
        """Close the connections that this object opened; a passed client stays open."""
        self._core.land()
        self._drivers.background.settle()
        self._drivers.run(self._by_hand.tell())
        self._core.drop()
        self._links.sync.close()

    @override
    async def aclose(self) -> None:
        """Close the connections of this event loop and the sync ones."""
        self._core.land()
        await self._drivers.background.asettle()
        await self._drivers.arun(self._by_hand.tell())
        self._core.drop()
        await self._links.aclose()

    @override
    def _start_afresh(self) -> None:
        self._links.forget()
        self._workers.reset()
        self._drivers.reset()
        if self._core.learning is not None:
            self._core.learning.start_afresh()
        if self._core.together is not None:
            self._core.together.reset()
        self._reporter.lock = threading.Lock()
        self._core.drop()

    # -- the last line of defence ------------------------------------------------------------

    def _run(self, operation: Operation, flow: Flow[T]) -> T | None:
        with self._reporter.around(operation):
            try:
                result = self._drivers.run(flow)
            except Exception as error:
                let_through(error)
                self._unforeseen(operation, error)
                return None
        self._reporter.recovered("internal")
        return result

    async def _arun(self, operation: Operation, flow: Flow[T]) -> T | None:
        with self._reporter.around(operation):
            try:
                result = await self._drivers.arun(flow)
            except Exception as error:
                let_through(error)
                self._unforeseen(operation, error)
                return None
        self._reporter.recovered("internal")
        return result

    def _unforeseen(self, operation: Operation, error: Exception) -> None:
        """A policy, a hook or we ourselves have a bug: the chat call goes on."""
        from .events import Failed

        self._reporter.emit(Failed(operation, "internal", type(error).__name__))
        self._reporter.explain("internal", told(error))


def _refuse_less(asked: dict[str, Any]) -> None:
    if asked:
        raise ConfigurationError(
            f"clear() removes everything of its name and takes no {', '.join(sorted(asked))}; to "
            "remove less tag entries and call delete_tagged, or give each part a name of its own"
        )
