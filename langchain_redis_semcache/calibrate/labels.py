"""Labelled questions: read from a file, and turned into what a cache stores and is asked.

Rule of this module: it knows texts and labels, no embeddings and no thresholds. Whatever is wrong
with a file is said with its name and line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ..errors import ConfigurationError


class Pair(NamedTuple):
    """Two questions, and whether the answer to the first is right for the second."""

    q1: str
    q2: str
    same: bool


class Answered(Pair):
    """A pair with the answer to its first question, which a judge may want to read."""

    answer = ""


class Clustered(NamedTuple):
    """A question of a stream; questions of one cluster share an answer."""

    q: str
    cluster: str


Rows: TypeAlias = Sequence[Pair] | Sequence[Clustered]

# As the cache does by default (max_question_chars): longer ones need an exact match.
LONGEST_QUESTION = 1000

_COLUMNS = {
    "q1": ("q1", "question1"),
    "q2": ("q2", "question2"),
    "answer": ("answer", "answer1", "a1"),
    "label": ("label", "is_duplicate", "same"),
    "q": ("q", "question", "text"),
    "cluster": ("cluster", "intent"),
}
_WANTED = (
    "pairs need the columns q1, q2 and label (or question1, question2, is_duplicate); "
    "clusters need q and cluster (or question, intent)"
)
_TRUE = {"1", "1.0", "true", "yes"}
_FALSE = {"0", "0.0", "false", "no"}


def load_pairs(path: str | PathLike[str]) -> Rows:
    """Read labelled pairs (q1, q2, label) or a stream (q, cluster) from .jsonl, .csv or .tsv."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text") from None
    kind = path.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        records = _json_records(path, text)
    elif kind in (".csv", ".tsv"):
        records = _csv_records(path, text, "\t" if kind == ".tsv" else ",")
    else:
        raise ConfigurationError(f"{path} must end in .jsonl, .ndjson, .csv or .tsv")
    rows = [_row(f"{path}, line {line}", record) for line, record in records]
    if not rows:
        raise ConfigurationError(f"{path} is empty: {_WANTED}")
    pairs = [row for row in rows if isinstance(row, Pair)]
    stream = [row for row in rows if isinstance(row, Clustered)]
    if pairs and stream:
        raise ConfigurationError(f"{path} has both pairs and clusters: give them one at a time")
    return pairs or stream


