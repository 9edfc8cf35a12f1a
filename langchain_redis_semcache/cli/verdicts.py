"""What reviewers say of served hits, as labels that `semcache calibrate` reads: a file of lines.

Rule of this module: nothing that was judged is lost or asked about again, and the file is for its
owner's eyes, since it holds questions and answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._labels import add_label, label_file
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .. import RecordedHit


class Verdicts:
    """Labels in a file, the ones of earlier sessions included."""

    def __init__(self, path: Path) -> None:
        self._path = label_file(path)
        self._given: dict[tuple[str, str], bool] = {}
        if path.exists() and path.stat().st_size:
            from ..calibrate import load_pairs

            for row in load_pairs(path):
                if len(row) != 3:
                    raise ConfigurationError(f"{path} has questions of a stream, no pairs")
                self._given[row[0], row[1]] = row[2]

    def of(self, hit: RecordedHit) -> bool | None:
        """Return what was said of a hit's two questions."""
        return self._given.get((hit.stored, hit.asked))

    def add(self, hit: RecordedHit, right: bool) -> None:
        """Note whether the stored answer was right for what was asked."""
        self._given[hit.stored, hit.asked] = right
        add_label(self._path, hit.stored, hit.asked, right, hit.answer)
