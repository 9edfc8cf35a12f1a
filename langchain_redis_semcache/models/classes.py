"""The class of a wrapped model, and the views of a model that live for one call.

Rule of this module: a wrapped model is a shallow copy whose class is a subclass of its own class
with the same name, so that `isinstance`, the `llm_string` and what LangChain binds stay as they
are. Every public call goes on with a view, which knows its `Call`; in everything else, and wherever
a model calls itself, the methods are those of the model's class.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from copy import copy
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from .call import Call, Manner, Question, Undecided, Withheld, cache_now
from .drivers import arun, run
from .flow import Flow, raced, replayed, streamed
from .racing import raced as raced_whole

__all__ = ["GENERATES", "STREAMS", "caching_class", "entered", "plain_class", "with_class"]

M = TypeVar("M", bound=BaseChatModel)

STREAMS = ("stream", "astream", "stream_events", "astream_events", "astream_log")
GENERATES = ("generate", "agenerate")
# Models that speak LangChain's newest protocol themselves; a view goes by `_stream`, which can
# be answered from the cache.
_NATIVE = ("_stream_chat_model_events", "_astream_chat_model_events")
# What LangChain notes of a model at its first call, for tracers and for the `llm_string` of a model
# that can be serialised (langchain issue 39598).
_SERIALIZED = "_serialized"
_CALL = "_semcache_call"
_PLAIN = "_semcache_plain"


def with_class(model: M, kind: type[Any]) -> M:
    """Return a shallow copy of another class of the same layout."""
    other = copy(model)
    object.__setattr__(other, "__class__", kind)
    return other


def plain_class(kind: type[Any]) -> Any:
    """Return the class that was wrapped, or this one."""
    return getattr(kind, _PLAIN, kind)


def entered(model: M, manner: Manner, *, core_asks: bool) -> M:
    """Return the view that a call goes on with; where there is no cache, the model itself."""
    call: Call | None = model.__dict__.get(_CALL)
    if call is None:
        cache = cache_now(model, behind=manner.racing or not core_asks)
        if cache is None:
            return model
        # As the model is now: LangChain's note would outlive a change of its parameters.
        model.__dict__.pop(_SERIALIZED, None)
        call = Call(model, cache, manner, core_asks)
    elif call.core_asks == core_asks:
        return model
    else:
        # `stream` on a model that cannot stream goes by `invoke`, with the tenant it had.
        call = Call(call.model, call.cache, call.manner, core_asks)
    kind: type[Any] = caching_class(plain_class(type(model)), manner)
    view: M = with_class(call.model, kind)  # type: ignore[assignment]  # the same model
    state: dict[str, Any] = view.__dict__
    state[_CALL] = call
    state["rate_limiter"] = None  # a hit does not wait for it
    if (serialized := getattr(call.model, _SERIALIZED, None)) is not None:
        state[_SERIALIZED] = serialized
    if core_asks:
        state["cache"] = Withheld(call.cache, call.races)
    if _streams(kind):
        state.update((name, None) for name in _NATIVE if getattr(kind, name, None) is not None)
    return view


@lru_cache(maxsize=256)
def caching_class(plain: Any, manner: Manner) -> type[Any]:
    """Return the subclass whose public calls are served from the cache."""
    methods: dict[str, Any] = {
        name: _entering(plain, name, manner, core_asks=name in GENERATES)
        for name in (*STREAMS, *GENERATES)
        if hasattr(plain, name)
    }
    methods.update(_hooks(plain))

    def reduce(self: Any, protocol: Any) -> Any:
        return _rebuilt, (with_class(self, plain), manner)

    kind: type[Any] = type(plain)(
        plain.__name__,
        (plain,),
        {
            "__module__": plain.__module__,
            "__qualname__": plain.__qualname__,
            "__doc__": plain.__doc__,
            "__reduce_ex__": reduce,
            # Copies need no schema; it takes 70 ms to build.
            "model_config": ConfigDict(defer_build=True),
            **methods,
        },
    )
    setattr(kind, _PLAIN, plain)
    return kind


def _rebuilt(model: M, manner: Manner) -> M:
    return with_class(model, caching_class(type(model), manner))


def _entering(plain: type[Any], name: str, manner: Manner, *, core_asks: bool) -> Any:
    """Return a method that goes on with a view, made now: `stream` itself begins when read."""

    @wraps(getattr(plain, name))
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(plain, name)(entered(self, manner, core_asks=core_asks), *args, **kwargs)

    return method


def _streams(kind: type[Any]) -> bool:
    return kind._stream is not BaseChatModel._stream


def _hooks(plain: type[Any]) -> dict[str, Any]:
    """Return the methods that LangChain calls on a view; one that the model lacks stays away."""
    hooks: dict[str, Any] = {
        "_generate": _generating(plain),
        "_agenerate": _agenerating(plain),
        "_get_llm_string": _llm_string(plain),
    }
    if _streams(plain):
        hooks["_stream"] = _streaming(plain._stream, run)
    if _streams(plain) or plain._astream is not BaseChatModel._astream:
        hooks["_astream"] = _streaming(plain._astream, arun)
    return hooks


def _streaming(
    original: Callable[..., Any], driver: Callable[[Flow, Question, Callable[[], Any]], Any]
) -> Any:
    @wraps(original)
    def stream(
        self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk] | AsyncIterator[ChatGenerationChunk]:
        call: Call | None = self.__dict__.get(_CALL)
        if run_manager is not None:
            kwargs["run_manager"] = run_manager
        if call is None:
            started: Iterator[ChatGenerationChunk] = original(self, messages, stop=stop, **kwargs)
            return started
        bound = {key: value for key, value in kwargs.items() if key != "run_manager"}
        if call.races:
            kwargs = bound  # nobody is to hear of tokens before it is decided whose they are
        question, replay = Question(call, messages, stop, bound), call.manner.replay
        if not call.core_asks:
            flow = streamed(replay, call.model.output_version)
        elif (pending := self.cache.undecided()) is not None:
            flow, question = raced(replay), Undecided(call, self.cache, pending)
        else:
            flow = replayed(self.cache.answer(), replay)
        stream: Iterator[ChatGenerationChunk] = driver(
            flow, question, lambda: original(call.model, messages, stop=stop, **kwargs)
        )
        return stream

    return stream


def _like(original: Callable[..., Any]) -> Callable[[Any], Any]:
    """Give a method the signature of another, read once: LangChain reads it at every call."""

    def decorate(method: Any) -> Any:
        method = wraps(original)(method)
        method.__signature__ = signature(original)
        return method

    return decorate


def _generating(plain: type[Any]) -> Any:
    @_like(plain._generate)
    def generate(self: Any, *args: Any, **kwargs: Any) -> ChatResult:
        call: Call | None = self.__dict__.get(_CALL)
        if call is not None and call.core_asks:
            if (answer := self.cache.answer()) is not None:
                return ChatResult(generations=[answer])
            call.permit()
        result: ChatResult = plain._generate(self if call is None else call.model, *args, **kwargs)
        return result

    return generate


def _agenerating(plain: type[Any]) -> Any:
    @_like(plain._agenerate)
    async def agenerate(self: Any, *args: Any, **kwargs: Any) -> ChatResult:
        call: Call | None = self.__dict__.get(_CALL)
        if call is not None and call.core_asks:
            if (pending := self.cache.undecided()) is not None:
                found = self.cache.found(pending)
                return await raced_whole(found, _permitted(plain, call, *args, **kwargs))
            if (answer := self.cache.answer()) is not None:
                return ChatResult(generations=[answer])
            await call.apermit()
        model = self if call is None else call.model
        result: ChatResult = await plain._agenerate(model, *args, **kwargs)
        return result

    return agenerate


async def _permitted(plain: type[Any], call: Call, *args: Any, **kwargs: Any) -> ChatResult:
    """Ask the model without telling anybody of tokens: it is not decided yet whose they are."""
    await call.apermit()
    kwargs.pop("run_manager", None)
    result: ChatResult = await plain._agenerate(call.model, *args, **kwargs)
    return result


def _llm_string(plain: type[Any]) -> Any:
    @wraps(plain._get_llm_string)
    def llm_string(self: Any, *args: Any, **kwargs: Any) -> str:
        call: Call | None = self.__dict__.get(_CALL)
        words: str = plain._get_llm_string(self if call is None else call.model, *args, **kwargs)
        return words

    return llm_string
