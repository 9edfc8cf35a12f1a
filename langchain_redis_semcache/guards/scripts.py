"""Scripts: which one a text is written in, and whether an embedding model can tell its texts apart.

Rule of this module: an embedding model that does not know a script gives all its texts nearly one
vector. Two texts without anything in common show it: if these are near, the distance says nothing.
"""

from __future__ import annotations

from bisect import bisect_right

from .lexicon import probes

__all__ = ["indistinct", "probe_texts", "scripts_of"]

_NEAR = 0.45  # unrelated texts are farther apart in each script that a model was seen to know
# First character of each range of letters, and its script; "" is what tells nothing.
_RANGES = [
    *[(0, ""), (0x370, "greek"), (0x400, "cyrillic"), (0x530, "armenian"), (0x590, "hebrew")],
    *[(0x600, "arabic"), (0x780, ""), (0x900, "devanagari"), (0x980, "bengali"), (0xA00, "")],
    *[(0xB80, "tamil"), (0xC00, "telugu"), (0xC80, ""), (0xE00, "thai"), (0xE80, "")],
    *[(0x10A0, "georgian"), (0x1100, "hangul"), (0x1200, ""), (0x1F00, "greek"), (0x2000, "")],
    *[(0x3040, "kana"), (0x3100, ""), (0x3400, "han"), (0xA000, ""), (0xAC00, "hangul")],
    *[(0xD7B0, ""), (0xFB1D, "hebrew"), (0xFB50, "arabic"), (0xFE00, ""), (0x20000, "han")],
    (0x32000, ""),
]
_STARTS = [start for start, _ in _RANGES]


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of a text besides Latin."""
    if text.isascii():
        return frozenset()
    beyond = {c for c in text if c > "\u036f"}
    return frozenset(_RANGES[bisect_right(_STARTS, ord(c)) - 1][1] for c in beyond) - {""}


def probe_texts(script: str) -> tuple[str, str] | None:
    """Two texts of a script that have nothing in common, to be embedded once."""
    return probes().get(script)


def indistinct(distance: float) -> bool:
    """Whether the distance of the two probe texts shows that the model does not know the script."""
    return not distance > _NEAR
