"""A question as the guards see it: its words, read once, and the quantities among them.

Everything here is total (any string gives a reading) and linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from ._guard_words import (
    CARDINALS,
    CURRENCY_SIGNS,
    NUMERALS,
    ORDINALS,
    PARTS,
    SCALES,
    SHORT_SCALES,
    SINGLES,
    STOPWORDS,
    UNITS,
)

# Words (don't, c++), numbers (5, 1,000, 3.10, 1/2, 15:30) and the marks that mean something here.
_NUMBER = r"\d+(?:[.,:/]\d+)*"
_ASCII_TOKEN = re.compile(rf"c\+\+|c#|[a-z]+(?:'[a-z]+)*|{_NUMBER}|[.!?;,$%/&]")
_TOKEN = re.compile(rf"c\+\+|c#|[^\W\d_]+(?:'[^\W\d_]+)*|{_NUMBER}|[.!?;,$€£¥₹%°/½¼¾&]")
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_DIGIT = re.compile(r"\d")
_DIGIT_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_BEYOND = [""] * 6  # so that looking ahead needs no test for the end
_BEFORE_UNIT = frozenset(("st", "nd", "rd", "th", "°", "degrees", "degree"))
_HEAT = {"c": "celsius", "f": "fahrenheit"}
_A_MOMENT = ("a", "per", "each", "every")  # before "second"
_LONGEST_NUMBER = 18  # digits that a float still tells apart, nearly; beyond, it is an identifier


class Quantity(NamedTuple):
    """A number with what it counts; `amount` is in the base unit of `dimension`."""

    text: str
    amount: float
    dimension: str | None


class Text:
    """One question: its words in lower case, those of them that carry meaning, its numbers."""

    __slots__ = ("content", "quantities", "tokens", "words")

    def __init__(self, raw: str) -> None:
        lower = raw.lower()
        # The plain pattern is twice as fast.
        self.tokens: list[str] = (
            _ASCII_TOKEN.findall(lower)
            if lower.isascii()
            else _TOKEN.findall(lower.replace(_APOSTROPHE, "'"))
        )
        self.words = frozenset(self.tokens)
        self.content = self.words - STOPWORDS
        has_number = _DIGIT.search(lower) or not self.words.isdisjoint(NUMERALS)
        self.quantities = _quantities(self.tokens) if has_number else []


@lru_cache(maxsize=16)
def read(text: str) -> Text:
    """Read a text; the small cache is what lets all guards of one pair share the reading."""
    return Text(text)


def _quantities(tokens: list[str]) -> list[Quantity]:
    """The numbers of a text, written as digits or as words, in order."""
    found: list[Quantity] = []
    end = 0
    starts = [i for i, token in enumerate(tokens) if token in NUMERALS or token[0].isdecimal()]
    padded = [*tokens, *_BEYOND]
    for start in starts:
        if start < end:
            continue  # part of the number before
        token = tokens[start]
        if token in NUMERALS:
            value, end = _spelled(padded, start)
            if value is None:
                continue
            values = [(_plain(value), value)]
        else:
            values, end = _digits(token), start + 1
        found.extend(Quantity(text, amount, None) for text, amount in values[:-1])
        last, end = _with_unit(padded, values[-1], start, end)
        found.append(last)
    return found


def _digits(token: str) -> list[tuple[str, float]]:
    """The numbers that one token of digits stands for: usually one, two in 130/85."""
    if token.isdecimal():
        return [_decimal(token)]
    if _DIGIT_GROUPS.fullmatch(token):
        return [_decimal(token.replace(",", ""))]
    if ":" in token:
        return [(token, math.nan)]
    parts = token.split("/")
    if len(parts) == 2 and all(map(str.isdecimal, parts)) and len(token) < 6:
        above, below = map(int, parts)
        if above < below <= 16:
            return [(_plain(above / below), above / below)]
    if len(parts) > 1:
        return [_decimal(part) for part in parts]
    if token.count(".") == 1 and "," not in token:
        return [_decimal(token)]
    if token.count(",") == 1 and "." not in token:
        return [_decimal(token.replace(",", "."))]
    if "." in token and "," not in token:
        return [(token, math.nan)]  # a version or an address: only the very same text is equal
    return [_decimal(part) for part in token.split(",")]


def _decimal(digits: str) -> tuple[str, float]:
    if len(digits) > _LONGEST_NUMBER or digits.count(".") > 1:
        return digits, math.nan
    amount = float(digits)
    # "3.10" and "3.1" may be versions, so a decimal keeps its text; "5.0" and "5" are the same.
    return (_plain(amount) if amount.is_integer() else digits), amount


def _plain(amount: float) -> str:
    """The one way to write an amount, whatever way it came."""
    return str(int(amount)) if amount.is_integer() else repr(amount)


def _spelled(tokens: list[str], start: int) -> tuple[float | None, int]:
    """The number that begins with the number word at `start`, and where it ends."""
    if tokens[start] in SINGLES:
        return SINGLES[tokens[start]], start + 1
    before = tokens[start - 1] if start else ""
    total = current = 0.0
    position = start
    while word := tokens[position]:
        following = tokens[position + 1]
        begun = position > start
        if word in CARDINALS:
            value = CARDINALS[word]
            if begun and not (current % 100 == 0 or (current % 10 == 0 and value < 10)):
                break  # "two three" are two numbers
            current += value
        elif word in SCALES:
            if not begun and word != "dozen" and before not in ("a", "per"):
                return None, position + 1  # "thousands of", "a few hundred"
            scaled = (current or 1.0) * SCALES[word]
            total, current = (total + scaled, 0.0) if scaled >= 1000 else (total, scaled)
        elif begun and word in PARTS and current < PARTS[word]:
            return (total + current) / PARTS[word], position + 1  # "two fifths"
        elif not begun and word in PARTS and before == "a" and following == "of":
            return 1 / PARTS[word], position + 1  # "a sixth of"
        elif word in ORDINALS:
            if not begun and word == "second" and (before in _A_MOMENT or following == "hand"):
                return None, position + 1
            if begun and not (current % 10 == 0 and ORDINALS[word] < 10):
                break  # "a five second break": a unit
            return total + current + ORDINALS[word], position + 1
        elif not (begun and word == "and" and following in CARDINALS and current >= 100):
            break
        position += 1
    return (total + current if position > start else None), max(position, start + 1)


def _with_unit(
    tokens: list[str], value: tuple[str, float], start: int, after: int
) -> tuple[Quantity, int]:
    """Attach the scale, suffix and unit that follow a number, or the currency sign before it."""
    text, amount = value
    before = tokens[start - 1] if start else ""
    scale = SHORT_SCALES.get(tokens[after]) or SCALES.get(tokens[after])
    if tokens[after] == "m" and before in CURRENCY_SIGNS:
        scale = 1e6
    if scale:
        amount *= scale
        text = text if math.isnan(amount) else _plain(amount)
        after += 1
    while tokens[after] in _BEFORE_UNIT:
        after += 1
    if before in CURRENCY_SIGNS:
        return Quantity(text, amount, UNITS[before][0]), after
    if amount < 1 and tokens[after] in ("a", "an", "of"):  # half a teaspoon
        after += 1
    here, following = tokens[after], tokens[after + 1]
    if here in ("am", "pm") or (here in ("a", "p") and tokens[after + 1 : after + 3] == [".", "m"]):
        hour, _, minutes = text.partition(":")
        if hour.isdecimal() and len(hour) <= 2:
            clock = int(hour) % 12 + (12 if here[0] == "p" else 0)
            return Quantity(f"{clock}:{minutes or '00'}", math.nan, None), after + 1
    if here in ("square", "sq") and following in UNITS:
        return Quantity(text, amount * UNITS[following][1] ** 2, "area"), after + 2
    if here in _HEAT and tokens[after - 1] == "°":
        here = _HEAT[here]
    if here in UNITS:
        dimension, factor = UNITS[here]
        return Quantity(text, amount * factor, dimension), after + 1
    return Quantity(text, amount, None), after
