"""What an option names as `module:attribute`, or an embedding model by a short name."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .words import one_line

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

_OPENAI = "openai:"
SPECS = (
    '"openai:text-embedding-3-small", "local" (WordLlama), or "package.module:attribute", an '
    "Embeddings object or a callable that makes one"
)


def embeddings(spec: str) -> Embeddings:
    """Make the embedding model that the user named."""
    from langchain_core.embeddings import Embeddings

    if spec == "local":
        from ..embedded import LocalEmbeddings

        return LocalEmbeddings()
    if spec.startswith(_OPENAI) and spec != _OPENAI:
        from langchain_openai import OpenAIEmbeddings

        try:
            return OpenAIEmbeddings(model=spec.removeprefix(_OPENAI))
        except Exception as error:
            raise ConfigurationError(f"--embeddings {spec}: {one_line(error)}") from None
    found = made("--embeddings", spec, lambda one: isinstance(one, Embeddings), SPECS)
    if not isinstance(found, Embeddings):
        raise ConfigurationError(
            f"--embeddings {spec} is a {type(found).__name__}, no langchain_core Embeddings"
        )
    return found


def made(option: str, spec: str, is_ready: Callable[[Any], bool], wanted: str) -> Any:
    """Import what an option names, and call it where it is what makes it."""
    module, colon, attribute = spec.partition(":")
    if not (module and colon and attribute):
        raise ConfigurationError(f"{option} {spec!r} is none of {wanted}")
    # As `python -m` does, and a console script does not.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
        return found() if callable(found) and not is_ready(found) else found
    except Exception as error:
        raise ConfigurationError(
            f"{option} {spec}: {type(error).__name__}: {one_line(error)}"
        ) from None
