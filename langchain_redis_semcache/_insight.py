"""Why a call hit or missed, for whoever asks: looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._reporter import Reporter
from .flows.explain import Explanation, as_llm_string, as_prompt, explain
from .flows.lookup import Core
from .flows.options import OptionStack

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue

    from .driver.drivers import Drivers


class Insight:
    """A cache's methods that say why."""

    _core: Core
    _drivers: Drivers
    _options: OptionStack
    _reporter: Reporter

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
