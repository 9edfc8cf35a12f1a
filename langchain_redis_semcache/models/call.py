"""One call of a model: which cache it goes to, as of when it was made, and who answers a miss.

Rule of this module: the cache is asked through `BaseCache` alone, whichever it is; only a
`RedisSemanticCache` can be asked to keep the moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration
from typing_extensions import override

from .. import RedisSemanticCache
from .._signals import let_through
from .racing import Pending
from .replay import Replay, answered

__all__ = ["Call", "Manner", "Question", "Undecided", "Withheld", "cache_now"]

UNSPEAKABLE = "no_llm_string"
"""The reason of a call whose model, parameters or messages LangChain cannot put into words."""


def cache_now(model: BaseChatModel, *, behind: bool) -> BaseCache | None:
    """Return the cache that LangChain would ask for this model, with the tenant of now."""
    if model.cache is False:
        return None
    cache = model.cache if isinstance(model.cache, BaseCache) else get_llm_cache()
    return cache.at_call(behind=behind) if isinstance(cache, RedisSemanticCache) else cache


@dataclass(frozen=True, slots=True)
class Manner:
    """How a wrapped model gives its answers."""

    replay: Replay = "few"
    racing: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What a view of a model knows beyond the model."""

    model: BaseChatModel
    """Answers a miss. The view itself is a copy, in which nothing that a model notes would last."""
    cache: BaseCache
    manner: Manner
    core_asks: bool
    """Whether LangChain asks the cache, as in `generate`, or nobody but us, as in `stream`."""

    @property
    def races(self) -> bool:
        """Whether the model may start before the lookup is over: our own cache says when."""
        return self.manner.racing and hasattr(self.cache, "alookup_meanwhile")

    def permit(self) -> None:
        """Wait for the rate limiter: only a miss does."""
        if self.model.rate_limiter:
            self.model.rate_limiter.acquire(blocking=True)

    async def apermit(self) -> None:
        if self.model.rate_limiter:
            await self.model.rate_limiter.aacquire(blocking=True)


class Question:
    """What the cache is asked, in the words that LangChain's own `invoke` uses."""

    def __init__(self, call: Call, messages: list[BaseMessage], stop: Any, bound: Any) -> None:
        self.call = call
        self._asked = (messages, stop, bound)
        self._words: tuple[str, str] | None = None
        self._is_unspeakable = False

    @property
    def words(self) -> tuple[str, str] | None:
        """Return prompt and `llm_string`; None where there are none, and so nothing to be asked."""
        if self._words is None and not self._is_unspeakable:
            messages, stop, bound = self._asked
            try:
                plain = [m if m.id is None else m.model_copy(update={"id": None}) for m in messages]
                llm_string = self.call.model._get_llm_string(stop=stop, **bound)
                self._words = (dumps(plain), llm_string)
            except Exception as error:  # what is bound may be anything, and streams without a cache
                let_through(error)
                self._is_unspeakable = True
                self.leave(UNSPEAKABLE)
        return self._words

    def lookup(self) -> ChatGeneration | None:
        words = self.words
        return None if words is None else answered(self.call.cache.lookup(*words))

    async def alookup(self, begin: Callable[[], None]) -> ChatGeneration | None:
        """Look up; `begin` is called once the model may start meanwhile."""
        words = self.words
        if words is None:
            return None
        cache: Any = self.call.cache
        if self.call.races:
            return answered(await cache.alookup_meanwhile(*words, begin))
        return answered(await cache.alookup(*words))

    def update(self, answers: Sequence[ChatGeneration]) -> None:
        if self.words is not None:
            self.call.cache.update(*self.words, answers)

    async def aupdate(self, answers: Sequence[ChatGeneration]) -> None:
        if self.words is not None:
            await self.call.cache.aupdate(*self.words, answers)

    def mark(self) -> dict[str, Any] | None:
        """Return metadata that say where the answer is going to be stored; a cache of ours can."""
        mark = getattr(self.call.cache, "mark", None)
        if mark is None or self.words is None:
            return None
        found: dict[str, Any] | None = mark(*self.words)
        return found

    async def amark(self) -> dict[str, Any] | None:
        """Do what `mark` does."""
        mark = getattr(self.call.cache, "amark", None)
        if mark is None or self.words is None:
            return None
        found: dict[str, Any] | None = await mark(*self.words)
        return found

    def leave(self, reason: str) -> None:
        """Say that the answer was not stored, to a cache that has listeners."""
        tell = getattr(self.call.cache, "leave", None)
        if tell is not None:
            tell(reason)

    def let_go(self) -> None:
        """Say that the call is over, to a cache in which others may be waiting for it."""
        if hasattr(self.call.cache, "let_go"):
            self.call.cache.let_go()


class Undecided(Question):
    """A question that LangChain has put, whose lookup is under way."""

    def __init__(self, call: Call, withheld: Withheld, pending: Pending) -> None:
        super().__init__(call, [], None, {})
        self._withheld = withheld
        self._pending = pending

    @override
    async def alookup(self, begin: Callable[[], None]) -> ChatGeneration | None:
        begin()
        return await self._withheld.found(self._pending)

    @override
    def let_go(self) -> None:
        """Leave that to the end of LangChain's call."""


@dataclass
class Withheld(BaseCache):
    """Looks up for LangChain and withholds the hit, so that it goes on to the model.

    The model is our view, which gives the hit the way it is wanted: streamed where somebody
    listens to a stream, whole otherwise. LangChain's own way with a hit tells such listeners
    nothing.
    """

    cache: BaseCache
    races: bool = False
    """Whether LangChain goes on to the model before a lookup that embeds is over."""
    _answers: dict[Any, ChatGeneration] = field(default_factory=dict)
    """By task: the prompts of one `agenerate` are answered by one each."""
    _pending: dict[Any, Pending] = field(default_factory=dict)

    def undecided(self) -> Pending | None:
        """Return the lookup that is not over yet, to be waited for by `found`."""
        return self._pending.pop(_task(), None)

    async def found(self, pending: Pending) -> ChatGeneration | None:
        """Wait for a lookup; what cannot be streamed is nothing, as LangChain has gone on."""
        self._keep(await pending.found())
        return self.answer()

    def answer(self) -> ChatGeneration | None:
        """Return what was found for the prompt that is being answered."""
        return self._answers.get(_task())

    def _keep(self, found: RETURN_VAL_TYPE | None) -> RETURN_VAL_TYPE | None:
        answer = answered(found)
        if answer is None:
            return found
        self._answers[_task()] = answer
        return None

    @override
    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return self._keep(self.cache.lookup(prompt, llm_string))

    @override
    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        cache: Any = self.cache
        if not self.races:
            return self._keep(await cache.alookup(prompt, llm_string))
        pending = Pending(cache, prompt, llm_string)
        if await pending.is_over():
            return self._keep(await pending.found())
        self._pending[_task()] = pending
        return None

    @override
    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        if self._answers.pop(_task(), None) is None:
            self.cache.update(prompt, llm_string, return_val)

    @override
    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        if self._answers.pop(_task(), None) is None:
            await self.cache.aupdate(prompt, llm_string, return_val)

    @override
    def clear(self, **kwargs: Any) -> None:
        self.cache.clear(**kwargs)


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop in this thread
        return None
