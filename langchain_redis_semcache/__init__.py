"""A semantic cache for LangChain on Redis that a careful engineer dares to switch on."""

from .admission import Admission, CallAdmission, CompleteAnswers
from .cache import RedisSemanticCache
from .configuration import Index, Limits, SingleFlight, Sliding
from .driver.embedder import AwaitedEmbeddings
from .entry.stored import Entry
from .errors import CacheUnavailableError, ConfigurationError, SemcacheError
from .events import Listener
from .flows.doctor import Finding
from .flows.explain import Explanation
from .guards import DEFAULT_GUARDS, Guard
from .policies.decision import Candidate, Decision, Policy
from .policies.distance import DistancePolicy
from .policies.verified import Verified
from .question.way import VersionedHook
from .stats import Stats

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_GUARDS",
    "Admission",
    "AwaitedEmbeddings",
    "CacheUnavailableError",
    "CallAdmission",
    "Candidate",
    "CompleteAnswers",
    "ConfigurationError",
    "Decision",
    "DistancePolicy",
    "Entry",
    "Explanation",
    "Finding",
    "Guard",
    "Index",
    "Limits",
    "Listener",
    "Policy",
    "RedisSemanticCache",
    "SemcacheError",
    "SingleFlight",
    "Sliding",
    "Stats",
    "Verified",
    "VersionedHook",
]
