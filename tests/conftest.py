"""Property tests are the same on every machine; `--hypothesis-profile=explore` looks further."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit",
    deadline=None,
    max_examples=60,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", settings.get_profile("unit"), max_examples=2000, derandomize=False
)
settings.load_profile("unit")
