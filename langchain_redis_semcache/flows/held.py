"""What users hold, as the two strings that LangChain would hand to the cache.

Rule of this module: nothing is run that could have an effect. What stands in front of a model is
followed where it only renders a prompt; of anything else, the user is asked what comes out of it.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

_WANTED = (
    "explain takes the llm_string or a chat or completion model, as it is or inside of "
    "bind_tools(), with_structured_output(), with_retry(), with_fallbacks() or a chain, not a {}"
)
_RUNS_NOTHING = (
    "explain runs nothing but prompts, and in front of the model stands a {}: give it what the "
    "model is asked, e.g. cache.explain((retrieve | prompt).invoke(inputs), model)"
)
_AGENT = (
    "an agent asks its model with tools bound and a system prompt in front, and both must be "
    "identical: explain what it asks, e.g. cache.explain([SystemMessage(...), HumanMessage(...)], "
    "model.bind_tools(tools)), or the answer that it gave: cache.explain(message)"
)

_FINISHED = object()
"""Stands for a prompt that was given as it is."""


def strings(given: Any, model: Any) -> tuple[str, str]:
    """Return prompt and llm_string of what would be `model.invoke(given)`."""
    from langchain_core.prompt_values import PromptValue

    # A prompt that is finished is what the model is asked, whatever stands in front of it.
    finished = isinstance(given, PromptValue)
    asked, inner, kwargs = _reached(_FINISHED if finished else given, model, {})
    return _prompt(given if finished else asked, inner), _llm_string(inner, kwargs)


def _prompt(given: Any, inner: Any) -> str:
    # Importing language models takes longer than everything else here together.
    from langchain_core.language_models import BaseChatModel, BaseLLM
    from langchain_core.language_models._utils import _normalize_messages
    from langchain_core.load import dumps
    from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
    from langchain_core.prompt_values import ChatPromptValue, PromptValue

    if isinstance(given, str):
        return dumps([HumanMessage(given)]) if isinstance(inner, BaseChatModel) else given
    if isinstance(given, BaseMessage):
        given = [given]
    if not isinstance(given, PromptValue):
        given = ChatPromptValue(messages=convert_to_messages(given))
    if isinstance(inner, BaseLLM):
        return str(given.to_string())
    messages = _normalize_messages(given.to_messages())
    return dumps([message.model_copy(update={"id": None}) for message in messages])


def _llm_string(inner: Any, kwargs: dict[str, Any]) -> str:
    from langchain_core.language_models import BaseChatModel

    if isinstance(inner, str):
        return inner
    stop = kwargs.pop("stop", None)
    if isinstance(inner, BaseChatModel):
        # Meant for tracing; LangChain takes them out before it asks the cache.
        for name in ("ls_structured_output_format", "structured_output_format"):
            kwargs.pop(name, None)
        return inner._get_llm_string(stop=stop, **kwargs)
    params = {**inner.dict(), "stop": stop}  # of what is bound, LangChain adds this only
    return str(sorted(params.items()))


def _reached(given: Any, model: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Follow a runnable to its model; return what that is asked, the model, and what is bound."""
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableSequence
    from langchain_core.runnables.base import RunnableBindingBase

    if isinstance(model, (str, BaseLanguageModel)):
        return given, model, kwargs
    if isinstance(model, RunnableSequence):
        for step in model.steps:
            if _holds_model(step):
                return _reached(given, step, kwargs)
            given = _rendered(step, given)
    elif isinstance(model, RunnableBindingBase):
        return _reached(given, model.bound, {**model.kwargs, **kwargs})
    elif (inner := _inside(model)) is not None:
        return _reached(given, inner, kwargs)
    if type(model).__module__.startswith("langgraph"):
        raise TypeError(_AGENT)
    raise TypeError(_WANTED.format(type(model).__name__))


def _inside(model: Any) -> Any:
    """Return what stands inside of a runnable that hands its input on as it is; else None."""
    from langchain_core.runnables import RunnableParallel, RunnableWithFallbacks
    from langchain_core.runnables.configurable import DynamicRunnable

    if isinstance(model, RunnableWithFallbacks):
        return model.runnable
    if isinstance(model, DynamicRunnable):
        return model.prepare(None)[0]
    if isinstance(model, RunnableParallel):
        branches = [step for step in model.steps__.values() if _holds_model(step)]
        return branches[0] if len(branches) == 1 else None
    # What init_chat_model() returns with configurable fields; its class is private.
    if type(model).__name__ == "_ConfigurableModel" and hasattr(model, "_model"):
        return model._model({})
    return None


def _holds_model(step: Any) -> bool:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableSequence
    from langchain_core.runnables.base import RunnableBindingBase

    if isinstance(step, BaseLanguageModel) or type(step).__module__.startswith("langgraph"):
        return True
    if isinstance(step, RunnableBindingBase):
        return _holds_model(step.bound)
    if isinstance(step, RunnableSequence):
        return any(map(_holds_model, step.steps))
    inner = _inside(step)
    return inner is not None and _holds_model(inner)


def _rendered(step: Any, given: Any) -> Any:
    """Return what comes out of a step that only renders or picks."""
    from langchain_core.prompts import BasePromptTemplate
    from langchain_core.runnables import (
        RunnableLambda,
        RunnableParallel,
        RunnablePassthrough,
        RunnablePick,
        RunnableSequence,
    )
    from langchain_core.runnables.passthrough import RunnableAssign

    if given is _FINISHED:
        return given
    if isinstance(step, (BasePromptTemplate, RunnablePick)) or getattr(step, "renders", False):
        return step.invoke(given)
    if isinstance(step, RunnablePassthrough) and step.func is None and step.afunc is None:
        return given
    if isinstance(step, RunnableSequence):
        for one in step.steps:
            given = _rendered(one, given)
        return given
    if isinstance(step, RunnableParallel):
        return {name: _rendered(one, given) for name, one in step.steps__.items()}
    if isinstance(step, RunnableAssign):
        return {**given, **_rendered(step.mapper, given)}
    if isinstance(step, RunnableLambda) and isinstance(getattr(step, "func", None), itemgetter):
        return step.func(given)
    raise TypeError(_RUNS_NOTHING.format(type(step).__name__))
