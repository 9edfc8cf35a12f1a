"""The public face: constructor and one-line methods; what happens is decided in `_core`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.embeddings import Embeddings
from typing_extensions import Self, override

from ._arguments import (
    amount,
    checked_embeddings,
    chosen_policy,
    joined_name,
    one_of,
    seconds,
    temperature,
    without_urls,
)
from ._at_call import AtCall
from ._effects import Flow
from ._signals import let_through
from .admission import Admission, CompleteAnswers
from .entry.schema import IndexType, Schema
from .entry.signing import Signer
from .entry.vector import VectorType
from .errors import ConfigurationError
from .events import Failed, Listener, Operation, Reporter, Stats
from .flows import admin
from .flows.calls import Settings
from .flows.explain import Explanation, as_llm_string, as_prompt, explain
from .flows.lookup import Core
from .flows.options import OptionStack
from .guards import Guard
from .policies.distance import Policy, check_threshold
from .policies.verify import Verification, Verifier, VerifyMode, VerifyPolicy, usable
from .question.prompt import ContextMode, QuestionHook

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue

    from .driver.drivers import Drivers

__all__ = ["RedisSemanticCache"]

T = TypeVar("T")


class RedisSemanticCache(BaseCache):
    """Answer repeated and paraphrased questions from Redis instead of by the model.

    Nothing is connected, embedded or created by the constructor.

    Args:
        embeddings: Embeds the questions; `OpenAIEmbeddings(model="text-embedding-3-small")` by
            default.
        redis_url: redis://, rediss://, unix:// or redis+sentinel://; by default $REDIS_URL, else
            redis://localhost:6379.
        distance_threshold: Largest cosine distance (0 to 2) of a hit. By default what is known for
            the embedding model, and a cautious 0.05 for others: see docs/quality.md.
        ttl: Seconds (or a timedelta) that an entry lives; None keeps entries until Redis evicts
            them.
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
        policy: Decides about candidates instead of `distance_threshold` and `guards`.
        verifier: Is asked about candidates between two distances unless a guard has objected; see
            `langchain_redis_semcache.policies`. Farther ones are never served then.
        verify_between: The two distances.
        verify: "inline" waits for the verifier; "background" serves a miss and makes the question,
            if the verifier approves, an alias that is an exact hit from then on.
        verify_timeout: Seconds that the verifier may take; its failure means miss.
        guards: What may object to a candidate, by name; default `guards.DEFAULT_GUARDS`.
        admission: Decides what may be stored; by default complete answers only.
        max_temperature: Leave calls alone whose model is known to be set to more.
        skip_time_sensitive: Leave English questions about now alone: today, latest, weather, ...
        refresh_ttl: Give an entry its full ttl again whenever it is served.
        mark_hits: Put where it came from into `response_metadata["semcache"]` of a served message.
        max_question_chars: Longer questions are served on an exact match only: an embedding model
            cuts what exceeds its window (256 tokens, about 1000 characters, for small ones), and
            cosine distance is blind to one changed word in a long text.
        max_answer_bytes: Larger answers are not stored.
        redis_timeout: Seconds that Redis may take in all per lookup or update.
        embedding_timeout: Seconds that the embedder may take per call. None is for local models
            that cannot hang: sync calls then embed in the caller's thread, 50 µs faster.
        embedding_id: Names the embedding model where class and model name do not.
        index_type: "hnsw" (flat as the cache grows) or "flat" (exact, for some thousand entries).
        vector_type: "float32", or "float16"/"bfloat16" for half the memory.
        create_index: False where another process or an administrator creates the index.
        signing_key: Secret of at least 16 bytes (or a list of them, the one to sign with first):
            entries that were not signed with one are not served.
        listeners: Called with every event of `langchain_redis_semcache.events`.
    """

    def __init__(
        self,
        embeddings: Embeddings | None = None,
        redis_url: str | None = None,
        distance_threshold: float | None = None,
        ttl: float | timedelta | None = None,
        name: str | None = None,
        prefix: str | None = None,
        redis_client: Any | None = None,
        *,
        async_redis_client: Any | None = None,
        namespace: str | Callable[[], str] = "",
        context: ContextMode = "full",
        question: QuestionHook | None = None,
        policy: Policy | None = None,
        verifier: Verifier | Callable[[str, str, str], Any] | None = None,
        verify_between: tuple[float, float] = (0.05, 0.25),
        verify: VerifyMode = "inline",
        verify_timeout: float | timedelta = 5.0,
        guards: Mapping[str, Guard] | None = None,
        admission: Admission | None = None,
        max_temperature: float | None = None,
        skip_time_sensitive: bool = False,
        refresh_ttl: bool = False,
        mark_hits: bool = False,
        max_question_chars: int | None = 1000,
        max_answer_bytes: int = 1_000_000,
        redis_timeout: float | timedelta = 0.5,
        embedding_timeout: float | timedelta | None = 2.0,
        embedding_id: str | None = None,
        index_type: IndexType = "hnsw",
        vector_type: VectorType = "float32",
        create_index: bool = True,
        signing_key: str | bytes | Sequence[str | bytes] | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        # redis and openai take half a second to import: not before a cache is made.
        from .bounded.threads import Workers
        from .driver.drivers import Drivers
        from .driver.embedder import Embedder
        from .driver.embedder import embedding_id as identify
        from .transport.connect import open_links

        one_of("context", context, ("full", "system", "none"))
        one_of("index_type", index_type, ("hnsw", "flat"))
        one_of("vector_type", vector_type, ("float32", "float16", "bfloat16"))
        self.name = joined_name(name, prefix)
        embeddings = checked_embeddings(embeddings)
        model = identify(embeddings)
        policy = chosen_policy(policy, distance_threshold, guards, model)
        verification = None
        if verifier is not None:
            one_of("verify", verify, ("inline", "background"))
            if not usable(verifier, "verify"):
                raise ConfigurationError(
                    "verifier must have a method verify(asked, cached, answer) or be a callable "
                    f"like it, e.g. ChatModelVerifier(model), not a {type(verifier).__name__}"
                )
            allowed = seconds("verify_timeout", verify_timeout, "e.g. verify_timeout=5")
            policy = VerifyPolicy(policy, verify_between)
            verification = Verification(verifier, verify == "background", allowed)
        if not isinstance(namespace, str) and not callable(namespace):
            raise ConfigurationError("namespace must be a str or a callable that returns one")
        for argument, hook in (("question", question), ("admission", admission)):
            if hook is not None and not callable(hook):
                raise ConfigurationError(f"{argument} must be a callable, see its type in the docs")
        if callable(listeners):
            raise ConfigurationError("listeners must be a list, e.g. listeners=[listener]")
        schema = Schema(self.name, embedding_id or model, vector_type, index_type)
        self._options = OptionStack()
        self._reporter = Reporter(self.name, listeners)
        settings = Settings(
            schema=schema,
            policy=policy,
            admission=CompleteAnswers() if admission is None else admission,
            namespace=namespace,
            context=context,
            question=question,
            ttl=None if ttl is None else seconds("ttl", ttl, "e.g. ttl=86400 or ttl=None"),
            refresh_ttl=refresh_ttl,
            mark_hits=mark_hits,
            max_question_chars=max_question_chars
            if max_question_chars is None
            else amount("max_question_chars", max_question_chars, "e.g. max_question_chars=1000"),
            max_answer_bytes=amount(
                "max_answer_bytes", max_answer_bytes, "e.g. max_answer_bytes=1000000"
            ),
            create_index=create_index,
            signer=None if signing_key is None else Signer(signing_key),
            max_temperature=temperature(max_temperature),
            skip_time_sensitive=skip_time_sensitive,
            verification=verification,
        )
        self._core = Core(settings, self._reporter, self._options)
        budget = seconds("redis_timeout", redis_timeout, "e.g. redis_timeout=0.5")
        patience = None
        if embedding_timeout is not None:
            patience = seconds("embedding_timeout", embedding_timeout, "e.g. embedding_timeout=2")
        workers = Workers()
        # Threads of its own: an embedder that hangs must not keep Redis from being reached.
        embedder = Embedder(embeddings, Workers(), patience, self._reporter)
        self._workers = (workers, embedder.workers)
        self._links = open_links(redis_url, redis_client, async_redis_client, workers, budget)
        self._drivers: Drivers = Drivers(self._links, embedder, workers, budget, self._reporter)
        self._breakers = (
            embedder.breaker,
            self._drivers.breaker,
            self._drivers.store_breaker,
        )
        _forget_after_fork(self)

    def __repr__(self) -> str:
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

        Raises `CacheUnavailableError` where that did not work.
        """
        self._drivers.run(admin.clear(self._core))

    @override
    async def aclear(self, **kwargs: Any) -> None:
        """Remove what `clear` removes."""
        await self._drivers.arun(admin.clear(self._core))

    # -- looking at it and undoing -----------------------------------------------------------

    @property
    def stats(self) -> Stats:
        """Counts since this object was made."""
        return self._reporter.stats()

    def explain(
        self,
        prompt_or_messages: str | PromptValue | Sequence[BaseMessage],
        llm_string_or_model: str | BaseLanguageModel[Any],
    ) -> Explanation:
        """Say what a lookup would do and why; later calls go as if nobody had asked."""
        llm_string = as_llm_string(llm_string_or_model)
        prompt = as_prompt(prompt_or_messages, llm_string_or_model)
        with self._reporter.muted():
            flow = explain(self._core, self._options, prompt, llm_string)
            return self._drivers.run(flow, glance=True)

    async def aexplain(
        self,
        prompt_or_messages: str | PromptValue | Sequence[BaseMessage],
        llm_string_or_model: str | BaseLanguageModel[Any],
    ) -> Explanation:
        """Say what an `alookup` would do and why."""
        llm_string = as_llm_string(llm_string_or_model)
        prompt = as_prompt(prompt_or_messages, llm_string_or_model)
        with self._reporter.muted():
            flow = explain(self._core, self._options, prompt, llm_string)
            return await self._drivers.arun(flow, glance=True)

    def delete_entry(self, entry: str) -> bool:
        """Remove one entry by its key, as hits and `explain` name it; tell whether it was there."""
        return self._drivers.run(admin.delete_entry(self._core, entry))

    async def adelete_entry(self, entry: str) -> bool:
        """Remove one entry by its key."""
        return await self._drivers.arun(admin.delete_entry(self._core, entry))

    def delete_tagged(self, *tags: str) -> int:
        """Remove all entries that carry any of the tags; return how many."""
        return self._drivers.run(admin.delete_tagged(self._core, tags))

    async def adelete_tagged(self, *tags: str) -> int:
        """Remove all entries that carry any of the tags; return how many."""
        return await self._drivers.arun(admin.delete_tagged(self._core, tags))

    # -- options of single calls -------------------------------------------------------------

    def tags(self, *tags: str) -> AbstractContextManager[None]:
        """Attach tags to the entries stored inside of the block, for `delete_tagged`.

        Nested blocks add up.
        """
        if not tags or not all(isinstance(tag, str) and tag for tag in tags):
            raise ConfigurationError("tags must be non-empty strings, e.g. cache.tags('faq', 'v2')")
        outer = self._options.current().tags
        return self._options.using(tags=tuple(dict.fromkeys((*outer, *tags))))

    def bypass(self) -> AbstractContextManager[None]:
        """Neither look up nor store inside of the block."""
        return self._options.using(lookup=False, update=False, reason="bypass")

    def refresh(self) -> AbstractContextManager[None]:
        """Ask the model inside of the block and overwrite what was stored."""
        return self._options.using(lookup=False, update=True, reason="refresh")

    def read_only(self) -> AbstractContextManager[None]:
        """Look up but store nothing inside of the block."""
        return self._options.using(update=False, reason="read_only")

    def options(
        self, *, ttl: float | timedelta | None = None, distance_threshold: float | None = None
    ) -> AbstractContextManager[None]:
        """Use another ttl or threshold inside of the block."""
        changes: dict[str, float] = {}
        if ttl is not None:
            changes["ttl"] = seconds("ttl", ttl, "e.g. ttl=60")
        if distance_threshold is not None:
            changes["distance_threshold"] = check_threshold(distance_threshold)
        return self._options.using(**changes)

    def at_call(self, *, behind: bool = False) -> BaseCache:
        """Return a view that keeps the namespace and the options of now, whenever it is used.

        With `behind` its updates return before the answer is stored; `close()` waits for that.
        """
        background = self._drivers.background if behind else None
        return AtCall(self._core, self._run, self._arun, background)

    # -- life cycle --------------------------------------------------------------------------

    def setup(self) -> None:
        """Connect, embed one text and create the index now; raises where something is wrong.

        Optional: for applications that want to fail at start rather than run without a cache.
        """
        self._drivers.run(admin.setup(self._core))

    async def asetup(self) -> None:
        """Do what `setup` does."""
        await self._drivers.arun(admin.setup(self._core))

    def close(self) -> None:
        """Close the connections that this object opened; a passed client stays open."""
        self._drivers.background.settle()
        self._links.sync.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop and the sync ones."""
        await self._drivers.background.asettle()
        await self._links.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _start_afresh(self) -> None:
        self._links.forget()
        for one in (*self._workers, *self._breakers):
            one.reset()
        self._drivers.background.reset()
        if self._core.learning is not None:
            self._core.learning.start_afresh()
        self._reporter.lock = threading.Lock()
        self._core.calls.memory.lock = threading.Lock()

    # -- the last line of defence ------------------------------------------------------------

    def _run(self, operation: Operation, flow: Flow[T]) -> T | None:
        try:
            result = self._drivers.run(flow)
        except Exception as error:
            let_through(error)
            self._unforeseen(operation, error)
            return None
        self._reporter.recovered("internal")
        return result

    async def _arun(self, operation: Operation, flow: Flow[T]) -> T | None:
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
        self._reporter.emit(Failed(operation, "internal", type(error).__name__))


def _forget_after_fork(cache: RedisSemanticCache) -> None:
    """Arrange that a child process starts afresh.

    It has none of the parent's threads, its locks may have been held by one of them, and the
    parent's sockets are not its own.
    """
    reference = weakref.ref(cache)

    def in_child() -> None:
        alive = reference()
        if alive is not None:
            alive._start_afresh()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
