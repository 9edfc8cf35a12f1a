"""Eyes of others: what happens, told to OpenTelemetry and to Prometheus; it reads events only.

Metrics and their labels hold no question, answer, key or tenant, and each label has few values.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .prices import Price

if TYPE_CHECKING:
    from .otel import OTelListener
    from .prometheus import PrometheusListener

__all__ = ["OTelListener", "Price", "PrometheusListener"]

_HOME = {"OTelListener": "otel", "PrometheusListener": "prometheus"}

# Each needs an extra of its own.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
