"""The way in which prompts are read: another one is another scope, with another context."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from ..errors import ConfigurationError
from .canonical import canonical
from .digest import digest
from .parameters import PLAIN, Parameters
from .prompt import ContextMode, QuestionHook


@dataclass(frozen=True, slots=True)
class VersionedHook:
    """A question hook with a version: what was stored under another version is not served.

    Change the version whenever the hook reads prompts in another way.
    """

    hook: QuestionHook
    version: str | int

    def __post_init__(self) -> None:
        if not callable(self.hook) or not isinstance(self.version, (str, int)):
            raise ConfigurationError(
                "VersionedHook takes a callable and a str or int, e.g. VersionedHook(read, 2)"
            )

    def __call__(self, messages: list[BaseMessage], /) -> tuple[str, Hashable] | None:
        return self.hook(messages)


def way(context: ContextMode, hook: QuestionHook | None, parameters: Parameters = PLAIN) -> str:
    """Name the way of reading that a cache was made with; the same in every process."""
    if hook is None:
        parts = ["context", context]
    elif isinstance(hook, VersionedHook):
        parts = ["hook", _name(hook.hook), canonical(hook.version)]
    else:
        parts = ["hook", _name(hook)]
    declared = parameters.identity
    return digest(*parts, declared) if declared else digest(*parts)


def shown(context: ContextMode, hook: QuestionHook | None, parameters: Parameters = PLAIN) -> str:
    """Say how a cache reads prompts."""
    read = f"context={context!r}"
    if isinstance(hook, VersionedHook):
        read = f"question={_name(hook.hook)}, version {hook.version!r}"
    elif hook is not None:
        read = f"question={_name(hook)}"
    return f"{read}, {parameters!r}" if parameters != PLAIN else read


def _name(hook: object) -> str:
    """Where a function is defined; of any other callable, its class."""
    named = hook if hasattr(hook, "__qualname__") else type(hook)
    return f"{named.__module__}.{named.__qualname__}"
