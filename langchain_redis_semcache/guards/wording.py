"""Two questions laid side by side: the words of each in one spelling, and where they differ.

Rule of this module: what is the same word in another form makes no difference, whatever it means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache

from .lexicon import lexicon
from .reading import Text

__all__ = [
    "edits",
    "frame",
    "gap",
    "groups",
    "joined",
    "phrases",
    "stem",
    "synonyms",
    "written_out",
]


@lru_cache(maxsize=16)
def frame(text: Text) -> tuple[str, ...]:
    """All words but articles and courtesies, as stems, with contractions written out."""
    known = text.lexicon
    spelled = written_out(known.language)
    found: list[str] = []
    for token in text.tokens:
        for word in spelled.get(token, (token,)):
            if word not in known.fillers and word not in known.courtesies:
                found.append(stem(word.removesuffix("'s")))
    return tuple(found)


def edits(a: Text, b: Text) -> tuple[list[str], list[str]]:
    """The words of the frames that only one of two questions has, each as often as it has it."""
    left, right = Counter(frame(a)), Counter(frame(b))
    return list((left - right).elements()), list((right - left).elements())


@lru_cache(maxsize=4)
def gap(a: Text, b: Text) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Where the frames begin to differ, and what each has until they are the same again."""
    left, right = frame(a), frame(b)
    shorter = min(len(left), len(right))
    start = 0
    while start < shorter and left[start] == right[start]:
        start += 1
    tail = 0
    while tail < shorter - start and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    return start, left[start : len(left) - tail], right[start : len(right) - tail]


_ENDINGS = ("ing", "ies", "es", "ed", "ly", "s", "e", "y")


@lru_cache(maxsize=2048)  # half of a guard's time goes by stems, and questions share their words
def stem(word: str) -> str:
    """Cut the commonest endings, so that "rises" meets "rising"; the result is no word."""
    if word.endswith(_ENDINGS):  # most words have none of them
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word[: -len(ending)]
                break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def joined(tokens: list[str], known: dict[str, list[tuple[str, ...]]]) -> Iterator[str]:
    """The tokens, where phrases that are known count as one word: "as well" is "as_well"."""
    skip = 0
    for place, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        for phrase in known.get(token, ()):
            if tuple(tokens[place : place + len(phrase)]) == phrase:
                yield "_".join(phrase)
                skip = len(phrase) - 1
                break
        else:
            yield token


@cache
def phrases(name: str, language: str) -> dict[str, list[tuple[str, ...]]]:
    """The entries of a list that are more than one word, longest first, by their first word."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in lexicon(language).lines(name):
        for entry in line.split():
            first, *rest = entry.split("_")
            if rest:
                found.setdefault(first, []).append((first, *rest))
    return {first: sorted(entries, key=len, reverse=True) for first, entries in found.items()}


@cache
def written_out(language: str) -> dict[str, list[str]]:
    """What contractions, and forms that only agree with another word, stand for."""
    return dict(lexicon(language).keyed("written_out"))


def synonyms(language: str) -> dict[str, set[int]]:
    """The lines of synonyms in which a word stands, by its stem."""
    return groups(("synonyms", "wordnet"), language)


@cache
def groups(names: tuple[str, ...], language: str) -> dict[str, set[int]]:
    """The lines of lists in which a word or a phrase stands, by its stem or stems."""
    found: dict[str, set[int]] = {}
    lines = (line for name in names for line in lexicon(language).lines(name))
    for number, line in enumerate(lines):  # some thousands of them: 10 ms at the first use
        for word in line.split():
            form = "_".join(map(stem, word.split("_"))) if "_" in word else stem(word)
            if form in found:
                found[form].add(number)
            else:
                found[form] = {number}
    return found
