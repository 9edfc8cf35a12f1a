"""Labels that `semcache calibrate` reads: a line of a file for each verdict on a served answer.

Rule of this module: the file is for its owner's eyes, since it holds questions and answers, and
what says nothing of distances is left out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .errors import ConfigurationError


def label_file(given: str | os.PathLike[str]) -> Path:
    """Return the path of a file of labels; nothing is opened."""
    path = Path(given)
    if path.suffix != ".jsonl":
        raise ConfigurationError(f"labels are lines of JSON: {path} must end in .jsonl")
    return path


def add_label(path: Path, stored: str, asked: str, right: bool, answer: str) -> None:
    """Add whether the answer to a stored question was right for the one asked."""
    if stored == asked or not stored.strip() or not asked.strip():
        return
    label = {"q1": stored, "q2": asked, "label": int(right), "answer": answer}
    try:
        # In one write: other processes may add theirs.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(label) + "\n")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
