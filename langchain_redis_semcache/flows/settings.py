"""The constructor's arguments, checked: what all flows of one cache go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from langchain_core.embeddings import Embeddings

from .._arguments import without_urls
from ..admission import Admission
from ..configuration import Prefilter, Recording, SingleFlight
from ..entry.schema import Schema
from ..entry.signing import Signer
from ..policies.decision import Policy
from ..question.parameters import PLAIN, Parameters
from ..question.prompt import ContextMode, QuestionHook
from ..question.way import shown


class CheapModel(NamedTuple):
    """The prefilter's embedding model by name, and the share of hits that may be lost by it."""

    embedding_id: str
    lost: float

    @classmethod
    def of(
        cls, prefilter: Prefilter | None, identify: Callable[[Embeddings], str]
    ) -> CheapModel | None:
        if prefilter is None:
            return None
        return cls(identify(prefilter.embeddings), prefilter.lost)


@dataclass(frozen=True)
class Settings:
    """One cache's."""

    schema: Schema
    policy: Policy
    admission: Admission
    namespace: str | Callable[[], str]
    context: ContextMode
    question: QuestionHook | None
    ttl: float | None
    sliding: bool
    """An entry has its full ttl again whenever it is served."""
    mark_hits: bool
    max_question_chars: int | None
    max_answer_bytes: int
    create_index: bool
    signer: Signer | None
    single_flight: SingleFlight | None = None
    recording: Recording | None = None
    prefilter: CheapModel | None = None
    hides_namespaces: bool = False
    parameters: Parameters = PLAIN
    zero_usage: bool = False
    """Hits report no tokens."""
    disabled: bool = False
    redis_seconds: float = 0.5
    """What a call may take of Redis: a search tells the server."""
    is_cluster: Callable[[], bool] = bool
    """Whether a search depends on more nodes than anything else."""

    @property
    def reading(self) -> str:
        """How prompts are read, for people."""
        return shown(self.context, self.question, self.parameters)

    @property
    def embeddings(self) -> str:
        """The embedding model, for people."""
        return without_urls(self.schema.embedding_id)
