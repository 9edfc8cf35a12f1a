"""Opposites: enable/disable, before/after, best/worst, turn on/turn off, and their inflections.

Rule of this module: the two sides of a pair exclude each other in whatever question they are asked.
"""

from __future__ import annotations

from functools import cache
from itertools import chain, pairwise
from typing import NamedTuple

from .lexicon import lexicon
from .reading import Text
from .wording import stem

_LEAST_AFTER_ONE = 6
_LEAST = 4  # letters of a word that can have a prefix: renew is not re-new


def _verb_forms(verb: str) -> list[str]:
    stem = verb[:-1] if verb.endswith(("e", "y")) else verb
    doubled = verb + verb[-1]
    return [
        *(verb, verb + "s", verb + "es", verb + "d", verb + "ed", verb + "ing"),
        *(stem + "ing", stem + "ies", stem + "ied", doubled + "ed", doubled + "ing"),
    ]


def _adjective_forms(adjective: str) -> list[str]:
    stem = adjective.removesuffix("e")
    if stem.endswith("y"):
        stem = stem[:-1] + "i"
    doubled = adjective + adjective[-1]
    return [adjective, *(base + end for base in (stem, doubled) for end in ("er", "est"))]


class _Table(NamedTuple):
    sides: dict[str, tuple[int, ...]]
    """Every inflected word with the sides it stands for: +n is the left of pair n, -n its right."""
    shortest: int
    """The length of the shortest entry that stands for all its endings ("aktivier*"), or 0."""
    particles: list[tuple[int, str, str, frozenset[str]]]
    """The number of a pair, its left and right, and the verbs that they belong to."""
    on_off: frozenset[str]
    """The particles by themselves."""


@cache  # 2 ms of work: done at the first use, since importing the package must not take long
def _table(language: str) -> _Table:
    known = lexicon(language)
    irregular = dict(known.keyed("irregular"))
    number = 0
    sides: dict[str, set[int]] = {}
    for name, forms in (
        ("opposites_verbs", lambda verb: _verb_forms(verb) + irregular.get(verb, [])),
        ("opposites_adjectives", _adjective_forms),
        ("opposites", lambda word: [word]),
    ):
        for pair in known.pairs(name):
            number += 1
            for sign, words in zip((number, -number), pair, strict=True):
                for form in chain.from_iterable(map(forms, words)):
                    sides.setdefault(form, set()).add(sign)
    particles = []
    for pair_of_particles, verbs in known.keyed("particles"):
        number += 1
        left, right = pair_of_particles.split(" | ")
        particles.append((number, left, right, frozenset(verbs)))
    shortest = min((len(word) - 1 for word in sides if word.endswith("*")), default=0)
    on_off = frozenset(particle for _, *both, _ in particles for particle in both)
    table = {word: tuple(sorted(found)) for word, found in sides.items()}
    return _Table(table, shortest, particles, on_off)


def on_off(language: str) -> frozenset[str]:
    """Particles that a verb changes its meaning with: on, off, up, down."""
    return _table(language).on_off


def without_sides(words: frozenset[str], language: str) -> frozenset[str]:
    """The words that can take no side of any pair."""
    table = _table(language)
    return frozenset(w for w in words if not _sides_of(w, table) and w not in table.on_off)


def opposed(a: Text, b: Text) -> bool:
    """Whether one text takes one side of a pair, the other text the other, and neither both."""
    only_a, only_b = a.words - b.words, b.words - a.words
    if not only_a or not only_b:
        return False
    language = a.lexicon.language
    if _turned(a, b, only_a, only_b) or _turned(b, a, only_b, only_a):
        return True
    if only_a == without_sides(only_a, language) or only_b == without_sides(only_b, language):
        return False
    sides_a, sides_b = _sides(a.words, language), _sides(b.words, language)
    return any(
        -side in sides_b and side not in sides_b and -side not in sides_a for side in sides_a
    )


