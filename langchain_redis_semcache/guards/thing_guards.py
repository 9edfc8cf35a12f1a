"""Quotations, identifiers, dates and names: questions of one form about different things.

Rule of this module: both questions must name a thing of one kind that the other does not; a thing
that is left out, or is spelled in another way, is no objection.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from .continued import continued
from .lexicon import DEFAULT_LANGUAGE, lexicon
from .quantities import units
from .reading import FREE, VETO, Text, pair

__all__ = ["dates", "identifiers", "names", "quotes"]

# --- tables ---------------------------------------------------------------------------------------

Table = Mapping[str, tuple[str, str]]
"""Names, each with its kind and the name that stands for it."""

_MONEY = frozenset(("dollar", "euro", "pound", "yen", "rupee", "franc", "krone", "crypto"))
_HEAT = frozenset(("celsius", "fahrenheit", "kelvin"))
_NOT_ASKED_FOR = frozenset(("time", "percent"))
_EVERYDAY = frozenset(("foot", "yard", "yards", "stone", "stones", "quid", "bucks"))


def _named_units(language: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Units that say something without a number ("how tall in feet"), as word, kind, unit."""
    for word, unit in units(language).items():
        dimension = unit[0]
        kind = "money" if dimension in _MONEY else "heat" if dimension in _HEAT else dimension
        spelled_out = len(word) > 2 and word not in _EVERYDAY
        if dimension not in _NOT_ASKED_FOR and (spelled_out or word in ("km", "kg")):
            yield word, (kind, str(unit))


@cache
def _names(language: str) -> Table:
    return {**dict(_named_units(language)), **dict(lexicon(language).things("things"))}


@cache
def _dates(language: str) -> Table:
    return dict(lexicon(language).things("dates"))


# --- quoted strings, identifiers ------------------------------------------------------------------

_PUNCTUATION = ".,;:?!()\"'"
_LETTER = re.compile(r"\s[(\"']?([A-HJ-Z])(?![^\s.,;:?!)\"'])")


class _Patterns(NamedTuple):
    quoted: re.Pattern[str]
    chunk: re.Pattern[str]
    code: re.Pattern[str]
    hint: re.Pattern[str]
    capitalised: re.Pattern[str]
    version: re.Pattern[str]


@cache  # compiled at the first use, since importing the package must not take long
def _patterns() -> _Patterns:
    return _Patterns(
        quoted=re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“\n]+)“|«([^«»\n]+)»|`([^`\n]+)`"),
        chunk=re.compile(r"[^\s\"'`“”„\u2018\u2019«»()\[\]{}<>,;!?]+"),
        code=re.compile(
            r"[A-Za-z0-9]_[A-Za-z0-9]"  # snake_case
            r"|[a-z][A-Z]"  # camelCase
            r"|[A-Za-z]{2}\.[a-z]{2}|::"  # os.path, std::vector, example.com
            r"|^[~.]{0,2}[\\/][a-z]|[a-z]/[a-z.]{1,40}/[a-z]"  # paths
            r"|^--?[a-z]"  # --flag
            r"|\d\.\d{1,9}\.\d"  # 1.2.3
            r"|[A-Za-z]-?\d{3}"  # AB-10442
        ),
        # Without this there is no `code` in a text: most texts need no closer look.
        hint=re.compile(r"[a-z][A-Z]|[_/\\:\-\d]|\.\w"),
        capitalised=re.compile(r" ([A-Z][A-Za-z]+(?:'[a-z]+)?)"),
        version=re.compile(r"([a-z][a-z.-]{0,20}\d[\d.]{0,9})[a-z+]{1,3}|(\d{1,4})[a-e]"),
    )


def quotes(asked: str, cached: str, /) -> float:
    """Veto when both questions quote something and neither quotation is in the other text.

    The error "connection refused" / the error "connection reset". Quotation marks alone do not
    matter, and a quotation on one side only does not either.
    """
    of_a = _quotations(asked)
    return _exclusive(of_a, _quotations(cached), asked, cached) if of_a else FREE


def identifiers(asked: str, cached: str, /) -> float:
    """Veto when both questions name code, files, versions or orders, and not the same ones.

    os.path.join / os.path.split, order AB-10442 / order AB-10447, 1.2.3 / 1.2.4, GPT-4 / GPT-4o,
    /etc/hosts, and single letters: plan A / plan B, vitamin C / vitamin D.
    """
    # A letter at the beginning is an article or a pronoun.
    letters = _LETTER.findall(asked) if pair(asked, cached)[0].capitals else []
    others = _LETTER.findall(cached) if letters else []
    if others and set(letters) != set(others):
        return VETO
    if not _patterns().hint.search(asked):
        return FREE
    words_a, words_b = set(asked.split()), set(cached.split())
    only_a, only_b = words_a - words_b, words_b - words_a
    if _versions(only_a, only_b):
        return VETO
    of_a = _identifiers(only_a)
    return _exclusive(of_a, _identifiers(only_b), asked, cached) if of_a else FREE


