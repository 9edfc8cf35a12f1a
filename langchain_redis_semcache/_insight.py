"""Why a call hit or missed, for whoever asks: looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue

    from ._reporter import Reporter
    from .driver.drivers import Drivers
    from .flows.by_hand import ByHand
    from .flows.explain import Explanation


class Insight:
    """A cache's methods that say why."""

    _by_hand: ByHand
    _drivers: Drivers
    _reporter: Reporter

    def explain(
        self,
        prompt_or_messages: str | PromptValue | Sequence[BaseMessage],
        llm_string_or_model: str | BaseLanguageModel[Any],
    ) -> Explanation:
        """Say what a lookup would do and why; later calls go as if nobody had asked."""
        flow = self._by_hand.explain(prompt_or_messages, llm_string_or_model)
        with self._reporter.muted():
            return self._drivers.run(flow, glance=True)

    async def aexplain(
        self,
        prompt_or_messages: str | PromptValue | Sequence[BaseMessage],
        llm_string_or_model: str | BaseLanguageModel[Any],
    ) -> Explanation:
        """Say what an `alookup` would do and why."""
        flow = self._by_hand.explain(prompt_or_messages, llm_string_or_model)
        with self._reporter.muted():
            return await self._drivers.arun(flow, glance=True)
