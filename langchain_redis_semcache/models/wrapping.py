"""`cached(model)`: one model whose streams are served from the cache."""

from __future__ import annotations

from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel, BaseLanguageModel

from .. import ConfigurationError
from .call import Manner
from .classes import caching_class, plain_class, with_class
from .replay import Replay

__all__ = ["cached", "checked_manner"]

M = TypeVar("M", bound=BaseChatModel)


def cached(model: M, *, replay: Replay = "few", racing: bool = False) -> M:
    """Return a copy of the model that streams from the cache, and stores what it streams.

    The cache is the one that LangChain would ask: `model.cache`, or that of `set_llm_cache`.

    Args:
        model: Any chat model; bind tools and the like to what is returned.
        replay: How the text of a hit is cut: "few" pieces, "words", or by a function that returns
            the pieces.
        racing: In async calls the model starts while the question is embedded, and is cancelled
            where the lookup finds an answer: a miss is as fast as the model, and a reworded
            question costs a model call that was begun.
    """
    manner = checked_manner(replay, racing)
    if not isinstance(model, BaseChatModel):
        raise ConfigurationError(_instead(model))
    kind = caching_class(plain_class(type(model)), manner)
    return with_class(model, kind)


def checked_manner(replay: Any, racing: Any) -> Manner:
    if replay not in ("few", "words") and not callable(replay):
        raise ConfigurationError(
            "replay must be 'few', 'words' or a function that cuts a text, "
            "e.g. replay=lambda text: text.splitlines(keepends=True)"
        )
    if not isinstance(racing, bool):
        raise ConfigurationError(f"racing must be True or False, not {racing!r}")
    return Manner(replay, racing)


def _instead(model: Any) -> str:
    """Say what to write in place of something that is no chat model."""
    name = type(model).__name__
    if isinstance(model, str):
        return "cached() wraps a model, not its name: write cached(init_chat_model('...'))"
    if isinstance(model, type):
        return f"cached() wraps a model, not its class: write cached({model.__name__}(...))"
    if name == "_ConfigurableModel":
        return (
            "cached() cannot wrap a configurable model, which makes one anew at every call: write "
            "init_chat_model(...) without configurable_fields, or use enable_streaming(), which "
            "reaches whatever model is made"
        )
    if isinstance(model, BaseLanguageModel):
        return (
            f"cached() wraps chat models, and {name} is a completion model: its invoke() is "
            "cached as it is, for streams use the provider's chat model"
        )
    if hasattr(model, "invoke"):
        return (
            f"cached() wraps the chat model inside of a {name}: write cached(model) first, then "
            "bind tools to it, put it in a chain or give it retries"
        )
    return f"cached() wraps a chat model, e.g. cached(ChatOpenAI(...)), not a {name}"