def _versions(only_a: set[str], only_b: set[str]) -> bool:
    """Whether a name with a number is in the other text with a letter more: GPT-4/GPT-4o."""
    a, b = ({w.strip(_PUNCTUATION).casefold() for w in words} for words in (only_a, only_b))
    return not _without_letter(a).isdisjoint(b) or not _without_letter(b).isdisjoint(a)


def _without_letter(words: set[str]) -> set[str]:
    matches = map(_patterns().version.fullmatch, words)
    return {match[1] or match[2] for match in matches if match is not None}


def _quotations(raw: str) -> set[str]:
    return {"".join(groups).strip(" .,?!").casefold() for groups in _patterns().quoted.findall(raw)}


def _identifiers(words: set[str]) -> set[str]:
    # Nearly every word is plain, and asking for that is ten times as fast as the patterns.
    chunk, code = _patterns().chunk, _patterns().code
    unusual = [word for word in words if not (word.islower() and word.isalpha())]
    bare = [word.strip(_PUNCTUATION) for word in unusual]
    return {
        part.rstrip(".:").casefold()
        for word in bare
        if not (word.isalpha() and (word.islower() or word.istitle()))
        for part in chunk.findall(word)
        if code.search(part)
    }


def _exclusive(of_a: set[str], of_b: set[str], a: str, b: str) -> float:
    if not of_a or not of_b or of_a == of_b:
        return FREE
    a, b = a.casefold(), b.casefold()
    return VETO if any(s not in b for s in of_a) and any(s not in a for s in of_b) else FREE


# --- dates, names ---------------------------------------------------------------------------------


def dates(asked: str, cached: str, /) -> float:
    """Veto two questions that name different weekdays, months or feasts."""
    a, b = pair(asked, cached)
    return VETO if _other_thing(a, b, _dates(a.lexicon.language)) else FREE


def names(asked: str, cached: str, /) -> float:
    """Veto when the questions are about two different things of one kind.

    Known names of a closed kind count anywhere and in any case: France/Germany, python/java,
    metres/feet, aspirin/ibuprofen. Other names count when both are capitalised within an English
    sentence and stand between the same two words, unless they look like one word in two spellings.
    A name that goes on is another one: iPhone 14/iPhone 14 Pro, Mexico/Mexico City.
    """
    a, b = pair(asked, cached)
    table = _names(a.lexicon.language)
    if _other_thing(a, b, table):
        return VETO
    if len(a.tokens) != len(b.tokens):
        shorter, longer, raw = (a, b, cached) if len(a.tokens) < len(b.tokens) else (b, a, asked)
        if continued(shorter, longer, _proper(raw) if longer.capitals else frozenset()):
            return VETO
    if not (a.capitals and b.capitals):
        return FREE
    english = lexicon(DEFAULT_LANGUAGE)
    if english.telling.isdisjoint(a.words) or english.telling.isdisjoint(b.words):
        return FREE  # German capitalises nouns
    mine = _proper(asked) - b.words - english.stopwords
    others = _proper(cached) - a.words - english.stopwords if mine else mine
    if not others:
        return FREE
    places_a, places_b = _places(a, mine), _places(b, others)
    for place in places_a.keys() & places_b.keys():
        x, y = places_a[place], places_b[place]
        if not _same_name(x, y) and (x not in table or table[x] != table.get(y)):
            return VETO
    return FREE


def _other_thing(a: Text, b: Text, table: Table) -> bool:
    """Whether each text has a thing of one kind that the other has not."""
    if table.keys().isdisjoint(a.words - b.words):
        return False
    of_a, of_b = _by_kind(a.words, table), _by_kind(b.words, table)
    return any(
        things - of_b.get(kind, things) and of_b[kind] - things for kind, things in of_a.items()
    )


def _by_kind(words: frozenset[str], table: Table) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, thing in [table[word] for word in words if word in table]:
        found.setdefault(kind, set()).add(thing)
    return found


def _proper(raw: str) -> frozenset[str]:
    """Words with a capital letter that do not begin a sentence."""
    return frozenset(
        match[1].lower()
        for match in _patterns().capitalised.finditer(raw)
        if (before := raw[match.start() - 1]) == "," or before.islower() or before.isdecimal()
    )


def _places(text: Text, chosen: frozenset[str]) -> dict[tuple[str, str], str]:
    """The chosen words by the words around them."""
    padded = ["", *(token for token in text.tokens if token not in text.lexicon.fillers), ""]
    return {
        (padded[i - 1], padded[i + 1]): token for i, token in enumerate(padded) if token in chosen
    }


def _same_name(x: str, y: str) -> bool:
    """Whether two words may be one name: France/French, Ghandi/Gandhi, Arnab/Arnav."""
    if x[:4] == y[:4]:
        return True
    letters = Counter(x)
    letters.subtract(y)
    return len(x) > 4 and sum(map(abs, letters.values())) <= 2
