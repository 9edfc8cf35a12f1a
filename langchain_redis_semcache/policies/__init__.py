"""May this candidate be served? Pure: a policy sees two questions and their distance.

It cannot make anything eligible that is in another scope.
"""

from typing import TYPE_CHECKING

from .._on_demand import on_demand

if TYPE_CHECKING:
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

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "agreement": ("Agreement",),
            "audit": ("AuditPolicy", "AuditReport"),
            "decision": ("Candidate", "Decision", "Learner", "Policy"),
            "distance": ("DistancePolicy",),
            "second_opinions": (
                "ChatModelJudge",
                "ChatModelVerifier",
                "CrossEncoderVerifier",
                "Judge",
                "Verifier",
            ),
            "verified": ("Verified",),
        },
    )
