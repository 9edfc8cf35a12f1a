"""May this candidate be served? Pure: a policy sees two questions and their distance.

It cannot make anything eligible that is in another scope.
"""

from .agreement import Agreement
from .audit import AuditPolicy, AuditReport
from .decision import Candidate, Decision, Learner, Policy
from .distance import DistancePolicy
from .second_opinions import (
    ChatModelJudge,
    ChatModelVerifier,
    CrossEncoderVerifier,
    Judge,
    Verifier,
)
from .verified import Verified

__all__ = [
    "Agreement",
    "AuditPolicy",
    "AuditReport",
    "Candidate",
    "ChatModelJudge",
    "ChatModelVerifier",
    "CrossEncoderVerifier",
    "Decision",
    "DistancePolicy",
    "Judge",
    "Learner",
    "Policy",
    "Verified",
    "Verifier",
]
