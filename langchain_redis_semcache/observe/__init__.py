"""Eyes of others: what happens, told to OpenTelemetry and to Prometheus; it reads events only.

Metrics and their labels hold no question, answer, key or tenant, and each label has few values.
"""

from typing import TYPE_CHECKING

from .._on_demand import on_demand
from .prices import Price

if TYPE_CHECKING:
    from .otel import OTelListener
    from .prometheus import PrometheusListener

__all__ = ["OTelListener", "Price", "PrometheusListener"]

# Each needs an extra of its own.
if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__, {"otel": ("OTelListener",), "prometheus": ("PrometheusListener",)}
    )
