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

from ._guard_words import ENGLISH, FILLERS, STOPWORDS, word_set
from ._quantities import UNITS
from ._text import FREE, VETO, Text, read

__all__ = ["dates", "identifiers", "names", "quotes"]

# --- dates ----------------------------------------------------------------------------------------

# Short forms that are everyday words (sun, sat, mar) are left out. "May" and "march" are safe: two
# different dates of one kind are needed for an objection.
_WEEKDAYS = "monday tuesday=tue=tues wednesday thursday=thu=thur=thurs friday=fri saturday sunday"
_MONTHS = """january=jan february=feb march april=apr may june=jun july=jul august=aug
    september=sep=sept october=oct november=nov december=dec"""
_FEASTS = "christmas=xmas easter halloween thanksgiving ramadan"


def _dates() -> Iterator[tuple[str, tuple[str, str]]]:
    for kind, entries in (("weekday", _WEEKDAYS), ("month", _MONTHS), ("feast", _FEASTS)):
        for entry in entries.split():
            name, *short = entry.split("=")
            for word in (name, name + "s", *short):
                yield word, (kind, name)


_DATES: dict[str, tuple[str, str]] = dict(_dates())

# --- named things ---------------------------------------------------------------------------------

# kind -> names of things of which a question is about one; "a=b" are two ways to say the same.
_THINGS = {
    "place": """
    afghanistan albania algeria argentina argentine=argentina argentinian=argentina australia
    australian=australia austria austrian=austria bangladesh belgium belgian=belgium bolivia
    brazil brazilian=brazil bulgaria bulgarian=bulgaria cambodia cameroon canada canadian=canada
    chile china chinese=china colombia croatia cuba cyprus czechia czech=czechia denmark
    danish=denmark ecuador egypt egyptian=egypt england english=england british=uk britain=uk
    estonia ethiopia finland finnish=finland france french=france germany german=germany
    germans=germany ghana greece greek=greece hungary hungarian=hungary iceland india indian=india
    indians=india indonesia iran iraq ireland irish=ireland israel italy italian=italy jamaica
    japan japanese=japan kenya korea korean=korea kuwait latvia lebanon libya lithuania luxembourg
    malaysia malta mexico mexican=mexico morocco myanmar nepal netherlands dutch=netherlands
    nigeria nigerian=nigeria norway norwegian=norway oman pakistan pakistani=pakistan panama peru
    philippines filipino=philippines poland polish=poland portugal portuguese=portugal qatar
    romania russia russian=russia rwanda scotland scottish=scotland senegal serbia singapore
    slovakia slovenia somalia spain spanish=spain sudan sweden swedish=sweden switzerland
    swiss=switzerland syria taiwan tanzania thailand thai=thailand tunisia turkish=turkey uganda
    ukraine ukrainian=ukraine uruguay uk usa american=usa americans=usa venezuela vietnam
    vietnamese=vietnam wales welsh=wales yemen zambia zimbabwe europe european=europe asia
    asian=asia africa african=africa antarctica amsterdam athens atlanta bangalore bangkok
    barcelona beijing berlin bogota boston brussels budapest cairo calgary chennai chicago cologne
    copenhagen dallas delhi denver detroit dubai dublin edinburgh florence frankfurt geneva
    hamburg hanoi helsinki houston hyderabad istanbul jakarta karachi kolkata krakow kyiv kyoto
    lagos lisbon london lyon madrid manchester manila melbourne miami milan montreal moscow mumbai
    munich nairobi naples nyc osaka oslo paris philadelphia porto prague pune rome santiago
    seattle seoul shanghai stockholm stuttgart sydney tokyo toronto valencia vancouver venice
    vienna warsaw zurich alabama alaska arizona arkansas california colorado connecticut florida
    hawaii idaho illinois indiana iowa kansas kentucky louisiana maryland massachusetts michigan
    minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania
    tennessee texas utah vermont virginia wisconsin wyoming bavaria bihar catalonia gujarat kerala
    punjab queensland quebec tuscany""",
    "language": """
    python java javascript js=javascript typescript ts=typescript golang rust kotlin ruby
    perl php haskell scala julia fortran cobol matlab bash powershell lua erlang elixir clojure
    c++ c#""",
    "database": """
    mysql postgres postgresql=postgres sqlite mongodb mongo=mongodb redis oracle mariadb cassandra
    dynamodb elasticsearch snowflake bigquery""",
    "framework": """
    django flask fastapi rails laravel spring react angular vue svelte pytorch tensorflow keras
    pandas polars numpy spark""",
    "platform": """
    windows macos mac=macos linux ubuntu debian fedora android ios chromeos""",
    "device": "iphone ipad macbook pixel galaxy kindle playstation xbox chromebook laptop tablet",
    "cloud": "aws azure gcp heroku vercel netlify digitalocean cloudflare",
    "tool": "docker kubernetes podman git svn npm yarn pnpm pip conda maven gradle vim emacs",
    "company": """
    google microsoft apple amazon facebook meta=facebook netflix tesla toyota honda bmw audi
    mercedes volkswagen nissan hyundai samsung sony nokia motorola huawei xiaomi intel amd nvidia
    ibm infosys tcs wipro accenture deloitte uber lyft airbnb walmart ikea starbucks adidas nike
    puma paypal stripe revolut monzo visa mastercard amex ryanair easyjet lufthansa""",
    "app": """
    instagram twitter snapchat whatsapp tiktok linkedin pinterest tumblr reddit quora youtube
    telegram skype zoom teams slack discord gmail outlook hotmail spotify tinder kik messenger
    wordpress""",
    "file": "csv json xml yaml pdf docx xlsx parquet html markdown png jpeg jpg=jpeg gif svg wav",
    "planet": "mercury venus earth mars jupiter saturn uranus neptune pluto",
    "colour": "red blue green yellow black white purple pink brown grey gray=grey",
    "sport": """
    football soccer basketball baseball tennis badminton squash cricket rugby hockey golf volleyball
    handball swimming boxing wrestling skiing snowboarding cycling surfing""",
    "pet": "dog dogs=dog puppy=dog cat cats=cat kitten=cat hamster rabbit horse parrot goldfish",
    "faith": """
    christian christianity=christian christians=christian muslim islam=muslim muslims=muslim hindu
    hinduism=hindu hindus=hindu jewish judaism=jewish jews=jewish buddhist buddhism=buddhist""",
    "drink": "coffee tea beer wine vodka whisky whiskey=whisky rum gin milk juice water",
    "food": """
    chicken beef pork lamb fish salmon tuna turkey tofu rice pasta noodles potato potatoes=potato
    quinoa lentils chickpeas beans banana orange mango lemon strawberry
    tomato onion garlic carrot spinach broccoli cheese butter margarine yogurt""",
    "drug": """
    aspirin ibuprofen paracetamol acetaminophen=paracetamol tylenol=paracetamol advil=ibuprofen
    naproxen metformin insulin penicillin amoxicillin prednisone xanax zoloft prozac lexapro
    adderall ritalin codeine tramadol morphine claritin zyrtec benadryl""",
    "organ": """
    knee ankle wrist elbow shoulder hip neck ear eye nose throat tongue liver kidney lung heart
    brain stomach ovary prostate thyroid breast toe thumb hand leg arm""",
}

