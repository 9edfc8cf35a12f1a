"""Which threshold suits an embedding model and one's own questions? Offline, from labelled data."""

from .calibration import EmbeddingError, calibrate
from .labels import Clustered, Pair, load_pairs
from .opinion import Opinion, measure_judge
from .replay import Row
from .report import write_report
from .result import Calibration, Example

__all__ = [
    "Calibration",
    "Clustered",
    "EmbeddingError",
    "Example",
    "Opinion",
    "Pair",
    "Row",
    "calibrate",
    "load_pairs",
    "measure_judge",
    "write_report",
]
