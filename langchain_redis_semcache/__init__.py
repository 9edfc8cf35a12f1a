"""A semantic cache for LangChain on Redis that a careful engineer dares to switch on.

What is public is imported when it is first asked for: `semcache --help` needs none of it.
"""

from typing import TYPE_CHECKING

from ._on_demand import on_demand

if TYPE_CHECKING:
    from .admission import Admission, CallAdmission, CompleteAnswers
    from .cache import RedisSemanticCache
    from .configuration import Index, Limits, Prefilter, Recording, SingleFlight, Sliding
    from .driver.embedder import AwaitedEmbeddings
    from .entry.recorded import RecordedHit
    from .entry.stored import Entry
    from .errors import CacheUnavailableError, ConfigurationError, SemcacheError
    from .events import Listener
    from .flows.doctor import Finding
    from .flows.explain import Explanation
    from .flows.health import Health
    from .flows.shared import SharedSettings
    from .guards import DEFAULT_GUARDS, Guard
    from .policies.decision import Candidate, Decision, Policy
    from .policies.distance import DistancePolicy
    from .policies.verified import Verified
    from .question.parameters import Parameters
    from .question.way import VersionedHook
    from .stats import Stats

__version__ = "0.2.0"

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
    "Health",
    "Index",
    "Limits",
    "Listener",
    "Parameters",
    "Policy",
    "Prefilter",
    "RecordedHit",
    "Recording",
    "RedisSemanticCache",
    "SemcacheError",
    "SharedSettings",
    "SingleFlight",
    "Sliding",
    "Stats",
    "Verified",
    "VersionedHook",
]

# Not where types are checked: there it would make every misspelt name an object.
if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "admission": ("Admission", "CallAdmission", "CompleteAnswers"),
            "cache": ("RedisSemanticCache",),
            "configuration": (
                "Index",
                "Limits",
                "Prefilter",
                "Recording",
                "SingleFlight",
                "Sliding",
            ),
            "driver.embedder": ("AwaitedEmbeddings",),
            "entry.recorded": ("RecordedHit",),
            "entry.stored": ("Entry",),
            "errors": ("CacheUnavailableError", "ConfigurationError", "SemcacheError"),
            "events": ("Listener",),
            "flows.doctor": ("Finding",),
            "flows.explain": ("Explanation",),
            "flows.health": ("Health",),
            "flows.shared": ("SharedSettings",),
            "guards": ("DEFAULT_GUARDS", "Guard"),
            "policies.decision": ("Candidate", "Decision", "Policy"),
            "policies.distance": ("DistancePolicy",),
            "policies.verified": ("Verified",),
            "question.parameters": ("Parameters",),
            "question.way": ("VersionedHook",),
            "stats": ("Stats",),
        },
    )
