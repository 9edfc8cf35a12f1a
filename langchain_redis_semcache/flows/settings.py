"""The constructor's arguments, checked: what all flows of one cache go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._arguments import without_urls
from ..admission import Admission
from ..configuration import Recording, SingleFlight
from ..entry.schema import Schema
from ..entry.signing import Signer
from ..policies.decision import Policy
from ..question.parameters import PLAIN, Parameters
from ..question.prompt import ContextMode, QuestionHook
from ..question.way import shown


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
