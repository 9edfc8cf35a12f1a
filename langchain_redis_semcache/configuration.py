"""Arguments of the constructor that are about one subject, each an object of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ._checks import amount, one_of, seconds
from .entry.schema import IndexType
from .entry.vector import VectorType
from .errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

__all__ = ["Index", "Limits", "Prefilter", "Recording", "SingleFlight", "Sliding"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how large anything may be.

    Args:
        redis: Seconds that Redis may take in all per lookup or update.
        embedding: Seconds that the embedder may take per call. None is for local models that
            cannot hang: sync calls then embed in the caller's thread, 50 µs faster.
        question_chars: Longer questions are served on an exact match only: an embedding model cuts
            what exceeds its window (256 tokens, about 1000 characters, for small ones), and cosine
            distance is blind to one changed word in a long text. None for no limit.
        answer_bytes: Larger answers are neither stored nor served.
    """

    redis: float | timedelta = 0.5
    embedding: float | timedelta | None = 2.0
    question_chars: int | None = 1000
    answer_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        seconds("redis", self.redis, "e.g. Limits(redis=0.5)")
        if self.embedding is not None:
            seconds("embedding", self.embedding, "e.g. Limits(embedding=2)")
        if self.question_chars is not None:
            amount("question_chars", self.question_chars, "e.g. Limits(question_chars=1000)")
        amount("answer_bytes", self.answer_bytes, "e.g. Limits(answer_bytes=1_000_000)")


@dataclass(frozen=True, kw_only=True)
class Index:
    """How vectors are kept and searched.

    Args:
        kind: "hnsw" (flat as the cache grows) or "flat" (exact, for some thousand entries).
        vector: "float32", or "float16"/"bfloat16" for half the memory.
        create: False where another process or an administrator creates the index.
        embedding_id: Names the embedding model where its class and model name do not.
    """

    kind: IndexType = "hnsw"
    vector: VectorType = "float32"
    create: bool = True
    embedding_id: str | None = None

    def __post_init__(self) -> None:
        one_of("kind", self.kind, ("hnsw", "flat"))
        one_of("vector", self.vector, ("float32", "float16", "bfloat16"))
        if not isinstance(self.create, bool):
            raise ConfigurationError(f"create must be True or False, not {self.create!r}")
        named = self.embedding_id is None or isinstance(self.embedding_id, str)
        if not named or self.embedding_id == "":
            raise ConfigurationError(
                "embedding_id must be a non-empty string that changes with the embedding model, "
                f"e.g. Index(embedding_id='minilm-v2'), not {self.embedding_id!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Keep some of the hits that are served, to be reviewed: see docs/operations.md.

    Args:
        share: Of the hits, drawn anew for each.
        keep: About so many, the last ones.
        redact: Takes a question or an answer and returns what of it may be kept; called behind the
            call. Where it fails the hit is not recorded.
    """

    share: float = 0.05
    keep: int = 10_000
    redact: Callable[[str], str] | Callable[[str], Awaitable[str]] | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.share, (int, float)) and not isinstance(self.share, bool)
        if not number or not 0 < self.share <= 1:
            raise ConfigurationError(
                "share must be above 0 and at most 1, e.g. Recording(share=0.05), not "
                f"{self.share!r}"
            )
        amount("keep", self.keep, "e.g. Recording(keep=10_000)")
        if self.redact is not None and not callable(self.redact):
            raise ConfigurationError("redact must be a callable that takes and returns a text")


@dataclass(frozen=True, kw_only=True)
class SingleFlight:
    """Identical questions at the same moment ask the model once: the others wait for its answer.

    Args:
        wait: Seconds that a call waits for another one's answer, then it asks the model itself.
        pause: Seconds that nobody waits for a question whose answer did not come: the model
            failed, the call was cancelled, or the answer may not be stored.
        lease: Wait for other processes as well, for so many seconds after their last sign of life;
            None is for this process only.
    """

    wait: float | timedelta = 15.0
    pause: float | timedelta = 60.0
    lease: float | timedelta | None = None

    def __post_init__(self) -> None:
        seconds("wait", self.wait, "e.g. SingleFlight(wait=15)")
        seconds("pause", self.pause, "e.g. SingleFlight(pause=60)")
        if self.lease is not None:
            seconds("lease", self.lease, "e.g. SingleFlight(lease=2)")


@dataclass(frozen=True)
class Prefilter:
    """A cheap embedder that says where nothing is near, so that the real one need not be awaited.

    Args:
        embeddings: Embeds in much less time than the cache's own, e.g. `LocalEmbeddings()`.
        lost: The share of the hits by meaning that may be missed for it. Until the traffic has
            shown how far one may go, nothing is skipped: with 0.02 for some 200 such hits.
    """

    embeddings: Embeddings
    lost: float = field(default=0.02, kw_only=True)

    def __post_init__(self) -> None:
        # Importing it takes longer than all else here.
        from langchain_core.embeddings import Embeddings

        if not isinstance(self.embeddings, Embeddings):
            raise ConfigurationError(
                "prefilter must be an embedding object that is cheaper than the cache's own, e.g. "
                "prefilter=LocalEmbeddings() or prefilter=Prefilter(LocalEmbeddings(), lost=0.02), "
                f"not a {type(self.embeddings).__name__}"
            )
        number = isinstance(self.lost, (int, float)) and not isinstance(self.lost, bool)
        if not number or not 0.001 <= self.lost <= 0.5:
            raise ConfigurationError(
                "lost must be a share from 0.001 to 0.5, e.g. Prefilter(..., lost=0.02): two of a "
                f"hundred hits, not {self.lost!r}"
            )

    @classmethod
    def of(cls, given: Prefilter | Embeddings | None, embeddings: Embeddings) -> Prefilter | None:
        """Return the prefilter of a cache; an embedder alone is one with all defaults."""
        chosen = given if given is None or isinstance(given, Prefilter) else cls(given)
        if chosen is not None and chosen.embeddings is embeddings:
            raise ConfigurationError(
                "prefilter is the cache's own embedder: it must be a cheaper one, e.g. "
                "prefilter=LocalEmbeddings(), or left out"
            )
        return chosen


@dataclass(frozen=True)
class Sliding:
    """A ttl that begins anew whenever the entry is served: `ttl=Sliding(3600)`."""

    ttl: float | timedelta

    def __post_init__(self) -> None:
        seconds("ttl", self.ttl, "e.g. ttl=Sliding(3600)")