def _turned(a: Text, b: Text, only_a: frozenset[str], only_b: frozenset[str]) -> bool:
    """Whether a word of the first text is one of the second that is turned round."""
    language = a.lexicon.language
    if _lacking(only_a, only_b, language) or _prefixed(only_a, only_b, language):
        return True
    if "than" in only_a and _outdone(only_a, only_b):
        return True
    return _in_roles(only_a, only_b) or _steered(a, b)


def _outdone(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether one is more than something, and the other the most: cheaper than/the cheapest."""
    most = {word[:-2] for word in others if word.endswith("est")}
    return any(word[:-1] in most for word in words if word.endswith("er"))


def _in_roles(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether one does what is done to the other: payer/payee, lessor/lessee."""
    done_to = {word[:-2] for word in words if word.endswith("ee") and len(word) > _LEAST}
    return any(word[:-2] in done_to for word in others if word.endswith(("er", "or")))


def _steered(a: Text, b: Text) -> bool:
    """Whether one verb is followed by the two sides of a pair of particles: zoom in/zoom out."""
    table = _table(a.lexicon.language)
    if table.on_off.isdisjoint(a.words - b.words) or not (a.content ^ b.content) <= table.on_off:
        return False
    before_a, before_b = (_verbs_before(text, table.on_off) for text in (a, b))
    return any(
        not before_a.get(right, set()).isdisjoint(before_b.get(left, ()))
        for _, left, right, _ in table.particles
        if right not in b.words
    )


def _verbs_before(text: Text, particles: frozenset[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for before, token in pairwise(text.tokens):
        if token in particles and before not in text.lexicon.stopwords:
            found.setdefault(token, set()).add(before)
    return found


def _prefixed(words: frozenset[str], others: frozenset[str], language: str) -> bool:
    """Whether a word is one of the others with a prefix: paid/unpaid, install/reinstall."""
    prefixes, longest = _prefixes(language)
    long = [word for word in words if len(word) > _LEAST]
    if not long:
        return False
    plain = {stem(word) for word in others if len(word) >= _LEAST}
    return any(
        word[:size] in prefixes and stem(word[size:]) in plain
        for word in long
        for size in range(1, min(longest, len(word) - _LEAST) + 1)
        if size > 1 or len(word) > _LEAST_AFTER_ONE  # across is no a-cross
    )


def _lacking(words: frozenset[str], others: frozenset[str], language: str) -> bool:
    """Whether a word says that what another one says is not there: painless/painful."""
    for lacking, endings in _suffixes(language):
        for word in words:
            root = word.removesuffix(lacking)
            if root != word and (root in others or any(root + end in others for end in endings)):
                return True
    return False


@cache
def _suffixes(language: str) -> list[tuple[str, list[str]]]:
    pairs = lexicon(language).pairs("suffixes")
    return [(lacking, having) for (lacking,), having in pairs]


@cache
def _prefixes(language: str) -> tuple[frozenset[str], int]:
    found = lexicon(language).words("prefixes")
    return found, max(map(len, found), default=0)


def _sides(words: frozenset[str], language: str) -> set[int]:
    """The sides of the pairs of opposites that a text takes: +n or -n for pair n."""
    table = _table(language)
    found = {side for word in words for side in _sides_of(word, table)}
    for number, on, off, verbs in table.particles:
        if not verbs.isdisjoint(words):
            # "turn off notifications on my phone": "on" is an everyday word, "off" is not.
            if off in words:
                found.add(-number)
            elif on in words:
                found.add(number)
    return found


def _sides_of(word: str, table: _Table) -> tuple[int, ...]:
    found = table.sides.get(word, ())
    if table.shortest:
        beginnings = (word[:size] for size in range(len(word), table.shortest - 1, -1))
        of_all = next((table.sides[b + "*"] for b in beginnings if b + "*" in table.sides), ())
        found = (*found, *(side for side in of_all if side not in found))
    return found
