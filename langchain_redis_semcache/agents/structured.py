"""Answers in a form that the provider itself keeps to: they are text, and are read again on a hit.

Rule of this module: only what LangChain can read from the stored message is served. A form that
comes as a call of a tool is left to the model, as every answer with tool calls that is paraphrased.
"""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware import ModelResponse
from langchain.agents.structured_output import (
    AutoStrategy,
    ProviderStrategy,
    ProviderStrategyBinding,
    ToolStrategy,
)
from langchain_core.messages import AIMessage

__all__ = ["as_response", "native"]


def native(response_format: Any) -> ProviderStrategy[Any] | None:
    """Return the form as the provider's own; of an automatic one, in case it comes to that."""
    if isinstance(response_format, ToolStrategy):
        return None
    if isinstance(response_format, ProviderStrategy):
        return response_format
    automatic = isinstance(response_format, AutoStrategy)
    return ProviderStrategy(response_format.schema if automatic else response_format)


def as_response(
    answer: AIMessage, strategy: ProviderStrategy[Any] | None
) -> ModelResponse[Any] | None:
    """Return a served answer as the model's response, or None where it has not the form."""
    if strategy is None:
        return ModelResponse(result=[answer])
    binding = ProviderStrategyBinding.from_schema_spec(strategy.schema_spec)
    try:
        return ModelResponse(result=[answer], structured_response=binding.parse(answer))
    except (TypeError, ValueError):
        return None
