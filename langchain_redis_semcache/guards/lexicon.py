"""The word lists of a language, read at their first use from words/<language code>/*.txt.

Rule of this module: a list is a file that a native reader can check, and a language is a folder;
what a folder lacks is empty. In every file a line that begins with # is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["DEFAULT_LANGUAGE", "Lexicon", "frequent", "languages", "lexicon", "probes", "telling"]

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent / "words"


class Lexicon:
    """What is known of the words of one language.

    A word earns its place by being unambiguous in a chat question. A missing word costs a guard one
    catch; an ambiguous one ("may", "second", "like") costs right answers every day.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.folder = _FOLDER / language
        self.telling = telling(language)
        self.stopwords = self.words("stopwords")
        self.negators = self.words("negators")
        self.soft_negators = self.words("soft_negators")
        self.denials = self.words("denials")
        self.not_negated = self.words("not_negated")
        self.clause_ends = self.words("clause_ends")
        self.clause_starts = self.words("clause_starts")
        self.symmetric = self.words("symmetric")
        self.fillers = self.words("fillers")
        self.personal = self.words("personal")
        self.question_words = self.words("question_words")
        self.auxiliaries = self.words("auxiliaries")
        self.courtesies = self.words("courtesies")
        self.elisions = self.words("elisions")
        ways = dict(self.keyed("directions"))
        self.sources = frozenset(ways.get("from", ()))
        self.targets = frozenset(ways.get("to", ()))
        self.alone = self.words("alone")
        kinds = dict(self.keyed("classes"))
        self.quantifiers = frozenset(kinds.get("quantifier", ())) - {"|"}

    def lines(self, name: str) -> list[str]:
        """The lines of a list that are no comment."""
        return _lines(self.folder / f"{name}.txt")

    def keyed(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """The lines `key: words` of a list."""
        for line in self.lines(name):
            key, _, words = line.partition(": ")
            yield key, words.split()

    def pairs(self, name: str) -> Iterator[tuple[list[str], list[str]]]:
        """The lines `left words | right words` of a list."""
        for line in self.lines(name):
            left, _, right = line.partition(" | ")
            yield left.split(), right.split()

    def things(self, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
        """The entries of a list `kind: names`, as name, kind and the name that stands for it."""
        for kind, entries in self.keyed(name):
            for entry in entries:
                word, _, same = entry.partition("=")
                yield word, (kind, same or word)

    def words(self, name: str) -> frozenset[str]:
        """The words of a list that has nothing but words."""
        return _set(self.folder / f"{name}.txt")


@cache
def telling(language: str) -> frozenset[str]:
    """Words that tell a language from all others; every text is searched for them."""
    return _set(_FOLDER / language / "telling.txt")


@cache
def frequent(language: str) -> frozenset[str]:
    """Words without content, which every text has, and those that tell the language."""
    return telling(language) | _set(_FOLDER / language / "stopwords.txt")


@cache
def probes() -> dict[str, tuple[str, str]]:
    """Two unrelated texts for each script, by its name."""
    found = {}
    for line in _lines(_FOLDER / "probes.txt"):
        script, _, texts = line.partition(": ")
        one, _, other = texts.partition(" | ")
        found[script] = (one, other)
    return found


def _set(path: Path) -> frozenset[str]:
    return frozenset(word for line in _lines(path) for word in line.split())


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@cache
def lexicon(language: str) -> Lexicon:
    return Lexicon(language)


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a folder, the default one first."""
    others = sorted(f.name for f in _FOLDER.iterdir() if f.is_dir() and f.name != DEFAULT_LANGUAGE)
    return DEFAULT_LANGUAGE, *others