_MONEY = word_set("dollar euro pound yen rupee franc krone crypto")
_HEAT = word_set("celsius fahrenheit kelvin")
_NOT_ASKED_FOR = word_set("time percent")
_EVERYDAY = word_set("foot yard yards stone stones quid bucks")


def _named_units() -> Iterator[tuple[str, tuple[str, str]]]:
    """Units that say something without a number ("how tall in feet"), as word, kind, unit."""
    for word, unit in UNITS.items():
        dimension = unit[0]
        kind = "money" if dimension in _MONEY else "heat" if dimension in _HEAT else dimension
        spelled_out = len(word) > 2 and word not in _EVERYDAY
        if dimension not in _NOT_ASKED_FOR and (spelled_out or word in ("km", "kg")):
            yield word, (kind, str(unit))


def _named() -> Iterator[tuple[str, tuple[str, str]]]:
    for kind, entries in _THINGS.items():
        for entry in entries.split():
            word, _, same = entry.partition("=")
            yield word, (kind, same or word)


_NAMES: dict[str, tuple[str, str]] = {**dict(_named_units()), **dict(_named())}

# --- quoted strings, identifiers ------------------------------------------------------------------

_PUNCTUATION = ".,;:?!()\"'"
_LETTER = re.compile(r"\s[(\"']?([A-HJ-Z])(?![^\s.,;:?!)\"'])")


