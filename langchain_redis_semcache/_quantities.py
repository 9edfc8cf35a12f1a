"""The numbers of a text: written as digits or as words, with what they count.

Rule of this module: two ways to write an amount give one quantity ("1k" and "1,000", "half" and
"50%"); what need not be an amount, like a version or a date, is equal to its own text only.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ._guard_words import word_set

# --- number words ---------------------------------------------------------------------------------

_ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""

CARDINALS: dict[str, float] = {
    **{word: float(value) for value, word in enumerate(_ONES.split())},
    **{word: float(10 * value) for value, word in enumerate(_TENS.split(), 2)},
}
SCALES: dict[str, float] = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "dozen": 12.0,
}
ORDINALS: dict[str, float] = {word: float(value) for value, word in enumerate(_ORDINALS.split(), 1)}
# "a third", "two fifths": the ordinal names a part when a smaller number stands before it.
PARTS: dict[str, float] = {
    "halves": 2.0,
    "quarter": 4.0,
    "quarters": 4.0,
    **{word + plural: v for word, v in ORDINALS.items() if v > 2 for plural in ("", "s")},
}
# Numbers by themselves, which do not combine with others.
SINGLES: dict[str, float] = {
    "half": 0.5,
    "½": 0.5,
    "¼": 0.25,
    "¾": 0.75,
    **dict.fromkeys(word_set("twice double doubles doubled doubling ii"), 2.0),
    **dict.fromkeys(word_set("thrice triple triples tripled tripling iii"), 3.0),
    **dict.fromkeys(word_set("quadruple quadruples quadrupled"), 4.0),
    **{"vii": 7.0, "viii": 8.0, "ix": 9.0},
}
# Every word that can begin a number.
NUMERALS = frozenset([*CARDINALS, *SCALES, *ORDINALS, *SINGLES, "quarter"])
SHORT_SCALES: dict[str, float] = {"k": 1e3, "mn": 1e6, "mio": 1e6, "bn": 1e9}

# --- units: word -> (dimension, factor) -----------------------------------------------------------

_HOUR, _DAY, _YEAR = 3600.0, 86400.0, 31536000.0
_UNIT_WORDS: dict[tuple[str, float], str] = {
    ("time", 1.0): "s sec secs second seconds",
    ("time", 60.0): "min mins minute minutes",
    ("time", _HOUR): "h hr hrs hour hours",
    ("time", _DAY): "day days night nights",
    ("time", 7 * _DAY): "week weeks wk wks",
    ("time", _YEAR / 12): "month months mo mos",
    ("time", _YEAR): "year years yr yrs yo",
    ("time", 10 * _YEAR): "decade decades",
    ("time", 100 * _YEAR): "century centuries",
    ("length", 0.001): "mm millimeter millimeters millimetre millimetres",
    ("length", 0.01): "cm centimeter centimeters centimetre centimetres",
    ("length", 1.0): "m meter meters metre metres",
    ("length", 1000.0): "km kms kilometer kilometers kilometre kilometres",
    ("length", 0.0254): "inch inches",
    ("length", 0.3048): "ft foot feet",
    ("length", 0.9144): "yard yards yd yds",
    ("length", 1609.344): "mile miles mi",
    ("mass", 1e-6): "mcg microgram micrograms",
    ("mass", 0.001): "mg milligram milligrams",
    ("mass", 1.0): "g gram grams gramme grammes",
    ("mass", 1000.0): "kg kgs kilo kilos kilogram kilograms",
    ("mass", 1e6): "tonne tonnes",
    ("mass", 28.35): "oz ounce ounces",
    ("mass", 6350.3): "stone stones",
    ("volume", 0.001): "ml milliliter milliliters millilitre millilitres",
    ("volume", 0.01): "cl centiliter centiliters centilitre centilitres",
    ("volume", 0.1): "dl deciliter deciliters decilitre decilitres",
    ("volume", 1.0): "l liter liters litre litres",
    ("volume", 0.00493): "tsp teaspoon teaspoons",
    ("volume", 0.01479): "tbsp tablespoon tablespoons",
    ("volume", 0.2366): "cup cups",
    ("volume", 0.4732): "pint pints",
    ("volume", 0.9464): "quart quarts",
    ("volume", 3.785): "gallon gallons gal",
    ("area", 1.0): "sqm qm m²",
    ("area", 0.0929): "sqft",
    ("area", 4046.9): "acre acres",
    ("area", 10000.0): "hectare hectares ha",
    ("data", 1e3): "kb kilobyte kilobytes",
    ("data", 1e6): "mb megabyte megabytes",
    ("data", 1e9): "gb gigabyte gigabytes",
    ("data", 1e12): "tb terabyte terabytes",
    ("power", 1.0): "w watt watts",
    ("power", 1000.0): "kw kilowatt kilowatts",
    ("voltage", 1.0): "v volt volts",
    ("energy", 1.0): "kwh",
    ("speed", 1.0): "kmh kph",
    ("speed", 1.609344): "mph",
    ("celsius", 1.0): "celsius centigrade",
    ("fahrenheit", 1.0): "fahrenheit",
    ("kelvin", 1.0): "kelvin",
    ("percent", 0.01): "% percent pct",
    ("dollar", 1.0): "$ dollar dollars usd bucks",
    ("dollar", 0.01): "cent cents",
    ("euro", 1.0): "€ euro euros eur",
    # A pound is money or a weight; as both are written "pound", they are one unit here.
    ("pound", 1.0): "£ pound pounds gbp quid lb lbs",
    ("yen", 1.0): "¥ yen jpy yuan cny rmb",
    ("rupee", 1.0): "₹ rupee rupees inr rs",
    ("franc", 1.0): "franc francs chf",
    ("krone", 1.0): "krone kroner krona kronor nok sek dkk",
    ("crypto", 1.0): "btc bitcoin bitcoins",
    ("crypto", 2.0): "eth ethereum",
}
UNITS: dict[str, tuple[str, float]] = {
    word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()
}
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


def quantities(tokens: list[str]) -> list[Quantity]:
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
