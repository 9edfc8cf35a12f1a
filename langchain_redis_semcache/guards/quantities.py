"""The numbers of a text: written as digits or as words, with what they count.

Rule of this module: two ways to write an amount give one quantity ("1k" and "1,000", "half" and
"50%"); what need not be an amount, like a version or a date, is equal to its own text only.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import NamedTuple

from .lexicon import lexicon

# --- tables ---------------------------------------------------------------------------------------


class Numerals(NamedTuple):
    """The number words of a language, with what they are worth; see words/en/numbers.txt."""

    cardinal: dict[str, float]
    scale: dict[str, float]
    ordinal: dict[str, float]
    part: dict[str, float]
    single: dict[str, float]
    short: dict[str, float]
    starts: frozenset[str]
    """Every word that can begin a number."""


@cache
def numerals(language: str) -> Numerals:
    kinds: dict[str, dict[str, float]] = {}
    for key, words in lexicon(language).keyed("numbers"):
        kind, value = key.split()
        kinds.setdefault(kind, {}).update(dict.fromkeys(words, float(value)))
    for kind in Numerals._fields[:-1]:
        kinds.setdefault(kind, {})
    starts = frozenset(word for kind in kinds if kind != "short" for word in kinds[kind])
    return Numerals(**kinds, starts=starts)


@cache
def units(language: str) -> dict[str, tuple[str, float]]:
    """Unit words with their dimension and how many of its base unit they are."""
    found: dict[str, tuple[str, float]] = {}
    for key, words in lexicon(language).keyed("units"):
        dimension, factor = key.split()
        found.update(dict.fromkeys(words, (dimension, float(factor))))
    return found


CURRENCY_SIGNS = frozenset("$€£¥₹")

# --- reading -------------------------------------------------------------------------------------

_BEYOND = [""] * 6  # so that looking ahead needs no test for the end
_BEFORE_UNIT = frozenset(("st", "nd", "rd", "th", "°", "degrees", "degree"))
_HEAT = {"c": "celsius", "f": "fahrenheit"}
_A_MOMENT = ("a", "per", "each", "every")  # before "second"
_LONGEST_NUMBER = 18  # digits that a float still tells apart, nearly; beyond, it is an identifier

_DIGIT_GROUPS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"


class Quantity(NamedTuple):
    """A number with what it counts; `amount` is in the base unit of `dimension`."""

    text: str
    amount: float
    dimension: str | None


def quantities(tokens: list[str], language: str) -> list[Quantity]:
    """The numbers of a text, written as digits or as words, in order."""
    found: list[Quantity] = []
    end = 0
    known = numerals(language)
    starts = [i for i, token in enumerate(tokens) if token in known.starts or token[-1].isdecimal()]
    padded = [*tokens, *_BEYOND]
    for start in starts:
        if start < end:
            continue  # part of the number before
        token = tokens[start]
        if token in known.starts:
            value, end = _spelled(padded, start, known)
            if value is None:
                continue
            values = [(_plain(value), value)]
        else:
            values, end = _digits(token), start + 1
        found.extend(Quantity(text, amount, None) for text, amount in values[:-1])
        last, end = _with_unit(padded, values[-1], start, end, language)
        found.append(last)
    return found


def _digits(token: str) -> list[tuple[str, float]]:
    """The numbers that one token of digits stands for: usually one, two in 130/85."""
    if token[0] == "-":
        (text, amount), *others = _digits(token[1:])
        return [("-" + text, -amount), *others]
    if token[0] == ".":
        return _digits("0" + token)
    if token.isdecimal():
        return [_decimal(token)]
    if "," in token and re.fullmatch(_DIGIT_GROUPS, token):
        return [_decimal(token.replace(",", ""))]
    if ":" in token:
        return [(token, math.nan)]
    parts = token.split("/")
    if len(parts) == 2 and all(map(str.isdecimal, parts)) and len(token) < 6:
        above, below = map(int, parts)
        if above < below <= 16:
            return [(_plain(above / below), above / below)]
    if len(parts) > 1:
        return [number for part in parts for number in _digits(part)]
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


def _spelled(tokens: list[str], start: int, known: Numerals) -> tuple[float | None, int]:
    """The number that begins with the number word at `start`, and where it ends."""
    if tokens[start] in known.single:
        return known.single[tokens[start]], start + 1
    cardinal, scale, ordinal, part = known[:4]
    before = tokens[start - 1] if start else ""
    total = current = 0.0
    position = start
    while word := tokens[position]:
        following = tokens[position + 1]
        begun = position > start
        if word in cardinal:
            value = cardinal[word]
            if begun and not (current % 100 == 0 or (current % 10 == 0 and value < 10)):
                break  # "two three" are two numbers
            current += value
        elif word in scale:
            if not begun and word != "dozen" and before not in ("a", "per"):
                return None, position + 1  # "thousands of", "a few hundred"
            scaled = (current or 1.0) * scale[word]
            total, current = (total + scaled, 0.0) if scaled >= 1000 else (total, scaled)
        elif begun and word in part and current < part[word]:
            return (total + current) / part[word], position + 1  # "two fifths"
        elif not begun and word in part and before == "a" and following == "of":
            return 1 / part[word], position + 1  # "a sixth of"
        elif word in ordinal:
            if not begun and word == "second" and (before in _A_MOMENT or following == "hand"):
                return None, position + 1
            if begun and not (current % 10 == 0 and ordinal[word] < 10):
                break  # "a five second break": a unit
            return total + current + ordinal[word], position + 1
        elif not (begun and word == "and" and following in cardinal and current >= 100):
            break
        position += 1
    return (total + current if position > start else None), max(position, start + 1)


def _with_unit(
    tokens: list[str], value: tuple[str, float], start: int, after: int, language: str
) -> tuple[Quantity, int]:
    """Attach the scale, suffix and unit that follow a number, or the currency sign before it."""
    text, amount = value
    before = tokens[start - 1] if start else ""
    numbers, known = numerals(language), units(language)
    scale = numbers.short.get(tokens[after]) or numbers.scale.get(tokens[after])
    if tokens[after] == "m" and before in CURRENCY_SIGNS:
        scale = 1e6
    if tokens[after : after + 2] == ["and", "a"] and numbers.single.get(tokens[after + 2]) == 0.5:
        amount += 0.5  # one and a half
        text, after = _plain(amount), after + 3
    if scale:
        amount *= scale
        text = text if math.isnan(amount) else _plain(amount)
        after += 1
    while tokens[after] in _BEFORE_UNIT:
        after += 1
    if before in CURRENCY_SIGNS:
        return Quantity(text, amount, known[before][0]), after
    if amount < 1 and tokens[after] in ("a", "an", "of"):  # half a teaspoon
        after += 1
    here, following = tokens[after], tokens[after + 1]
    if here in ("am", "pm") or (here in ("a", "p") and tokens[after + 1 : after + 3] == [".", "m"]):
        hour, _, minutes = text.partition(":")
        if hour.isdecimal() and len(hour) <= 2:
            clock = int(hour) % 12 + (12 if here[0] == "p" else 0)
            return Quantity(f"{clock}:{minutes or '00'}", math.nan, None), after + 1
    if here in ("square", "sq") and following in known:
        return Quantity(text, amount * known[following][1] ** 2, "area"), after + 2
    if here in _HEAT and tokens[after - 1] == "°":
        here = _HEAT[here]
    if here in known:
        dimension, factor = known[here]
        return Quantity(text, amount * factor, dimension), after + 1
    return Quantity(text, amount, None), after
