"""Which cache a command is about, and which of its entries: options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from .words import duration

if TYPE_CHECKING:
    from .. import RedisSemanticCache

P = ParamSpec("P")


@dataclass(frozen=True)
class Where:
    """The cache that a command is about, and how it is to print."""

    redis_url: str | None
    name: str | None
    json: bool

    def opened(self, **arguments: Any) -> RedisSemanticCache:
        """Make the cache, by default with no embedding model."""
        from langchain_core.embeddings import Embeddings

        from .. import RedisSemanticCache

        class Without(Embeddings):
            """Stands for the model that the entries were stored with, which is not needed."""

            def embed_query(self, text: str) -> list[float]:
                raise NotImplementedError

            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                raise NotImplementedError

        # A threshold, so that nobody guesses one for this model and says so.
        chosen = {"embeddings": Without(), "distance_threshold": 0.05, **arguments}
        return RedisSemanticCache(redis_url=self.redis_url, name=self.name, **chosen)


def of_a_cache(run: Callable[Concatenate[Where, P], int]) -> Callable[..., int]:
    """Add the options that every command of a cache has; they come as one `Where`."""

    @click.option("--redis-url", metavar="URL", help="Default: $REDIS_URL.")
    @click.option("--name", metavar="NAME", help="Of the cache, as its name= argument.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
    @wraps(run)
    def command(
        redis_url: str | None, name: str | None, as_json: bool, *args: P.args, **kwargs: P.kwargs
    ) -> int:
        return run(Where(redis_url, name, as_json), *args, **kwargs)

    return command


def _age(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def filtered(run: Callable[..., int]) -> Callable[..., int]:
    """Add the filters; those that were given come as `wanted`."""

    @click.option("--text", metavar="WORDS", help="In question or answer, in any order.")
    @click.option("--tag")
    @click.option("--model", help="As `show` names it.")
    @click.option("--namespace")
    @click.option("--older", callback=_age, metavar="AGE", help="Such as 15m, 12h, 7d or 2w.")
    @wraps(run)
    def command(
        *args: Any,
        text: str | None,
        tag: str | None,
        model: str | None,
        namespace: str | None,
        older: float | None,
        **kwargs: Any,
    ) -> int:
        named = {"text": text, "tag": tag, "model": model, "namespace": namespace, "older": older}
        wanted = {name: value for name, value in named.items() if value is not None}
        return run(*args, wanted=wanted, **kwargs)

    return command
