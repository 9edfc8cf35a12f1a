"""`explain`: what a lookup would do and why, as a value and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from .._effects import Flow
from ..events import Bypassed, Hit, Miss
from .calls import Judged
from .lookup import Core
from .options import OptionStack

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a lookup would do. Holds questions in clear: meant for eyes, not for logs."""

    decision: Literal["hit", "miss", "bypassed"]
    reason: str
    """"exact", "semantic", or why it would be a miss."""
    question: str | None = None
    exact_only: str | None = None
    """Why only an identical question could be a hit, or None."""
    scope: str | None = None
    entry: str | None = None
    """The key that an identical question has."""
    model: str = ""
    threshold: float = 0.0
    candidates: tuple[Judged, ...] = ()
    """Nearest first."""
    audit_share: float = 0.0
    """The share of such hits that the model answers after all."""

    def __str__(self) -> str:
        lines = [f"{self.decision}: {self.reason}"]
        if self.question is not None:
            lines.append(f"question   {self.question!r}")
            lines.append(f"scope      {self.scope}  model {self.model or 'unknown'}")
            lines.append(f"entry      {self.entry}")
            lines.append(f"threshold  {self.threshold:g}")
        if self.exact_only:
            lines.append(f"compared by meaning: no ({self.exact_only})")
        if self.audit_share:
            lines.append(f"audited    by chance: the model answers {self.audit_share:.1%} of these")
        for one in self.candidates:
            guard = f" ({one.guard})" if one.guard else ""
            lines.append(f"{one.distance:9.4f}  {one.reason}{guard}  {one.question!r}")
        return "\n".join(lines)


def explain(core: Core, options: OptionStack, prompt: str, llm_string: str) -> Flow[Explanation]:
    current = replace(options.current(), remember=False)
    result = yield from core.look(prompt, llm_string, current)
    event, asked = result.event, result.asked
    decision: Literal["hit", "miss", "bypassed"]
    reason: str
    if isinstance(event, Hit):
        decision, reason = "hit", event.kind
    else:
        decision = "bypassed" if isinstance(event, Bypassed) else "miss"
        reason = event.reason
    if asked is None:
        return Explanation(decision, reason)
    return Explanation(
        decision=decision,
        reason=reason,
        question=asked.text,
        exact_only=asked.exact_only,
        scope=asked.scope,
        entry=asked.key,
        model=asked.model,
        threshold=core.threshold(current),
        candidates=tuple(result.judged),
        audit_share=_audit_share(core, event),
    )


def _audit_share(core: Core, event: Hit | Miss | Bypassed) -> float:
    if core.learning is None or not isinstance(event, Hit) or event.kind != "semantic":
        return 0.0
    return core.learning.learner.audit_share


def as_prompt(
    given: str | PromptValue | Sequence[BaseMessage], model: str | BaseLanguageModel[Any] | Any
) -> str:
    """Return the prompt string that LangChain would hand to the cache."""
    # Importing language models takes longer than everything else here together.
    from langchain_core.language_models import BaseChatModel, BaseLLM
    from langchain_core.language_models._utils import _normalize_messages
    from langchain_core.load import dumps
    from langchain_core.messages import HumanMessage
    from langchain_core.prompt_values import ChatPromptValue, PromptValue

    inner, _ = _unbound(model)
    if isinstance(given, str):
        return dumps([HumanMessage(given)]) if isinstance(inner, BaseChatModel) else given
    value = given if isinstance(given, PromptValue) else ChatPromptValue(messages=list(given))
    if isinstance(inner, BaseLLM):
        return value.to_string()
    messages = _normalize_messages(value.to_messages())
    return dumps([message.model_copy(update={"id": None}) for message in messages])


def as_llm_string(model: str | BaseLanguageModel[Any] | Any) -> str:
    """Return the llm_string that LangChain would hand to the cache; bound tools are part of it."""
    from langchain_core.language_models import BaseChatModel, BaseLLM

    if isinstance(model, str):
        return model
    inner, kwargs = _unbound(model)
    stop = kwargs.pop("stop", None)
    if isinstance(inner, BaseChatModel):
        # Meant for tracing; LangChain takes them out before it asks the cache.
        for name in ("ls_structured_output_format", "structured_output_format"):
            kwargs.pop(name, None)
        return inner._get_llm_string(stop=stop, **kwargs)
    if isinstance(inner, BaseLLM):
        params = {**inner.dict(), "stop": stop}  # of what is bound, LangChain adds this only
        return str(sorted(params.items()))
    raise TypeError(
        "explain needs the llm_string or a chat or completion model (with bound tools where they "
        f"are bound), not a {type(model).__name__}"
    )


def _unbound(model: Any) -> tuple[Any, dict[str, Any]]:
    """Return the model itself and what `bind` or `bind_tools` added to its calls."""
    from langchain_core.runnables import RunnableBinding

    kwargs: dict[str, Any] = {}
    while isinstance(model, RunnableBinding):
        kwargs = {**model.kwargs, **kwargs}
        model = model.bound
    return model, kwargs