class _Patterns(NamedTuple):
    quoted: re.Pattern[str]
    chunk: re.Pattern[str]
    code: re.Pattern[str]
    hint: re.Pattern[str]
    capitalised: re.Pattern[str]


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

    os.path.join / os.path.split, order AB-10442 / order AB-10447, 1.2.3 / 1.2.4, /etc/hosts,
    and single letters: plan A / plan B, vitamin C / vitamin D.
    """
    # A letter at the beginning is an article or a pronoun.
    letters = _LETTER.findall(asked) if read(asked).capitals else []
    if letters and {*letters} != {*(others := _LETTER.findall(cached))} and others:
        return VETO
    if not _patterns().hint.search(asked):
        return FREE
    words_a, words_b = set(asked.split()), set(cached.split())
    of_a = _identifiers(words_a - words_b)
    return _exclusive(of_a, _identifiers(words_b - words_a), asked, cached) if of_a else FREE


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
    return VETO if _other_thing(read(asked), read(cached), _DATES) else FREE


def names(asked: str, cached: str, /) -> float:
    """Veto when the questions are about two different things of one kind.

    Known names of a closed kind count anywhere and in any case: France/Germany, python/java,
    metres/feet, aspirin/ibuprofen. Other names count when both are capitalised within an English
    sentence and stand between the same two words, unless they look like one word in two spellings.
    """
    a, b = read(asked), read(cached)
    if _other_thing(a, b, _NAMES):
        return VETO
    if not (a.capitals and b.capitals):
        return FREE
    if ENGLISH.isdisjoint(a.words) or ENGLISH.isdisjoint(b.words):  # German capitalises nouns
        return FREE
    mine = _proper(asked) - b.words - STOPWORDS
    others = _proper(cached) - a.words - STOPWORDS if mine else mine
    if not others:
        return FREE
    places_a, places_b = _places(a.tokens, mine), _places(b.tokens, others)
    for place in places_a.keys() & places_b.keys():
        if not _same_name(places_a[place], places_b[place]):
            return VETO
    return FREE


def _other_thing(a: Text, b: Text, table: Mapping[str, tuple[str, str]]) -> bool:
    """Whether each text has a thing of one kind that the other has not."""
    if table.keys().isdisjoint(a.words - b.words):
        return False
    of_a, of_b = _by_kind(a.words, table), _by_kind(b.words, table)
    return any(
        things - of_b.get(kind, things) and of_b[kind] - things for kind, things in of_a.items()
    )


def _by_kind(words: frozenset[str], table: Mapping[str, tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, thing in [table[word] for word in words if word in table]:
        found.setdefault(kind, set()).add(thing)
    return found


def _proper(raw: str) -> frozenset[str]:
    """Words with a capital letter that do not begin a sentence."""
    return frozenset(
        match[1].lower()
        for match in _patterns().capitalised.finditer(raw)
        if raw[match.start() - 1] == "," or raw[match.start() - 1].islower()
    )


def _places(tokens: list[str], chosen: frozenset[str]) -> dict[tuple[str, str], str]:
    """The chosen words by the words around them."""
    padded = ["", *(token for token in tokens if token not in FILLERS), ""]
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