def _json_records(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not splitlines: JSON may hold U+2028 within a string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{path}, line {number} is not JSON") from None
        if not isinstance(record, dict):
            raise ConfigurationError(f"{path}, line {number} is not a JSON object")
        yield number, record


def _csv_records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # strict: a quotation mark that is never closed would swallow the rest of the file.
    reader = csv.DictReader(text.splitlines(True), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            yield reader.line_num, {key: value for key, value in record.items() if key}
    except csv.Error as error:
        raise ConfigurationError(f"{path}, line {reader.reader.line_num}: {error}") from None


def _row(where: str, record: Mapping[str, Any]) -> Pair | Clustered:
    lower = {key.strip().lower(): value for key, value in record.items()}

    def column(name: str) -> Any:
        return next((lower[alias] for alias in _COLUMNS[name] if alias in lower), None)

    first, second, label = column("q1"), column("q2"), column("label")
    if first is not None and second is not None and label is not None:
        pair = Answered(_text(where, first), _text(where, second), _label(where, label))
        pair.answer = str(column("answer") or "")
        return pair
    question, cluster = column("q"), column("cluster")
    if question is not None and cluster is not None and str(cluster).strip():
        return Clustered(_text(where, question), str(cluster))
    raise ConfigurationError(f"{where} has {', '.join(lower) or 'nothing'}: {_WANTED}")


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{where}: a question must be text, not {value!r}")
    return value


def _label(where: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigurationError(f"{where}: a label is 1 (same) or 0 (different), not {value!r}")
    return word in _TRUE


@dataclass(frozen=True)
class Labels:
    """What is stored, what is asked, and what is right, as indices into `texts`."""

    texts: list[str]
    stored: list[int]
    """Empty for a stream, which stores what it missed."""
    asked: list[int]
    stream: bool
    cluster: list[Hashable]
    """Texts of one cluster share an answer."""
    group: list[Hashable]
    """Texts joined by any label: what must not be torn apart when the data are split."""
    direct: dict[tuple[int, int], bool]
    notes: list[str] = field(default_factory=list)

    def right(self, asked: int, stored: int) -> bool:
        """Judge a hit: by its own label where it has one, else by the clusters."""
        said = self.said(asked, stored)
        return self.cluster[asked] == self.cluster[stored] if said is None else said

    def said(self, asked: int, stored: int) -> bool | None:
        """The label of these two themselves."""
        return self.direct.get((min(asked, stored), max(asked, stored)))

    def within(self, groups: set[Hashable]) -> Labels:
        """The part that belongs to these groups."""
        return Labels(
            self.texts,
            [i for i in self.stored if self.group[i] in groups],
            [i for i in self.asked if self.group[i] in groups],
            self.stream,
            self.cluster,
            self.group,
            self.direct,
        )


def arrange(rows: Iterable[Sequence[Any]]) -> Labels:
    """Decide what is stored and what is asked; pairs and clusters may also be plain tuples."""
    rows = list(rows)
    if rows and all(len(row) == 3 for row in rows):
        return _of_pairs([Pair(*row) for row in rows])
    if rows and all(len(row) == 2 for row in rows):
        return _of_stream([Clustered(*row) for row in rows])
    raise ConfigurationError("expected pairs (q1, q2, same) or questions (q, cluster), one or more")


def _of_pairs(pairs: list[Pair]) -> Labels:
    number: dict[str, int] = {}
    direct: dict[tuple[int, int], bool] = {}
    contradictions = 0
    for first, second, same in pairs:
        a = number.setdefault(first, len(number))
        b = number.setdefault(second, len(number))
        if a == b:
            continue
        key = (min(a, b), max(a, b))
        contradictions += direct.get(key, bool(same)) != bool(same)
        # Of two opinions the cautious one.
        direct[key] = bool(same) and direct.get(key, True)
    cluster = _joined(len(number), [key for key, same in direct.items() if same])
    group = _joined(len(number), direct)
    contradictions += sum(not same and cluster[a] == cluster[b] for (a, b), same in direct.items())
    firsts = dict.fromkeys(number[pair.q1] for pair in pairs)
    seconds = dict.fromkeys(number[pair.q2] for pair in pairs)
    notes = []
    if contradictions:
        notes.append(f"{contradictions} labels contradict others; a pair's own label counts.")
    return _without_long(
        Labels(
            list(number),
            list(firsts),
            [i for i in seconds if i not in firsts],
            False,
            cluster,
            group,
            direct,
            notes,
        )
    )


def _of_stream(stream: list[Clustered]) -> Labels:
    # A question that comes again is an exact hit and says nothing about thresholds.
    cluster: dict[str, str] = {}
    for question, name in stream:
        cluster.setdefault(question, name)
    contradictions = sum(cluster[question] != name for question, name in stream)
    notes = []
    if contradictions:
        notes.append(f"{contradictions} questions came again in another cluster; the first counts.")
    of_text: list[Hashable] = list(cluster.values())
    everything = list(range(len(cluster)))
    return _without_long(Labels(list(cluster), [], everything, True, of_text, of_text, {}, notes))


def _without_long(labels: Labels) -> Labels:
    long = {i for i, text in enumerate(labels.texts) if len(text) > LONGEST_QUESTION}
    if not long:
        return labels
    labels.notes.append(
        f"{len(long)} questions of more than {LONGEST_QUESTION} characters were left out: "
        "the cache serves them on an exact match only."
    )
    labels.stored[:] = [i for i in labels.stored if i not in long]
    labels.asked[:] = [i for i in labels.asked if i not in long]
    return labels


def _joined(count: int, links: Iterable[tuple[int, int]]) -> list[Hashable]:
    """Number the connected parts of a graph."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in links:
        parent[root(a)] = root(b)
    return [root(node) for node in range(count)]
