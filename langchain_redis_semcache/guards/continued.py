"""Names that go on: iPhone 14/iPhone 14 Pro, Mexico/Mexico City, York/New York.

Rule of this module: the two questions are the same but for a word or two beside a name.
"""

from __future__ import annotations

from functools import cache

from .lexicon import lexicon
from .quantities import units
from .reading import Text
from .wording import frame, gap, stem

__all__ = ["continued"]

_FEW = 8  # words of any kind that may differ before anybody looks closer
_MOST = 2  # words by which a name goes on


def continued(shorter: Text, longer: Text, capitalised: frozenset[str]) -> bool:
    """Whether the longer text has a name that goes on, with the words that it capitalises."""
    if len(longer.words ^ shorter.words) > _FEW:
        return False
    b = frame(longer)
    start, missing, added = gap(shorter, longer)
    end = start + len(added)
    if missing or not 0 < len(added) <= _MOST or len(added) == len(b):
        return False
    before = b[start - 1] if start else ""
    after = b[end] if end < len(b) else ""
    language = longer.lexicon.language
    capitals = frozenset(map(stem, capitalised))
    names = capitals | _stems("things", language)
    numbered = before[-1:].isdecimal()
    if (numbered or before in names) and b[start] in _stems("editions", language):
        return True
    if after in names and b[end - 1] in _stems("regions", language):
        return True
    if b[start] not in capitals or b[start] in units(language):
        return False
    return numbered or not capitals.isdisjoint((before, after))


@cache
def _stems(name: str, language: str) -> frozenset[str]:
    known = lexicon(language)
    words = dict(known.things(name)) if name == "things" else known.words(name)
    return frozenset(map(stem, words))
