"""Answers that a chain could not parse leave the cache, so that asking again asks the model.

Rule of this module: an answer is withdrawn where a step that was given the very message raised a
ValueError, as every parser of LangChain and pydantic's validation do; of other errors nobody knows
whether the answer is to blame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from typing_extensions import override

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .cache import RedisSemanticCache

__all__ = ["WithdrawUnparsed"]


class WithdrawUnparsed(BaseCallbackHandler):
    """Removes an answer from the cache before the error of its parser reaches the application.

    For one chain `chain.with_config(callbacks=[WithdrawUnparsed(cache)])`. The error is raised as
    ever; whoever asks again asks the model. `mark_hits=True` has to be on, as it is by default.
    """

    def __init__(self, cache: RedisSemanticCache) -> None:
        if not callable(getattr(cache, "feedback", None)):
            raise ConfigurationError(
                f"WithdrawUnparsed takes a RedisSemanticCache, not a {type(cache).__name__}"
            )
        self._cache = cache
        self._given: dict[UUID, BaseMessage] = {}

    @override
    def on_chain_start(
        self, serialized: dict[str, Any], inputs: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        if isinstance(inputs, BaseMessage):
            self._given[run_id] = inputs

    @override
    def on_chain_end(self, outputs: dict[str, Any], *, run_id: UUID, **kwargs: Any) -> None:
        self._given.pop(run_id, None)

    @override
    def on_chain_error(
        self, error: BaseException, *, run_id: UUID, inputs: Any = None, **kwargs: Any
    ) -> None:
        # A step in a stream is told at its end only what it was given.
        message = self._given.pop(run_id, inputs)
        if isinstance(error, ValueError) and isinstance(message, BaseMessage):
            self._cache.feedback(message, right=False)
