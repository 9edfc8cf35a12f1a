"""May this candidate be served? Pure: a policy sees two questions and their distance.

It cannot make anything eligible that is in another scope.
"""

from .audit import AuditPolicy, AuditReport
from .distance import Candidate, Decision, DistancePolicy, Policy
from .learned import LearnedPolicy
from .verify import (
    ChatModelJudge,
    ChatModelVerifier,
    CrossEncoderVerifier,
    Judge,
    Verifier,
    VerifyMode,
    VerifyPolicy,
)

__all__ = [
    "AuditPolicy",
    "AuditReport",
    "Candidate",
    "ChatModelJudge",
    "ChatModelVerifier",
    "CrossEncoderVerifier",
    "Decision",
    "DistancePolicy",
    "Judge",
    "LearnedPolicy",
    "Policy",
    "Verifier",
    "VerifyMode",
    "VerifyPolicy",
]
