"""A semantic cache for LangChain on Redis that a careful engineer dares to switch on."""

from .admission import Admission, CompleteAnswers
from .cache import RedisSemanticCache
from .driver.embedder import AwaitedEmbeddings
from .errors import CacheUnavailableError, ConfigurationError, SemcacheError
from .events import Listener, Stats
from .flows.explain import Explanation
from .guards import DEFAULT_GUARDS, Guard
from .policies.distance import Candidate, Decision, DistancePolicy, Policy
from .question.way import VersionedHook

__all__ = [
    "DEFAULT_GUARDS",
    "Admission",
    "AwaitedEmbeddings",
    "CacheUnavailableError",
    "Candidate",
    "CompleteAnswers",
    "ConfigurationError",
    "Decision",
    "DistancePolicy",
    "Explanation",
    "Guard",
    "Listener",
    "Policy",
    "RedisSemanticCache",
    "SemcacheError",
    "Stats",
    "VersionedHook",
]
